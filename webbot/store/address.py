"""Where a store is: the URL of the setting `store`, read once, and how it is written where others may look.

Covered: a password is in `url` alone, never in `shown` or in an error. Knows nothing of databases; opens nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qs, urlsplit

from webbot.addresses import in_url
from webbot.errors import SettingsError

Kind = Literal["sqlite", "postgresql", "redis"]
SCHEMES: dict[str, Kind] = {
    "sqlite": "sqlite", "postgresql": "postgresql", "postgres": "postgresql",
    "redis": "redis", "rediss": "redis", "unix": "redis",
}
FORMS = ("A store is sqlite:///PATH, postgresql://USER:PASSWORD@HOST/NAME, redis://HOST/0, rediss://HOST/0 (with TLS) or "
         "unix:///PATH?db=0 (a Redis socket). Special characters of a password are written as %XX.")
LONGEST = 2000  # characters


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """`url` opens the store and may hold a password; `shown` never does. `path` is the file of a SQLite store, absolute."""

    kind: Kind
    url: str = field(repr=False)
    shown: str
    path: Path | None = None

    def __str__(self) -> str:
        return self.shown


def read(text: str) -> StoreAddress:
    """The address that `text` means. Raises SettingsError, which names the forms and nothing of the text."""
    text = text.strip()
    scheme, colon, rest = text.partition("://")
    kind = SCHEMES.get(scheme.lower())
    if not colon or kind is None or len(text) > LONGEST or not text.isprintable():
        raise SettingsError(FORMS)
    if kind == "sqlite":
        return of_file(rest)
    try:
        parts = urlsplit(text)
        shown = _shown(kind, parts)
    except ValueError:  # a port that is no number, a bracket that is not closed
        raise SettingsError(FORMS) from None
    url = "postgresql://" + rest if kind == "postgresql" else f"{scheme.lower()}://{rest}"
    return StoreAddress(kind, url, shown)


def of_file(rest: str) -> StoreAddress:
    """The address of a SQLite file; `rest` is what stands behind "sqlite://", a slash and the path."""
    path = rest.removeprefix("/")
    if not rest.startswith("/") or path in ("", ":memory:") or "?" in path:
        raise SettingsError(FORMS)
    place = Path(path).expanduser().resolve()
    return StoreAddress("sqlite", f"sqlite:///{place}", f"sqlite:///{place}", place)


def in_folder(data: Path, name: str = "webbot.db") -> StoreAddress:
    """The store of a server without the setting: a file in its data folder."""
    place = data / name
    return StoreAddress("sqlite", f"sqlite:///{place}", f"sqlite:///{place}", place)


def _shown(kind: Kind, parts: SplitResult) -> str:
    """The URL without passwords: those before the @, and whatever stands behind the ? but the place. Raises ValueError."""
    if parts.fragment or "@" in parts.path:  # of a password with # or / that was not written as %XX
        raise ValueError("not percent-encoded")
    if parts.scheme == "unix" and not parts.path.strip("/"):
        raise ValueError("no path")
    # redis://PASSWORD@HOST is a common mistake: a name is shown only where a password stands beside it.
    user = f"{parts.username}@" if parts.username and (kind == "postgresql" or parts.password) else ""
    port = f":{parts.port}" if parts.port is not None else ""
    known = ("host", "port", "dbname") if kind == "postgresql" else ("db",)
    given = parse_qs(parts.query)
    place = "&".join(f"{name}={given[name][-1]}" for name in known if name in given)
    scheme = "postgresql" if kind == "postgresql" else parts.scheme
    return f"{scheme}://{user}{in_url(parts.hostname or '')}{port}{parts.path}" + (f"?{place}" if place else "")
