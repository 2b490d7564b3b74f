"""What is missing on this machine, and the remedy. Looks, but changes and starts nothing of webbot."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from webbot import certs, makers, server
from webbot.addresses import in_url, lan_addresses
from webbot.engines import embedding_folder
from webbot.engines.remote import list_models
from webbot.engines.remotes.address import Address
from webbot.errors import Problem, SettingsError
from webbot.models import catalog, manifest, plan
from webbot.models.catalog import Found
from webbot.progress import size_text
from webbot.settings import ROOT, Settings
from webbot.surroundings import process_environment

HUB_SECONDS = 2.0
MOST_NAMES = 5
LEAST_FREE = 1_000_000_000  # bytes
LLAMA_NEEDS = 4_000_000_000  # bytes: Llama 3.2 1B with room for the download
TORCH = """
import torch
print(torch.__version__)
print(torch.cuda.get_device_name(0) if torch.cuda.is_available() else "")
print(torch.cuda.is_bf16_supported() if torch.cuda.is_available() else "")
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. Without a remedy it is well; `needed` says whether webbot can do without."""

    what: str
    remedy: str = ""
    needed: bool = True


def examine(settings: Settings, *, running: bool = False) -> Iterator[Finding]:
    """The findings, quick ones first. Beside a server that is `running` nobody tries its ports, or asks torch, which it uses."""
    yield _python()
    yield from _packages()
    yield _ffmpeg()
    yield from _data(settings)
    yield _store(settings)
    yield _certificate(settings)
    if not running:
        yield from _ports(settings)
    yield _phones(settings)
    yield from _models(settings)
    yield _hub(settings)
    if settings.remote_url:
        yield _remote(settings)
    if not running:
        yield from _torch()


def _python() -> Finding:
    version = sys.version.split()[0]
    return Finding(f"Python {version}", "" if sys.version_info >= (3, 11) else "webbot needs Python 3.11 or newer.")


def _packages() -> Iterator[Finding]:
    wrong = []
    pins = re.findall(r"^([\w.-]+)==([\w.]+)", "".join(
        (ROOT / name).read_text() for name in ("requirements.txt", "requirements-speech.txt")), re.MULTILINE)
    for name, pinned in pins:
        try:
            held = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        if held.split("+")[0] != pinned:
            wrong.append(f"{name} is {held} instead of {pinned}")
    if wrong:
        yield Finding("Packages: " + ", ".join(wrong), "Run ./run_webbot.sh --install")
    else:
        yield Finding(f"Packages: all {len(pins)} as pinned")


def _ffmpeg() -> Finding:
    if found := shutil.which("ffmpeg"):
        return Finding(f"ffmpeg: {found}")
    try:
        import imageio_ffmpeg

        return Finding(f"ffmpeg: {imageio_ffmpeg.get_ffmpeg_exe()}")
    except (ImportError, RuntimeError):
        return Finding("ffmpeg is missing: recordings of most browsers cannot be read",
                       "Run ./run_webbot.sh --install, or install ffmpeg with the system's package manager.")


def _data(settings: Settings) -> Iterator[Finding]:
    try:
        server.refuse_open_data(settings)
        probe = settings.data / ".doctor"
        probe.write_bytes(b"")
        probe.unlink()
    except (SettingsError, OSError) as problem:
        yield Finding(f"Data folder {settings.data}: {problem}", "Make it writable, or set WEBBOT_DATA to another folder.")
        return
    free = shutil.disk_usage(settings.data).free
    remedy = f"Make room: webbot should have {LEAST_FREE / 1e9:.0f} GB." if free < LEAST_FREE else ""
    yield Finding(f"Data folder {settings.data}: {free / 1e9:.1f} GB free", remedy)
    place = settings.models if settings.models.exists() else settings.models.parent
    room = shutil.disk_usage(place).free
    if room < LLAMA_NEEDS:
        yield Finding(f"Models folder {settings.models}: {room / 1e9:.1f} GB free",
                      f"Llama 3.2 needs {LLAMA_NEEDS / 1e9:.0f} GB there; the starter does without.", needed=False)


def _store(settings: Settings) -> Finding:
    """Where conversations are kept, and whether it can be used. A SQLite file is only read; a database server is opened as the
    start does it, which makes the tables that are not there."""
    try:
        at = makers.store_address(settings)
        if at.path is not None:
            return _store_file(at.path)
        store = makers.open_store(at)
        try:
            store.check()
        finally:
            store.close()
    except SettingsError as problem:
        return Finding("Store", f"{problem} The setting is WEBBOT_STORE.")
    except Problem as problem:
        return Finding(f"Store {at.shown}", str(problem))
    limit = "" if store.searches_texts else "; search looks at titles only"
    return Finding(f"Store {at.shown}: can be read and written{limit}")


def _store_file(path: Path) -> Finding:
    if not path.exists():
        return Finding(f"Store {path}: is made at the first start")
    if path.stat().st_mode & 0o077:
        return Finding(f"Store {path} can be read by other users of this machine", f"Run: chmod 600 {path}")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)) as raw:
            (count,) = raw.execute("SELECT count(*) FROM conversations").fetchone()
    except sqlite3.Error as error:
        return Finding(f"Store {path}: {error}", "Run ./run_webbot.sh store check, and restore a backup where it is damaged.")
    return Finding(f"Store {path}: {count} conversations, {size_text(path.stat().st_size)}")


def _certificate(settings: Settings) -> Finding:
    try:
        if not settings.certificate and not (settings.certs / "webbot.pem").exists():
            return Finding("Certificate: is made at the first start")
        files = certs.ensure(settings)
        if sentence := certs.warning(files):
            return Finding("Certificate", sentence)
        facts = certs.facts(files.chain)
        return Finding(f"Certificate: until {facts.ends:%Y-%m-%d}, for {', '.join(facts.names)}")
    except SettingsError as problem:
        return Finding("Certificate", str(problem))


def _ports(settings: Settings) -> Iterator[Finding]:
    for port in server.ports(settings):
        try:
            for sock in server.listen(port):
                sock.close()
        except SettingsError as problem:
            yield Finding(str(problem), "If webbot is running already, all is well.", needed=False)
        else:
            yield Finding(f"Port {port.number} is free")


def _phones(settings: Settings) -> Finding:
    if settings.private:
        return Finding("Reached from this machine only; other machines and phones: start with --lan")
    if settings.certificate:
        return Finding("Other machines use your own certificate")
    address = next(map(in_url, lan_addresses()), "this machine's address")
    if not settings.lan:
        return Finding("Other machines must trust certs/ca.pem, or their browsers give no microphone: see certs/README.md")
    return Finding(f"Phones get the certificate at http://{address}:{settings.lan_port}; without it browsers give no microphone")


def _models(settings: Settings) -> Iterator[Finding]:
    for part in ("chat", "speech"):
        found = any(path.stat().st_size > 1_000_000 for path in (ROOT / "starter" / part).rglob("*") if path.is_file())
        remedy = "" if found else "Fetch the repository again: the model files in starter/ are part of it."
        yield Finding(f"Starter model ({part})", remedy)
    if settings.embedding_model:
        yield _embedding(settings)
    if settings.engine != "echo":
        yield _language_model(settings)
    if damaged := [finding for found in catalog.here(settings) if (finding := _damage(found))]:
        yield from damaged


def _language_model(settings: Settings) -> Finding:
    """The model that answers when the server starts, and whether the memory holds it."""
    chosen = catalog.choose(settings)
    there = plan.room(settings)
    where = "of the GPU" if there.what == "GPU" else "of this machine"
    if chosen.path is None or not chosen.path.exists():
        return Finding(f"Language model {chosen.spelled or chosen.name}: not at {chosen.path}",
                       "There is no such folder or file. `python -m webbot models` lists what is here.")
    try:
        needed = plan.need(chosen, settings)
        plan.check({chosen.name: plan.least(chosen, settings)}, settings)
    except Problem as problem:
        return Finding(f"Language model {chosen.name}", str(problem))
    return Finding(f"Language model {chosen.name}: needs {needed / 1e9:.1f} of {there.total / 1e9:.1f} GB {where}")


def _damage(found: Found) -> Finding | None:
    """A model that was downloaded and is not whole any more."""
    try:
        if found.path is not None:
            manifest.check(found.path)
        return None
    except Problem as problem:
        return Finding(f"Model {found.name}: {problem}", f"Run `python -m webbot models pull {found.name}`.", needed=False)


def _embedding(settings: Settings) -> Finding:
    folder = Path(settings.embedding_model).expanduser().resolve()
    try:
        form = embedding_folder.examine(folder)
    except (Problem, OSError) as problem:
        return Finding(f"Embedding model {folder}", str(problem))
    return Finding(f"Embedding model {folder.name}: {form.pooling} pooling")


def _hub(settings: Settings) -> Finding:
    if settings.offline:
        return Finding("Model hub: not asked (offline)")
    from huggingface_hub import constants

    parts = urlsplit(constants.ENDPOINT)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), HUB_SECONDS).close()
        return Finding(f"Model hub: {parts.hostname} answers")
    except OSError:
        return Finding(f"Model hub: {parts.hostname} does not answer",
                       "Llama 3.2 cannot be downloaded now; the starter answers. A model's folder works too: --model FOLDER.",
                       needed=False)


def _remote(settings: Settings) -> Finding:
    """The model server elsewhere: which models it lists."""
    try:
        host = Address.parse(settings.remote_url).host
    except SettingsError as problem:
        return Finding("Model server: WEBBOT_REMOTE_URL is no address", str(problem))
    try:
        listed = list_models(settings.remote_url, settings.remote_key)
    except Problem as problem:
        return Finding(f"Model server {host}: its models cannot be listed", str(problem))
    missing = [name for name in settings.remote_model if name not in listed]
    if listed and missing:
        return Finding(f"Model server {host}: lists no {', '.join(missing)}", f"It has {_few(listed)}: see WEBBOT_REMOTE_MODEL.",
                       needed=False)
    return Finding(f"Model server {host}: {_few(listed) if listed else 'answers, and lists no models'}")


def _few(names: Sequence[str]) -> str:
    """The first names, and how many there are beside them."""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _torch() -> Iterator[Finding]:
    """torch is asked in a process of its own: it takes seconds and 300 MB."""
    asked = subprocess.run([sys.executable, "-c", TORCH], capture_output=True, text=True, timeout=120, check=False,
                           env=process_environment())
    if asked.returncode:
        last = asked.stderr.strip().splitlines()[-1:] or ["no reason given"]
        yield Finding(f"torch: {last[0]}", "Run ./run_webbot.sh --install")
        return
    version, device, bfloat16 = asked.stdout.split("\n")[:3]
    if device:
        yield Finding(f"torch {version} on {device}{', bfloat16' if bfloat16 == 'True' else ''}")
    elif Path("/dev/nvidia0").exists():
        yield Finding(f"torch {version} does not see the NVIDIA device", "Run nvidia-smi: is the driver too old?", needed=False)
    else:
        yield Finding(f"torch {version} on the processor, {'bfloat16' if _cpu_has_bfloat16() else 'float32'}")


def _cpu_has_bfloat16() -> bool:
    try:
        return bool(re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", Path("/proc/cpuinfo").read_text()))
    except OSError:
        return False
