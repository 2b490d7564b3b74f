"""Leonid's doors on a port of their own, over plain HTTP and for this machine only: nothing else is behind it.

No cookies and no pages. Foreign host names (a name that was pointed at this machine) and requests of other sites' pages are
refused as on the HTTPS port.
"""

from __future__ import annotations

import dataclasses
import secrets

from flask import Flask, g, request

from webbot.errors import TooMany
from webbot.settings import Settings
from webbot.web.access import check_host, finish
from webbot.web.brake import Brake
from webbot.web.leonid import LEONID_DOOR, Leonid
from webbot.web.origins import SAFE, check_origin
from webbot.web.problems import install_problems
from webbot.web.programs import install_programs
from webbot.web.requests import measure_requests

HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


def create_leonid_app(settings: Settings, leonid: Leonid) -> Flask:
    """`leonid` is the one of the HTTPS port: a user's prompts stand in one line, whatever port they come by."""
    app = Flask("leonid", static_folder=None, template_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=settings.max_upload_bytes, PROPAGATE_EXCEPTIONS=False)
    calls = Brake(settings.program_rate_limit)
    measure_requests(app)

    @app.before_request
    def check() -> None:
        g.request_id = secrets.token_hex(8)
        check_host(HOSTS)
        check_origin()
        if request.method not in SAFE and not calls.admits(request.remote_addr or ""):
            raise TooMany("Too many requests. Please wait a moment and try again.", code="rate_limit_exceeded", retry_after=5)

    install_problems(app)
    install_programs(app, dataclasses.replace(LEONID_DOOR, prefixes=("",)))  # every path is this door's
    app.register_blueprint(leonid.blueprint)
    app.after_request(finish)
    return app
