"""What a proxy in front of this server may say of a request, and when it is believed.

Covered: what proves that a request came from the proxy, the grammar of a user's name, the host and scheme that the browser
used, which headers say who somebody is. Not covered: who that is here, and whether they may come in (people); requests.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from webbot.errors import BadInput, SettingsError
from webbot.settings import Settings

PROOF_HEADER = "X-Proxy-Secret"
SHORTEST_SECRET = 32  # bytes
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}", re.ASCII)
EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9.-]{1,255}", re.ASCII)
HEADER = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)  # an underscore never arrives: it could be read as a hyphen
HOST = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?", re.ASCII)
# Whoever sets the one header of a family sets, or takes away, the others: (family, shown name, e-mail address).
FAMILIES = (
    ("X-Forwarded-", "X-Forwarded-Preferred-Username", "X-Forwarded-Email"),
    ("X-Auth-Request-", "X-Auth-Request-Preferred-Username", "X-Auth-Request-Email"),
    ("Remote-", "Remote-Name", "Remote-Email"),
)
Way = Literal["", "port", "socket"]  # HTTPS, the plain port for proxies, the Unix socket
Proof = Literal["", "secret", "socket", "address"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Trust:
    """What proves that a request came from the proxy."""

    secret: bytes
    networks: Sequence[Network]

    def proof(self, way: Way, address: str, secret: bytes) -> Proof:
        """`address` is the peer's own, `secret` what stands in the secret's header; "" where nothing proves it."""
        if way == "socket":
            return "socket"
        if self.secret and hmac.compare_digest(secret, self.secret):
            return "secret"
        return "address" if self.lists(address) else ""

    def lists(self, address: str) -> bool:
        """Whether a proxy with this address is believed for the address alone."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
        return any((mapped or found) in network for network in self.networks)


def trust(settings: Settings) -> Trust:
    """Nothing is believed where no proxy says who somebody is. Raises SettingsError for what is no network."""
    if settings.mode != "header":
        return Trust(b"", [])
    return Trust(settings.proxy_secret.encode("utf-8", "surrogateescape"), networks(settings.proxies))


def networks(texts: Sequence[str]) -> list[Network]:
    """Addresses and networks, such as 10.0.0.5 and 10.0.0.0/24. Raises SettingsError for anything else."""
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError:
            raise SettingsError("WEBBOT_PROXIES is {text}: an address or a network such as 10.0.0.0/24 is needed.",
                                text=repr(text[:60])) from None
    return found


def companions(header: str) -> tuple[str, str]:
    """The headers with the shown name and the e-mail address that belong to the user's header; "" for none."""
    for family, name, email in FAMILIES:
        if header.lower().startswith(family.lower()):
            return name, email
    return "", ""


def user_name(text: str) -> str:
    """Raises BadInput for what is no user's name: two headers arrive as one with a comma."""
    if not NAME.fullmatch(text):
        raise BadInput("The proxy's name of the user cannot be read: letters, digits and . _ @ + - are allowed.")
    return text


def email_address(text: str) -> str:
    """Raises BadInput for what is no e-mail address; "" stays so."""
    if text and not EMAIL.fullmatch(text):
        raise BadInput("The proxy's e-mail address of the user cannot be read.")
    return text


def host_told(text: str) -> str:
    """The host that the nearest proxy says the browser used; "" for none that can be read."""
    host = text.rsplit(",", 1)[-1].strip()
    return host if HOST.fullmatch(host) else ""


def scheme_told(text: str) -> str:
    """The scheme that the nearest proxy says the browser used: https where it says nothing that can be read."""
    scheme = text.rsplit(",", 1)[-1].strip().lower()
    return scheme if scheme in ("http", "https") else "https"
