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
# The settings that say these, as people write them.
URL = "WEBBOT_REMOTE_URL, for OpenAI WEBBOT_OPENAI_URL"
KEY = "WEBBOT_REMOTE_KEY, for OpenAI WEBBOT_OPENAI_KEY"
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
            raise SettingsError("The address of the model server ({setting}) holds a character that no address has.", setting=URL)
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise SettingsError("The address of the model server ({setting}) cannot be read.", setting=URL) from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError("The address of the model server ({setting}) must begin with http:// or https:// and a host.",
                                setting=URL)
        if "@" in parts.netloc:
            raise SettingsError("The address of the model server ({setting}) holds a name or a password. "
                                "Give them by {key} instead.", setting=URL, key=KEY)
        if parts.query or parts.fragment:
            raise SettingsError("The address of the model server ({setting}) must end with its path: "
                                "nothing after ? or # is used.", setting=URL)
        name = _ascii(parts.hostname)
        host = (f"[{name}]" if ":" in name else name) + (f":{port}" if port is not None else "")
        return cls(*_places(parts, host), host)


def _ascii(name: str) -> str:
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        raise SettingsError("The host of the model server ({setting}) is no host name.", setting=URL) from None


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
        raise SettingsError("The key of the model server ({setting}) holds a character that no key has.", setting=KEY)
    if key.startswith(("Bearer ", "Basic ")):
        return key
    return f"Basic {base64.b64encode(key.encode()).decode()}" if ":" in key else f"Bearer {key}"


def secrets_of(key: str) -> tuple[str, ...]:
    """What nobody may be shown: the key, its parts, and the form in which it is sent."""
    key = key.strip()
    sent = authorization(key).partition(" ")[2]
    password = key.partition(":")[2]
    return tuple(secret for secret in (key, sent, password) if secret)
