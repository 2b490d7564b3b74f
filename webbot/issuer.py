"""Which addresses of an OpenID provider may be used: what is sent there must be read by nobody on the way."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_safe_address(text: str) -> bool:
    """https://, or http:// on this machine; with a host, and without a user or a password."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or not text.isascii() or any(letter <= " " or letter == "\\" for letter in text):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
