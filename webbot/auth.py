"""Who may come in: the access code of a server that others than this machine can reach, and the secret of signed tokens.

Covered: a code that is made once, kept in a file that only its owner reads, and compared in constant time; a secret that is
long enough. Not covered: tokens themselves (`tokens` reads them), how often somebody may guess (the door counts that),
sessions, and who owns a conversation.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path
from urllib.parse import quote

from webbot.errors import SettingsError
from webbot.settings import Settings

# Letters and digits that nobody mistakes for another one; 12 of them are 59 bits.
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
SHORTEST = 8
SHORTEST_SECRET = 32  # bytes: RFC 7518 asks HS256 for a key as long as its hash


def access_code(settings: Settings) -> str:
    """The code that visitors are asked for, "" where the server asks for none.

    Made on the first call and kept in the data folder. Raises SettingsError for a code that is too short or unreadable.
    """
    if settings.mode != "code":
        return ""
    if settings.access_code:
        return _checked(settings.access_code, "WEBBOT_ACCESS_CODE")
    path = settings.data / "access_code"
    try:
        if not path.exists():
            _write_once(path, _new_code())
        return _checked(path.read_text("ascii").strip(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("The access code in {path} cannot be read or made: {why}.", path=path, why=error) from None


def same_code(given: str, expected: str) -> bool:
    """Whether two codes are equal; upper case, blanks and hyphens make no difference. False when none is expected."""
    return bool(expected) and hmac.compare_digest(_plain(given), _plain(expected))


def token_secret(settings: Settings) -> bytes:
    """The secret that programs sign their tokens with, b"" for none. Raises SettingsError for one that is no good secret."""
    secret = settings.leonid_secret.encode("utf-8", "surrogateescape")
    if b"-----BEGIN" in secret or secret.startswith((b"ssh-", b"ecdsa-")):
        raise SettingsError("WEBBOT_LEONID_SECRET is a key pair's key, which others may know; a secret text is needed.")
    if secret and len(secret) < SHORTEST_SECRET:
        raise SettingsError("WEBBOT_LEONID_SECRET is too short: HS256 needs {least} bytes, or the secret can be found by trying.",
                            least=SHORTEST_SECRET)
    return secret


def entry_link(address: str, code: str) -> str:
    """The link that carries the code: `address` like https://host:8443."""
    return f"{address}/enter?code={quote(code)}" if code else f"{address}/"


def _plain(code: str) -> bytes:
    return "".join(code.lower().split()).replace("-", "").encode("utf-8", "surrogatepass")


def _new_code() -> str:
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))


def _checked(code: str, where: str) -> str:
    if len(_plain(code)) < SHORTEST:
        raise SettingsError("The access code of {where} is too short: it needs {least} letters or digits.",
                            where=where, least=SHORTEST)
    return code


def _write_once(path: Path, code: str) -> None:
    """The first of several processes that start together wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123
        file.write(code + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
