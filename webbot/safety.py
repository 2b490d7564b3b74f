"""Whether the settings of who may come in fit one another: a server that would let strangers in does not start.

Covered: what is known before anything listens. Not covered: who may come in once it runs (web/chain.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from webbot.errors import SettingsError
from webbot.forwarding import HEADER, SHORTEST_SECRET, networks
from webbot.issuer import is_safe_address
from webbot.settings import Settings

LOOPBACK = {4: ip_network("127.0.0.0/8"), 6: ip_network("::1")}
# Headers that a proxy sends for other reasons, or that a browser may set.
NO_NAMES = frozenset({"authorization", "cookie", "host", "user-agent", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
                      "x-proxy-secret", "x-real-ip"})


def check_access(settings: Settings) -> None:
    """Raises SettingsError with the remedy for settings that are not safe together."""
    _refuse_open_server(settings)
    if settings.mode == "header":
        _refuse_unproved_proxy(settings)
    elif settings.proxy_port or settings.socket:
        raise SettingsError("{name} is for a proxy that says who somebody is: set WEBBOT_ACCESS=header, or leave it out.",
                            name="WEBBOT_PROXY_PORT" if settings.proxy_port else "WEBBOT_SOCKET")
    if settings.mode == "oidc":
        _refuse_unusable_provider(settings)


def remarks(settings: Settings) -> Iterator[str]:
    """What is allowed and may be a mistake, one line each."""
    if settings.mode != "header":
        return
    loopback = [network for network in networks(settings.proxies) if network.overlaps(LOOPBACK[network.version])]
    if loopback:
        yield (f"WEBBOT_PROXIES lists {loopback[0]}: every program of this machine may say who it is, and a tunnel such as frp "
               "comes from there, too. With a tunnel use WEBBOT_PROXY_SECRET.")
    if any(not network.prefixlen for network in networks(settings.proxies)):
        yield "WEBBOT_PROXIES lists every address there is: whoever reaches this server may say who they are."
    if settings.proxy_port and not settings.proxy_secret:
        yield "WEBBOT_PROXY_PORT is read by whoever is on the way to the proxy: use a network that only the two share."


def _refuse_unproved_proxy(settings: Settings) -> None:
    if not (settings.proxy_secret or settings.socket or settings.proxies):
        raise SettingsError("With WEBBOT_ACCESS=header nothing proves that the proxy speaks. Set WEBBOT_PROXY_SECRET to what it "
                            "sends as X-Proxy-Secret, or WEBBOT_SOCKET, or WEBBOT_PROXIES.")
    secret = settings.proxy_secret.encode("utf-8", "surrogateescape")
    if secret and len(secret) < SHORTEST_SECRET:
        raise SettingsError("WEBBOT_PROXY_SECRET is too short: {least} bytes or more are needed. Make one with: openssl rand "
                            "-hex 32", least=SHORTEST_SECRET)
    if secret != secret.strip() or any(byte < 0x20 or byte == 0x7F for byte in secret):
        raise SettingsError("WEBBOT_PROXY_SECRET begins or ends with a blank, or holds one that no header can carry.")
    networks(settings.proxies)
    if not HEADER.fullmatch(settings.user_id_header):
        raise SettingsError("WEBBOT_USER_ID_HEADER is {name}: the name of a header is needed, of letters, digits and hyphens.",
                            name=repr(settings.user_id_header[:60]))
    if settings.user_id_header.lower() in NO_NAMES:
        raise SettingsError("WEBBOT_USER_ID_HEADER is {name}, which says something else than who somebody is.",
                            name=settings.user_id_header)


def _refuse_unusable_provider(settings: Settings) -> None:
    for name, value in (("WEBBOT_OIDC_URL", settings.oidc_url), ("WEBBOT_OIDC_CLIENT", settings.oidc_client)):
        if not value:
            raise SettingsError("With WEBBOT_ACCESS=oidc {name} is needed: the provider's address and what it calls this "
                                "server.", name=name)
    if not is_safe_address(settings.oidc_url):
        raise SettingsError("WEBBOT_OIDC_URL is {value}: an address with https:// is needed (http:// for this machine only).",
                            value=repr(settings.oidc_url[:100]))


def _refuse_open_server(settings: Settings) -> None:
    if settings.mode == "open" and settings.reached and not settings.open_to_all:
        raise SettingsError("With WEBBOT_ACCESS=open everybody who reaches this server may use it, and others than this machine "
                            "can. Set WEBBOT_ACCESS=invite, or start with --open-to-all if that is what you want.")
