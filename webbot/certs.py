"""HTTPS for a home: a certificate authority of its own, a certificate signed by it, and the reload of either.

Covered: keys that only their owner reads from the first byte on, an authority that can only sign for this machine's names
and for private addresses, renewal before the end, files replaced while the server runs, and one's own certificate instead.
Not covered: getting a public certificate (ACME); give the files of such a tool to the two settings.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from webbot.addresses import host_name, lan_addresses, lan_names
from webbot.authority import Pair, certificate_pem, has_signed, key_pem, make_authority, make_leaf, may_sign, names_of
from webbot.errors import SettingsError
from webbot.settings import Settings

RENEW_DAYS = 30
WARN_DAYS = 14

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Files:
    """Where the certificate chain and its key lie. `authority` is None for one's own certificate."""

    chain: Path
    key: Path
    authority: Path | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says: its names and addresses as text, its end."""

    names: tuple[str, ...]
    ends: datetime


def ensure(settings: Settings, *, now: datetime | None = None, anew: bool = False) -> Files:
    """The files to serve with, made or renewed when that is due (or `anew`).

    Raises SettingsError, one sentence with the remedy, for files that are missing, unreadable, open to others or no pair.
    """
    now = now or datetime.now(UTC)
    if settings.certificate or settings.certificate_key:
        return _own(settings)
    files = Files(settings.certs / "webbot.pem", settings.certs / "webbot-key.pem", settings.certs / "ca.pem")
    try:
        with _locked(settings.certs):
            names = wanted_names(settings)
            authority = _authority(settings.certs, names, now)
            if anew or _leaf_is_due(files, names, authority[0], now):
                _renew_leaf(files, names, authority, now)
    except OSError as error:
        raise SettingsError("The folder {folder} for the certificate cannot be used: {why}. Set WEBBOT_CERTS to another one.",
                            folder=settings.certs, why=error.strerror or error) from None
    _refuse_open_key(files.key)
    return files


def wanted_names(settings: Settings) -> list[str]:
    """The names and addresses that the certificate must hold."""
    names = ["localhost", *lan_names(), "127.0.0.1", "::1", *lan_addresses()]
    return list(dict.fromkeys([*names, *(host.lower().strip("[]") for host in settings.hosts)]))


def facts(chain: Path) -> Facts:
    """What the first certificate of a PEM file says. Raises OSError or ValueError."""
    leaf = x509.load_pem_x509_certificates(chain.read_bytes())[0]
    return Facts(names_of(leaf), leaf.not_valid_after_utc)


def warning(files: Files, *, now: datetime | None = None) -> str:
    """A sentence when the certificate has ended or soon will, else ""."""
    ends = facts(files.chain).ends
    left = ends - (now or datetime.now(UTC))
    if left <= timedelta(0):
        return f"The certificate {files.chain} ended on {ends:%Y-%m-%d}: browsers refuse it. Replace it; no restart is needed."
    if left <= timedelta(days=WARN_DAYS):
        return f"The certificate {files.chain} ends on {ends:%Y-%m-%d}. Replace it; no restart is needed."
    return ""


def context(files: Files) -> ssl.SSLContext:
    """TLS 1.2 and 1.3, HTTP/1.1 only. Raises OSError or ssl.SSLError when the files are no pair."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    made.load_cert_chain(files.chain, files.key)
    return made


class Current:
    """The TLS context of the files as they are now.

    A replaced pair is loaded into a new context, so that a half-written or wrong pair never harms the one in use, and
    connections that are open keep the old one.
    """

    def __init__(self, files: Files) -> None:
        self.files = files
        self.context = context(files)
        self._seen = self._times()

    def refresh(self) -> bool:
        """Takes over replaced files; whether it did. A pair that does not fit is left out with a line in the log."""
        times = self._times()
        if times == self._seen:
            return False
        self._seen = times
        try:
            _refuse_open_key(self.files.key)
            self.context = context(self.files)
        except (OSError, SettingsError) as error:
            log.error("the replaced certificate is not used, the one before goes on: %s", error)
            return False
        log.info("the replaced certificate %s is in use", self.files.chain)
        return True

    def _times(self) -> tuple[int, ...]:
        with contextlib.suppress(OSError):
            return (self.files.chain.stat().st_mtime_ns, self.files.key.stat().st_mtime_ns)
        return ()


def _own(settings: Settings) -> Files:
    if not settings.certificate or not settings.certificate_key:
        raise SettingsError("Your own certificate needs both WEBBOT_CERTIFICATE and WEBBOT_CERTIFICATE_KEY.")
    files = Files(Path(settings.certificate).expanduser(), Path(settings.certificate_key).expanduser(), None)
    for path in (files.chain, files.key):
        try:
            path.read_bytes()
        except OSError as error:
            raise SettingsError("The certificate file {path} cannot be read: {why}.", path=path, why=error.strerror) from None
    _refuse_open_key(files.key)
    try:
        context(files)
    except ssl.SSLError:
        raise SettingsError("The certificate {chain} and the key {key} do not belong together, or are not PEM files.",
                            chain=files.chain, key=files.key) from None
    return files


def _refuse_open_key(key: Path) -> None:
    if key.stat().st_mode & 0o007:
        raise SettingsError("The key {key} can be read by other users of this machine. Run: chmod 600 {key}", key=key)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time makes certificates."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _authority(folder: Path, names: list[str], now: datetime) -> Pair:
    path, key_path = folder / "ca.pem", folder / "ca-key.pem"
    held = _load(path, key_path)
    if held and held[0].not_valid_after_utc - now > timedelta(days=RENEW_DAYS) and may_sign(held[0], names):
        _refuse_open_key(key_path)
        return held
    if path.exists():
        log.warning("a new certificate authority replaces %s: install it again on phones and other machines", path)
    made, key = make_authority(f"webbot on {host_name() or 'this machine'} ({now:%Y-%m-%d})", names, now)
    _write(key_path, key_pem(key), 0o600)
    _write(path, certificate_pem(made), 0o644)
    return made, key


def _renew_leaf(files: Files, names: list[str], authority: Pair, now: datetime) -> None:
    made, key = make_leaf(names, authority, now)
    _write(files.key, key_pem(key), 0o600)
    _write(files.chain, certificate_pem(made, authority[0]), 0o644)
    log.info("made the certificate %s, good until %s", files.chain, f"{made.not_valid_after_utc:%Y-%m-%d}")


def _leaf_is_due(files: Files, names: list[str], authority: x509.Certificate, now: datetime) -> bool:
    held = _load(files.chain, files.key)
    if not held or held[0].not_valid_after_utc - now <= timedelta(days=RENEW_DAYS) or held[0].not_valid_before_utc > now:
        return True
    return not has_signed(authority, held[0]) or not set(names) <= set(names_of(held[0]))


def _load(path: Path, key_path: Path) -> Pair | None:
    """The pair in two PEM files; None when one is missing, broken, or belongs to another one."""
    try:
        certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    return certificate, key


def _write(path: Path, data: bytes, mode: int) -> None:
    """Whole or not at all, also across a power failure; nobody else can read a key at any moment."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask: programs of others may need the authority's certificate
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
