"""The addresses that stand in links for others: whoever sits at the server itself sees it as localhost, where no phone finds it.

Covered: the addresses of this machine in the local network, and those of the settings. Not covered: whether a router or a tunnel
in between lets anybody through.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from flask import request

from webbot.addresses import in_url, lan_addresses, lan_names
from webbot.settings import Settings

CERTIFICATE = "webbot-ca.crt"  # on the page for phones
EVERY = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound


def links(settings: Settings, path: str) -> Sequence[str]:
    """Links to that path, the best one for another device first. A page that was not opened by a loopback name has the one
    address by which it was reached."""
    here = f"{request.host_url}{path}"
    if not settings.reached or not is_loopback(host()):
        return [here]
    named = [settings.host] if settings.host not in EVERY and not is_loopback(settings.host) else []
    hosts = [*(lan_addresses() if settings.lan or settings.host in EVERY else ()), *named, *settings.hosts]
    outside = [f"https://{in_url(each)}:{settings.port}/{path}" for each in dict.fromkeys(hosts)]
    return [*outside, here]


def certificate_link(settings: Settings) -> str:
    """Where the page for phones gives out the certificate of this server's authority; "" where there is no such page."""
    if not settings.lan or settings.certificate:
        return ""
    name = opened_by([*lan_addresses(), *lan_names()] or ["localhost"])
    return f"http://{in_url(name)}:{settings.lan_port}/{CERTIFICATE}"


def opened_by(ours: Sequence[str]) -> str:
    """The name or address by which the page was opened, where it is one of `ours`; else the first of them."""
    return host() if host() in ours else ours[0]


def host() -> str:
    """The name or address by which the page was opened, without a port."""
    given = request.host.lower()
    return given[1:].split("]")[0] if given.startswith("[") else given.split(":")[0]


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
