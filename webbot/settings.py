"""One table of settings, and the only reader of the environment.

Each field of `Settings` is a setting: `host` is WEBBOT_HOST. Its default, its sentence and the names that older systems used
stand beside it; docs/settings.md is made from here (`python -m webbot settings`), and a test holds the two together.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from webbot.errors import SettingsError

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "WEBBOT_"
# Names with the prefix that belong to the scripts, not to this table.
FOREIGN = frozenset({"WEBBOT_TEST_ALL", "WEBBOT_VENV", "WEBBOT_PYTHON"})
# Aliases that count something smaller: characters, of which a token has about four in English.
PARTS = {"MAX_CONTEXT_LENGHT": 4}
LEVELS = {
    "warn": "warning", "critical": "error", "fatal": "error", "trace": "debug", "notset": "debug", "verbose": "debug",
    "0": "debug", "10": "debug", "20": "info", "30": "warning", "40": "error", "50": "error",
}
KINDS = {int: "a whole number", float: "a number", bool: "yes or no", str: "a text", Path: "a path"}


def setting(
    default: Any, sentence: str, *, aliases: tuple[str, ...] = (), choices: tuple[str, ...] = (),
    least: float | None = None, most: float | None = None, secret: bool = False,
    synonyms: Mapping[str, str] | None = None,
) -> Any:
    """A row of the table. A `secret` is shown nowhere and is no option of the command line, which other users can see.

    `synonyms` are older words for a choice.
    """
    return field(
        default=default, repr=not secret,
        metadata={
            "sentence": sentence, "aliases": aliases, "choices": choices, "least": least, "most": most, "secret": secret,
            "synonyms": synonyms or {},
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set from outside. Paths are absolute."""

    # where it listens
    host: str = setting("127.0.0.1", "The address to listen on.")
    port: int = setting(8443, "The HTTPS port.", least=1, most=65535)
    lan: bool = setting(False, "Listen on all interfaces, for people who are invited, and serve the help page for phones.")
    lan_port: int = setting(8080, "The plain-HTTP port of the help page for phones (with lan only).", least=1, most=65535)
    hosts: tuple[str, ...] = setting((), "Further host names that the server answers to, separated by commas: a tunnel's name.")

    # who may come in
    access: str = setting(
        "", "Who may come in. open: everybody, each browser by itself; invite: people whom the owner invites by link; header: "
        "those whom a proxy names; oidc: those whom an OpenID provider signs in; code: everybody who has one access code. Empty: "
        "code where one is set, invite where others than this machine can reach the server, else open.",
        choices=("", "open", "invite", "header", "oidc", "code"),
    )
    open_to_all: bool = setting(False, "Start with `access=open` also where others can reach the server: everybody may use it.")
    access_code: str = setting("", "The access code, for `access=code`. Made by itself where none is set.", secret=True)
    owners: tuple[str, ...] = setting(
        (), "With `access` header or oidc: who owns this server, separated by commas: what the header says, or e-mail addresses "
        "that the provider has verified, or its subjects. Never a name that people choose.",
    )
    admitted: tuple[str, ...] = setting(
        (), "With `access` header or oidc: who may come in, the same or @domains, separated by commas. Empty: everybody whom the "
        "proxy or the provider lets through.",
    )
    user_id_header: str = setting(
        "X-Forwarded-User", "The header in which the proxy names the user.", aliases=("USER_ID_HEADER",),
    )
    proxy_secret: str = setting(
        "", "What the proxy sends as X-Proxy-Secret, 32 bytes or more, so that its headers are believed.", secret=True,
    )
    proxies: tuple[str, ...] = setting(
        (), "Addresses or networks of proxies whose headers are believed without a secret, separated by commas. A tunnel on this "
        "machine comes from 127.0.0.1 as well: with one, use the secret.",
    )
    proxy_port: int = setting(
        0, "A port over plain HTTP for a proxy that does the HTTPS (with `access=header` only). 0: none.", least=0, most=65535,
    )
    socket: str = setting(
        "", "A Unix socket for a proxy on this machine (with `access=header` only): whoever may open it is believed.",
    )
    oidc_url: str = setting("", "The address of the OpenID provider (its issuer), such as https://id.example.org/realms/home.")
    oidc_client: str = setting("", "The name under which the provider knows this server.")
    oidc_secret: str = setting("", "The secret that belongs to that name; empty for a public client.", secret=True)
    oidc_name: str = setting("OpenID", "What the button for signing in calls the provider.")
    turns_a_minute: int = setting(
        0, "How many questions a person may ask in a minute of the clock; 0: no limit. "
        "The owner can set another one for a person.",
        least=0, most=100_000,
    )
    tokens_a_day: int = setting(
        0, "How many tokens may be read and written for a person in a day (UTC); 0: no limit. As above.",
        least=0, most=2_000_000_000,
    )
    v1_origins: tuple[str, ...] = setting(
        (), "Origins of pages elsewhere that may call /v1 with a key (CORS), such as https://app.example.org. Empty: none.",
    )
    owner: str = setting(
        "session", "Whose conversations a visitor sees, with `access` open or code: of this browser's session, or of the whole "
        "home.",
        choices=("session", "home"),
    )

    # HTTPS
    certs: Path = setting(ROOT / "certs", "The folder of the certificate authority and the certificate.")
    certificate: str = setting("", "Your own certificate chain (PEM), used instead of the one made here.")
    certificate_key: str = setting("", "The key of your own certificate (PEM).")

    hsts: bool = setting(
        True, "Tell browsers to use HTTPS only for this host name. Some then refuse http:// on other ports of it, too.",
    )

    # what is kept
    data: Path = setting(ROOT / "data", "The folder of the database and the run-time files.")
    store: str = setting(
        "", "Where conversations and sessions are kept: sqlite:///PATH, postgresql://USER:PASSWORD@HOST/NAME or redis://HOST/0. "
        "Empty: webbot.db in the data folder.", aliases=("REDIS_OM_URL",), secret=True,
    )
    redis: str = setting(
        "", "The Redis through which several web processes tell one another what happens: redis://HOST/0. Empty: that of "
        "`store`, where it is one.", secret=True,
    )
    workers: int = setting(
        1, "Web processes. More than one need a Redis and share the models of this machine.", least=1, most=64,
    )
    max_file: int = setting(16, "The largest file that can be attached to a conversation, in MB.", least=1, most=256)
    titles: str = setting(
        "auto", "What names a new conversation: the model, once it has answered and is idle, or the first question. The starter "
        "model never does.", choices=("auto", "question"),
    )
    session_days: int = setting(30, "A session is forgotten after so many days without a visit.", least=1, most=3650)

    # the language model
    engine: str = setting(
        "local", "What answers: a local model, or the echo engine for tests.", choices=("local", "echo"),
    )
    model: str = setting(
        "", "The language model: a name from `./run_webbot.sh models`, a name on the hub, or a folder. "
        "Empty: Llama 3.2 1B if it is here, else the starter.", aliases=("MODEL_PATH",),
    )
    models: Path = setting(ROOT / "models", "The folder of downloaded models.")
    offline: bool = setting(False, "Never ask a model hub.")
    device: str = setting("auto", "Where models compute.", choices=("auto", "cpu", "cuda"))
    precision: str = setting(
        "auto", "The numbers of the language model. auto: bfloat16 where the processor has it, else float32.",
        choices=("auto", "bfloat16", "float32"),
    )
    weights: str = setting(
        "auto", "How the language model's weights are held: in its own precision (plain), in 8 bits (int8: half the memory of "
        "bfloat16, hardly a difference), or in 4 (int4: a third, other words now and then). auto: plain.",
        choices=("auto", "plain", "int8", "int4"),
    )
    gguf: str = setting(
        "", "A quantised model file (GGUF). It answers unless `model` names another one.", aliases=("LLAMA_MODEL_FILE",),
    )
    gpu_layers: int = setting(
        -1, "How many layers of a GGUF model the GPU computes, where the package was built for one; -1: all.",
        least=-1, most=10_000,
    )
    unload_after: int = setting(
        0, "A model that nobody has asked for so many seconds leaves the memory; the next question loads it again. 0: never.",
        least=0, most=604_800,
    )
    model_memory: float = setting(
        0.0, "What all models together may take of the GPU's memory (without a GPU: of this machine's), in GB; 0: what there is.",
        least=0, most=100_000,
    )

    # models that run elsewhere
    remote_url: str = setting(
        "", "The address of a model server with OpenAI's API (TGI, vLLM, Ollama, llama-server, another webbot), such as "
        "http://192.168.1.5:8000/v1. It answers unless `model` or `gguf` names another one.", aliases=("LLM__URL",),
    )
    remote_key: str = setting("", "The key of that server.", aliases=("LLM__CREDS",), secret=True)
    remote_model: tuple[str, ...] = setting(
        (), "The models of that server, separated by commas; the first one answers. Empty: those that the server lists.",
        aliases=("LLM__MODEL",),
    )
    remote_end: str = setting("", "A text at which that server's answers end.", aliases=("LLM__EOS_TOKEN",))
    openai_key: str = setting(
        "", "A key for OpenAI. Models that are not here are then asked there when a program names them.",
        aliases=("OPENAI_API_KEY",), secret=True,
    )
    openai_url: str = setting("https://api.openai.com/v1", "The address of OpenAI.")
    openai_models: tuple[str, ...] = setting((), "OpenAI's models that the page's menu shows, separated by commas.")

    # how the language models compute
    context: int = setting(
        8192, "The window in tokens; never more than the model's own.", aliases=("LLAMA_CONTEXT_SIZE", "MAX_CONTEXT_LENGHT"),
        least=256, most=1_048_576,
    )
    parallel: int = setting(8, "How many answers are computed together.", least=1, most=256)
    cache_memory: float = setting(
        0.0, "What the language model may keep conversations in, in GB, so that their next questions begin at once; never less "
        "than one window takes. 0: on a GPU all that is free, else what `context` and `parallel` need and some more.",
        least=0, most=100_000,
    )
    queue: int = setting(64, "How many answers may wait; more are refused with 429.", least=0, most=10_000)
    queue_owner: int = setting(8, "How many of these may be of one person.", least=1, most=10_000)
    threads: int = setting(0, "Processor threads of each model; 0 leaves it to torch.", least=0, most=1024)
    temperature: float = setting(0.7, "How freely answers are sampled; 0 is always the likeliest token.", least=0, most=2)
    top_p: float = setting(
        0.95, "Tokens are sampled from the likeliest ones that together have this probability.", least=0, most=1,
    )
    max_answer: int = setting(0, "The longest answer in tokens; 0 means: what the window leaves.", least=0, most=1_048_576)
    grace: int = setting(300, "An answer that nobody follows for so many seconds is stopped.", least=1, most=86_400)
    token_timeout: int = setting(60, "An answer without a new token for so many seconds ends with an error.", least=1, most=3600)

    embedding_model: str = setting(
        "", "A sentence-embedding model for programs: a folder in the form of sentence-transformers, with safetensors. "
        "Empty: the language model alone makes embeddings.",
    )

    # speech
    speech: bool = setting(True, "Turn microphone audio into text.")
    speech_model: str = setting(
        "base", "The Whisper model: a name of openai-whisper or a file. The starter stands in while it is not here.",
    )
    speech_engine: str = setting(
        "whisper", "What computes Whisper: openai-whisper, or ctranslate2, which is faster without a GPU.",
        choices=("whisper", "ctranslate2"),
    )
    speech_language: str = setting("", "The language that is spoken, like en or zh. Empty: found from the audio.")
    voice: str = setting(
        "", "The file (.onnx) of a voice of piper that speaks for programs, where piper is installed. Empty: espeak-ng speaks.",
    )
    audio_seconds: int = setting(600, "The longest recording in seconds.", least=1, most=3600)
    max_upload: int = setting(64, "The largest upload in MB.", least=1, most=2048)

    # texts
    role: str = setting("You are a helpful, friendly assistant.", "The system prompt of a new conversation.")
    language: str = setting("", "The language of the pages (en, zh). Empty: what the browser asks for.", choices=("", "en", "zh"))
    texts: str = setting("", "A folder with welcome.textile, help.textile and roles/*.textile that replace the texts in the box.")
    rate_limit: int = setting(
        120, "How many changes (questions, uploads, ...) one session may ask for in a minute.", least=1, most=100_000,
    )

    # programs
    program_rate_limit: int = setting(
        3000, "How many requests one program (its key and address) may send in a minute.", least=1, most=1_000_000,
    )

    leonid_secret: str = setting(
        "", "The secret that Leonid's clients sign their tokens with (HS256), 32 bytes or more. Empty: who they say they are is "
        "believed, and only on a server that nobody but this machine reaches.", secret=True,
    )
    leonid_port: int = setting(
        0, "A port of its own for Leonid's clients, over plain HTTP and on this machine only: 5001, as it was. 0: none.",
        least=0, most=65535,
    )
    socrates: str = setting(
        "You are Socrates of Athens. You answer in one to three short sentences of plain words, kindly and with a little irony. "
        "You seldom claim to know; you rather ask one question back that helps the other to think further.",
        "The system prompt of the Socratic door, POST /prompt.",
    )

    # operation
    log_level: str = setting(
        "info", "How much is logged. Upper case, WARN, CRITICAL and Python's numbers (20) are understood, too.",
        aliases=("LOG_LEVEL",), choices=("debug", "info", "warning", "error"), synonyms=LEVELS,
    )
    question_bytes: int = setting(
        65536, "The longest question in bytes; the model's window usually ends sooner.", least=256, most=10_485_760,
    )

    @property
    def max_upload_bytes(self) -> int:
        return self.max_upload * 1024 * 1024

    @property
    def reached(self) -> bool:
        """Whether others than this machine may reach the server."""
        return bool(self.lan or self.hosts or self.host not in ("127.0.0.1", "::1", "localhost"))

    @property
    def mode(self) -> str:
        """Who may come in: `access`, or what follows from the others."""
        return self.access or ("code" if self.access_code else "invite" if self.reached else "open")

    @property
    def protected(self) -> bool:
        """Whether the server asks who is there."""
        return self.mode != "open"

    @property
    def private(self) -> bool:
        """Whether nobody but this machine reaches the server, and nobody is asked: whoever says who they are is believed."""
        return not self.reached and not self.protected

    @property
    def has_people(self) -> bool:
        """Whether it knows persons, each with conversations of their own."""
        return self.mode in ("invite", "header", "oidc")


