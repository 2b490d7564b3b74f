"""Where a person wanted to go before they had to sign in. Only this server's own pages: everything else is no place to go."""

from __future__ import annotations

import re

from flask import request

PATH = re.compile(r"/(?!/)[!-\[\]-~]*", re.ASCII)  # visible ASCII without the backslash, which some browsers read as a slash
LONGEST = 2000
HERE = ("/enter", "/join", "/leave", "/session_out", "/oidc/", "/passkey/", "/static/", "/healthz")
START = "/"


def safe_path(text: str) -> str:
    """`text` if it is a path of a page of this server, else the start page."""
    path = text.partition("?")[0]
    if len(text) > LONGEST or not PATH.fullmatch(text) or path.startswith(HERE) or path.endswith("/events"):
        return START
    return text


def wanted_path() -> str:
    """What the running request names as `next`; on a page that had to be refused, the page itself."""
    if "next" in request.values:
        return safe_path(request.values["next"])
    if request.method != "GET":
        return START
    return safe_path(request.full_path.rstrip("?"))
