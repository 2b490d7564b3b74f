"""The names and addresses by which this machine is reached.

Knows the network interfaces, not certificates or servers. Nothing here asks a name server or sends a packet.
"""

from __future__ import annotations

import ipaddress
import socket
import struct

SIOCGIFADDR = 0x8915  # Linux: the IPv4 address of an interface
# Addresses that are never assigned to a host (RFC 5737, RFC 3849): a UDP "connection" there only asks the routing table.
ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
UNIQUE_LOCAL = ipaddress.ip_network("fc00::/7")


def host_name() -> str:
    """This machine's short name in lower case, "" when it has none that may stand in a certificate."""
    name = socket.gethostname().split(".")[0].lower()
    return name if name != "localhost" and name.replace("-", "").isalnum() and name.isascii() else ""


def lan_names() -> list[str]:
    """The names that others in the local network may use."""
    name = host_name()
    return [name, f"{name}.local"] if name else []


def in_url(name: str) -> str:
    """A name or an address, also one in brackets, as the host of a URL."""
    return f"[{name}]" if ":" in name and not name.startswith("[") else name


def lan_addresses() -> list[str]:
    """Addresses that others in the local network may use, the one of the default route first.

    Public IPv6 addresses are left out: systems change them every day.
    """
    found = [*_routed(), *_interfaces()]
    return list(dict.fromkeys(text for text in found if _is_lasting(text)))


def _is_lasting(text: str) -> bool:
    address = ipaddress.ip_address(text)
    if address.is_loopback or address.is_unspecified or address.is_link_local:
        return False
    return address.version == 4 or address in UNIQUE_LOCAL


def _routed() -> list[str]:
    found = []
    for family, elsewhere in ELSEWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                found.append(probe.getsockname()[0])
        except OSError:
            continue
    return found


def _interfaces() -> list[str]:
    """One IPv4 address of each interface (Linux); other systems tell only the default route's."""
    try:
        import fcntl
    except ImportError:
        return []
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, interface in socket.if_nameindex():
            try:
                reply = fcntl.ioctl(probe.fileno(), SIOCGIFADDR, struct.pack("256s", interface.encode()[:15]))
            except OSError:
                continue
            found.append(socket.inet_ntoa(reply[20:24]))
    return found
