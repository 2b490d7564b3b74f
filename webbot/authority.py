"""What the certificates of a home say, and their signing. Pure: no files, no clock, no settings.

The authority can sign nothing but this machine's names, names under .local and private addresses, so that a stolen key
cannot stand for a bank. Elliptic curve keys (P-256), because phones and small servers sign with them quickly.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from webbot.errors import SettingsError

AUTHORITY_DAYS = 3650
LEAF_DAYS = 397  # the most that browsers accept from a public authority, and Apple's systems from any
# What the authority may sign beside this machine's names: loopback and the private address ranges.
PRIVATE = (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7",
)
Key = ec.EllipticCurvePrivateKey
Pair = tuple[x509.Certificate, Key]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def make_authority(title: str, names: Sequence[str], now: datetime) -> Pair:
    """A certificate authority that may sign for `names`. Raises SettingsError for a name that is none."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(title)
    builder = _builder(subject, subject, key, now, now + timedelta(days=AUTHORITY_DAYS))
    made = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.NameConstraints(_allowed(names), None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made, key


def make_leaf(names: Sequence[str], authority: Pair, now: datetime) -> Pair:
    """A server's certificate for `names`, signed by the authority and ending no later than it."""
    signer, signer_key = authority
    key = ec.generate_private_key(ec.SECP256R1())
    ends = min(now + timedelta(days=LEAF_DAYS), signer.not_valid_after_utc) - timedelta(hours=1)
    made = (
        _builder(_subject("webbot"), signer.subject, key, now, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer_key.public_key()), critical=False)
        .sign(signer_key, hashes.SHA256())
    )
    return made, key


def may_sign(authority: x509.Certificate, names: Sequence[str]) -> bool:
    """Whether the authority's constraints hold all `names`."""
    try:
        allowed = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    except x509.ExtensionNotFound:
        return False
    networks = [part.value for part in allowed if isinstance(part, x509.IPAddress)]
    trees = tuple("." + part.value for part in allowed if isinstance(part, x509.DNSName))
    return all(
        _is_in(name, networks) or (isinstance(name, x509.DNSName) and f".{name.value}".endswith(trees))
        for name in map(_general, names)
    )


def has_signed(authority: x509.Certificate, leaf: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(authority)
    except Exception:  # ValueError, TypeError or InvalidSignature: another authority's in any case
        return False
    return True


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The names and addresses in a certificate, as text."""
    try:
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in held)


def certificate_pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def key_pem(key: Key) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _subject(title: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, now: datetime, ends: datetime) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(ends)  # a phone's clock may be behind
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError:
        raise SettingsError("WEBBOT_HOSTS holds {name}, which is no host name (write other alphabets as xn--...).",
                            name=repr(name)) from None


def _allowed(names: Sequence[str]) -> list[x509.GeneralName]:
    """What the authority may sign: these names, everything under .local, and private addresses."""
    networks = [ipaddress.ip_network(network) for network in PRIVATE]
    general = list(map(_general, names))
    hosts = dict.fromkeys(["localhost", "local", *(name.value for name in general if isinstance(name, x509.DNSName))])
    single = [ipaddress.ip_network(name.value) for name in general
              if isinstance(name, x509.IPAddress) and not _is_in(name, networks)]
    return [*map(x509.DNSName, hosts), *map(x509.IPAddress, [*networks, *single])]


def _is_in(name: x509.GeneralName, networks: Iterable[object]) -> bool:
    return isinstance(name, x509.IPAddress) and any(name.value in network for network in networks)  # type: ignore[operator]