def table() -> list[dataclasses.Field[Any]]:
    """The settings in their order."""
    return list(dataclasses.fields(Settings))


def load(environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Settings from the environment (os.environ unless given), overridden by `given` (from the command line).

    Raises SettingsError for an unknown WEBBOT_ name and for a value that does not fit.
    """
    environ = os.environ if environ is None else environ
    kinds = get_type_hints(Settings)
    known = {PREFIX + row.name.upper(): row for row in table()}
    for name in environ:
        if name.startswith(PREFIX) and name not in known and name not in FOREIGN:
            raise SettingsError("{name} is not a setting. See docs/settings.md for the names.", name=name)
    values: dict[str, Any] = {}
    for name, row in known.items():
        for candidate in (name, *row.metadata["aliases"]):
            if environ.get(candidate, "") != "":
                values[row.name] = _read(candidate, environ[candidate], kinds[row.name], row.metadata)
                break
    values |= {name: value for name, value in given.items() if value is not None}
    return Settings(**values)


def spelled(settings: Settings) -> dict[str, str]:
    """The settings as the environment names them, for another process of webbot: `load` reads the same from it."""

    def text(value: Any) -> str:
        return ",".join(value) if isinstance(value, tuple) else str(value)

    return {PREFIX + row.name.upper(): text(getattr(settings, row.name)) for row in table()}


def environment() -> Mapping[str, str]:
    """That of this process, secrets and all: only for `surroundings`, which says what of it others are told."""
    return dict(os.environ)


def _read(name: str, text: str, kind: Any, row: Mapping[str, Any]) -> Any:
    try:
        value = _convert(text, kind)
    except ValueError:
        raise SettingsError("{name} is {value}: {kind} is needed.", name=name, value=repr(text[:40]),
                            kind=KINDS.get(kind, "list")) from None
    if row["choices"]:
        value = row["synonyms"].get(str(value).lower(), str(value).lower())
        if value not in row["choices"]:
            raise SettingsError("{name} is {value}: one of {choices} is needed.", name=name, value=repr(text[:40]),
                                choices=", ".join(repr(choice) for choice in row["choices"]))
    part = PARTS.get(name, 1)
    if row["least"] is not None and not row["least"] * part <= value <= row["most"] * part:
        raise SettingsError("{name} is {value}: it must be from {least} to {most}.", name=name, value=value,
                            least=row["least"] * part, most=row["most"] * part)
    return value // part if part > 1 else value


def _convert(text: str, kind: Any) -> Any:
    if kind is bool:
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off"):
            return False
        raise ValueError(text)
    if kind is Path:
        return Path(text).expanduser().resolve()
    if kind == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return kind(text)
