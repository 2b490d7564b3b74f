"""What a model server is: found by asking it, once, with short limits."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webbot.engines.remotes import faults
from webbot.engines.remotes.address import Address
from webbot.engines.remotes.asking import KNOWING, MORE
from webbot.engines.remotes.counting import Tokenize
from webbot.engines.remotes.faults import Fault, Refusals
from webbot.engines.remotes.wire import Head, Wire

MOST_BYTES = 8 * 1024 * 1024  # of a list of models
# Where a server does not say how its template frames messages: more than those of the common models take.
OPENING, FRAME, OPENING_PART = 64, 8, 16
WORD = "Hello"
OLLAMA_CONTEXT = 4096  # what Ollama gives a model that was told nothing else; it cuts longer prompts in silence
# The fields in which lists of models tell the window.
WINDOWS = ("max_model_len", "context_length", "context_window", "max_context_length")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """A server and the model that is asked there. `kind` is "llama.cpp", "vllm", "sglang", "tgi", "ollama", "webbot" or "" (any
    other); `unable` are the abilities that it is known not to have."""

    base: str
    kind: str
    model: str
    models: tuple[str, ...]
    context: int
    opening: int
    frame: int
    tokenize: Tokenize | None = None
    unable: frozenset[str] = frozenset()


class Looking:
    """Asks a server what it is. `seconds` is the limit of each question, of which there are few."""

    def __init__(self, wire: Wire, address: Address, refusals: Refusals, *, seconds: float = 5.0) -> None:
        self._wire, self._address, self._refusals, self._seconds = wire, address, refusals, seconds

    def look(self, model: str, context: int) -> About:
        """The server, for `model` ("" the first of its own) and a window of at most `context`. Raises Fault."""
        base, rows = self.models()
        chosen = next((row for row in rows if row["id"] == model), rows[0] if rows and not model else {})
        kind, window = self._kind(rows, chosen)
        model = model or chosen.get("id", "") or ("tgi" if kind == "tgi" else "")
        if not model:
            raise faults.unreadable(self._wire.host)
        if kind == "ollama":
            window = self._ollama(model)
        window = min(context, window) if window else context
        tokenize = self._tokenize(kind, model)
        opening, frame = self._frames(tokenize) if tokenize else (0, 0)
        return About(
            base=base, kind=kind, model=model, models=tuple(row["id"] for row in rows), context=window, tokenize=tokenize,
            unable=self._unable(kind, base, model), opening=opening or min(OPENING, window // OPENING_PART), frame=frame or FRAME,
        )

    def models(self) -> tuple[str, list[dict[str, Any]]]:
        """Where the API begins, and the rows of its list of models (each with an `id`). Raises Fault."""
        read = False
        for base in self._address.bases:
            head, body = self._ask("GET", f"{base}/models")
            if head.status in (404, 405):
                continue
            if head.status != 200:
                raise self._refusals.read(head.status, head.headers, body, sent={})
            rows = _rows(_json(body))
            if rows is not None:
                return base, rows
            read = True
        if not read and "max_total_tokens" in self._get("/info"):  # an older TGI lists no models
            return self._address.bases[0], []
        raise faults.unreadable(self._wire.host)

    # what only some servers tell

    def _kind(self, rows: Sequence[dict[str, Any]], chosen: dict[str, Any]) -> tuple[str, int]:
        """The kind of the server and the window that it tells, 0 for none."""
        owner = (chosen or (rows[0] if rows else {})).get("owned_by")
        meta = chosen.get("meta")
        if owner == "llamacpp":
            window = _number(meta.get("n_ctx")) if isinstance(meta, dict) else 0
            settings = self._get("/props").get("default_generation_settings") if not window else None
            return "llama.cpp", window or (_number(settings.get("n_ctx")) if isinstance(settings, dict) else 0)
        told = max((_number(chosen.get(name)) for name in WINDOWS), default=0)
        if owner in ("vllm", "sglang", "webbot"):
            return str(owner), told
        if told or self._address.openai:
            return "", told
        if window := _number(self._get("/info").get("max_total_tokens")):
            return "tgi", window
        return ("ollama", 0) if isinstance(self._get("/api/version").get("version"), str) else ("", 0)

    def _ollama(self, model: str) -> int:
        """The window that Ollama gives the model: as its file says, as it is loaded, or what is usual."""
        said = self._post("/api/show", {"model": model})
        for line in str(said.get("parameters", "")).splitlines():
            name, _, value = line.partition(" ")
            if name == "num_ctx" and value.strip().isdigit():
                return int(value)
        running = self._get("/api/ps").get("models")
        for row in running if isinstance(running, list) else ():
            if isinstance(row, dict) and row.get("model") in (model, f"{model}:latest") and _number(row.get("context_length")):
                return _number(row["context_length"])
        info = said.get("model_info")
        own = [_number(value) for name, value in _dict(info).items() if name.endswith(".context_length")]
        return min([OLLAMA_CONTEXT, *filter(None, own)])

    def _unable(self, kind: str, base: str, model: str) -> frozenset[str]:
        """llama.cpp's server makes embeddings only where it was started for them. Many servers, TGI and Ollama among them,
        ignore what OpenAI's API does not know."""
        unknown = frozenset() if kind in KNOWING else frozenset(MORE)
        if kind != "llama.cpp":
            return unknown
        try:
            head, _ = self._ask("POST", f"{base}/embeddings", {"model": model, "input": WORD})
        except Fault:
            return unknown
        return unknown if head.status == 200 else unknown | {"embed"}

    def _tokenize(self, kind: str, model: str) -> Tokenize | None:
        """The server's call that counts tokens, where it has one that works."""
        if kind not in ("llama.cpp", "vllm", "tgi"):
            return None
        call = Tokenize(kind, f"{self._address.root}/tokenize", model)
        try:
            return call if self._count(call, "one, two") > 1 else None
        except (Fault, ValueError):
            return None

    def _count(self, call: Tokenize, text: str) -> int:
        head, body = self._ask("POST", call.url, call.sent(text))
        if head.status != 200:
            raise ValueError("refused")
        return call.read(body)

    def _frames(self, call: Tokenize) -> tuple[int, int]:
        """What the model's template takes for a prompt and for each message, measured; (0, 0) where it cannot be."""
        try:
            word = self._count(call, WORD)
            whole = [self._whole(call, *roles) for roles in (("user",), ("user", "assistant", "user"))]
        except (Fault, ValueError):
            return 0, 0
        frame = max(1, math.ceil((whole[1] - whole[0] - 2 * word) / 2))
        opening = max(whole[0] - frame - word, whole[1] - 3 * (frame + word), 0)
        try:
            system = self._whole(call, "system", "user")
        except (Fault, ValueError):
            return opening, frame  # a template that knows no system message
        return max(opening, system - 2 * (frame + word)), frame

    def _whole(self, call: Tokenize, *roles: str) -> int:
        """The tokens of a whole prompt of one word for each role. Raises Fault or ValueError."""
        messages = [{"role": role, "content": WORD} for role in roles]
        if call.kind == "llama.cpp":
            prompt = self._post("/apply-template", {"messages": messages}).get("prompt")
            if not isinstance(prompt, str):
                raise ValueError("no prompt")
            sent = {**call.sent(prompt), "add_special": True, "parse_special": True}
            head, body = self._ask("POST", call.url, sent)
        elif call.kind == "vllm":
            sent = {"model": call.model, "messages": messages, "add_generation_prompt": True}
            head, body = self._ask("POST", call.url, sent)
        else:
            sent = {"model": call.model, "messages": messages}
            head, body = self._ask("POST", f"{self._address.root}/chat_tokenize", sent)
            body = json.dumps(_dict(_json(body)).get("tokenize_response")).encode()
        if head.status != 200:
            raise ValueError("refused")
        return call.read(body)

    # asking

    def _get(self, path: str) -> dict[str, Any]:
        return self._told("GET", path)

    def _post(self, path: str, sent: dict[str, Any]) -> dict[str, Any]:
        return self._told("POST", path, sent)

    def _told(self, method: str, path: str, sent: dict[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object that an address gives; {} where it gives none."""
        try:
            head, body = self._ask(method, f"{self._address.root}{path}", sent)
        except Fault:
            return {}
        return _dict(_json(body)) if head.status == 200 else {}

    def _ask(self, method: str, url: str, sent: dict[str, Any] | None = None) -> tuple[Head, bytes]:
        return self._wire.now(method, url, sent, seconds=self._seconds, most=MOST_BYTES)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _rows(said: Any) -> list[dict[str, Any]] | None:
    """The rows of a list of models that have a name; None for what is no such list. TGI of old gives them without a cover."""
    rows = said.get("data") if isinstance(said, dict) else said
    if isinstance(said, dict) and rows is None and said.get("object") == "list":
        return []  # Ollama without a model
    if not isinstance(rows, list):
        return None
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str) and row["id"]]


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31 else 0
