"""Where a model server is and how one signs in there. Only the operator's settings say so; nothing else becomes an address."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from webbot.errors import SettingsError

VERSION = re.compile(r"v\d+[a-z0-9]*")
# People also write down the address of a single call.
CALLS = re.compile(r"/(chat/completions|completions|embeddings|models|generate_stream|generate)$")
UNPRINTABLE = re.compile(r"[\x00-\x20\x7f\\]")
OPENAI_HOSTS = ("api.openai.com", ".openai.azure.com")


@dataclass(frozen=True, slots=True)
class Address:
    """`bases` are the places where OpenAI's API may begin, the likeliest first; `root` is the server's own beginning, where the
    calls are that only one kind of server has. `host` is what people are told, with the port where one is given.
    """

    bases: tuple[str, ...]
    root: str
    host: str

    @property
    def openai(self) -> bool:
        """Whether it is OpenAI itself, whose newer models take fewer parameters than its API has."""
        name = self.host.partition(":")[0]
        return any(name == known or (known.startswith(".") and name.endswith(known)) for known in OPENAI_HOSTS)

    @classmethod
    def parse(cls, url: str) -> Address:
        """Reads http://host:8080, http://host:8080/v1 or https://host/any/path. Raises SettingsError, which shows no secret."""
        url = url.strip()
        if UNPRINTABLE.search(url):
            raise SettingsError("The address of the model server holds a character that no address has.")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise SettingsError("The address of the model server cannot be read.") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError("The address of the model server must begin with http:// or https:// and a host.")
        if "@" in parts.netloc:
            raise SettingsError("The address of the model server holds a name or a password. Give them by remote_key instead.")
        if parts.query or parts.fragment:
            raise SettingsError("The address of the model server must end with its path: nothing after ? or # is used.")
        name = _ascii(parts.hostname)
        host = (f"[{name}]" if ":" in name else name) + (f":{port}" if port is not None else "")
        return cls(*_places(parts, host), host)


def _ascii(name: str) -> str:
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        raise SettingsError("The host of the model server is no host name.") from None


def _places(parts: SplitResult, host: str) -> tuple[tuple[str, ...], str]:
    """Where the API may begin, and where the server does."""
    path = CALLS.sub("", parts.path.rstrip("/")).rstrip("/")
    base = f"{parts.scheme}://{host}{path}"
    last = path.rpartition("/")[2]
    if VERSION.fullmatch(last):
        return (base,), base.removesuffix(f"/{last}")
    return ((f"{base}/v1", base) if not path else (base, f"{base}/v1")), base


def authorization(key: str) -> str:
    """The header for a key: `user:password` signs in by Basic, anything else is a bearer's token; "" for no key."""
    key = key.strip()
    if not key:
        return ""
    if not key.isprintable() or not key.isascii():
        raise SettingsError("The key of the model server holds a character that no key has.")
    if key.startswith(("Bearer ", "Basic ")):
        return key
    return f"Basic {base64.b64encode(key.encode()).decode()}" if ":" in key else f"Bearer {key}"


def secrets_of(key: str) -> tuple[str, ...]:
    """What nobody may be shown: the key, its parts, and the form in which it is sent."""
    key = key.strip()
    sent = authorization(key).partition(" ")[2]
    password = key.partition(":")[2]
    return tuple(secret for secret in (key, sent, password) if secret)
