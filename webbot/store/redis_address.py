"""Which Redis server a URL means: redis://, rediss:// (with TLS) and unix:// (a socket on this machine).

Covered: the password is in `options` alone, never in `shown`, in an error or in a repr. Knows nothing of commands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from webbot.errors import SettingsError

FORMS = "A Redis store is redis://HOST:PORT/0, rediss://HOST:PORT/0 (with TLS) or unix:///PATH?db=0."
NO_NAME_ALONE = "The password of a Redis store is written after a colon: redis://:PASSWORD@HOST:PORT/0."
PORT = 6379
# What may stand behind the question mark, by the names that other programs give it.
TLS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
YES_OR_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """`options` are what a connection is made with. `wants_aof`: whether a server that keeps no log of its changes is refused."""

    scheme: str
    shown: str
    options: dict[str, Any] = field(repr=False)
    wants_aof: bool = True


def read(url: str) -> RedisAddress:
    """Raises SettingsError for what is none; its sentence has nothing of the URL."""
    try:
        return _read(urlsplit(url.strip()))
    except ValueError:
        raise SettingsError(FORMS) from None


def _read(parts: SplitResult) -> RedisAddress:
    if parts.scheme not in ("redis", "rediss", "unix") or parts.fragment or "@" in parts.path:
        raise ValueError("no address of a Redis server")
    given = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True, strict_parsing=False).items()}
    options: dict[str, Any] = {}
    wants_aof = YES_OR_NO[_choice(given.pop("aof", "yes"))]
    if parts.scheme == "unix":
        options |= {"path": unquote(parts.path), "db": int(given.pop("db", "0"))}
        shown = f"unix://{parts.path}?db={options['db']}"
        if not options["path"].strip("/"):
            raise ValueError("no path")
    else:
        host, port = unquote(parts.hostname or "localhost"), parts.port or PORT
        database = parts.path.strip("/") or given.pop("db", "0")
        options |= {"host": host, "port": port, "db": int(database)}
        shown = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}/{options['db']}"
    if options["db"] < 0:
        raise ValueError("no number of a database")
    options |= _user(parts)
    if parts.scheme == "rediss":
        options |= {name: given.pop(name) for name in TLS if name in given}
        if "ssl_check_hostname" in options:
            options["ssl_check_hostname"] = YES_OR_NO[_choice(options["ssl_check_hostname"])]
        if options.get("ssl_cert_reqs", "required") not in ("required", "optional", "none"):
            raise ValueError("no way to check a certificate")
    if given:
        raise ValueError("an unknown option")
    return RedisAddress(parts.scheme, shown, options, wants_aof)


def _choice(text: str) -> str:
    if text.lower() not in YES_OR_NO:
        raise ValueError("neither yes nor no")
    return text.lower()


def _user(parts: SplitResult) -> dict[str, str]:
    password, name = unquote(parts.password or ""), unquote(parts.username or "")
    if name and not password:
        raise SettingsError(NO_NAME_ALONE)
    return ({"password": password} if password else {}) | ({"username": name} if name else {})
