"""Counts requests and their times, and refuses large uploads before they are read when the disk is nearly full."""

from __future__ import annotations

import shutil
import tempfile
import time

from flask import Flask, Response, abort, current_app, g, request

from webbot import metrics
from webbot.errors import DiskFull

LARGE = 1024 * 1024  # bytes; smaller bodies stay in memory


def measure_requests(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.began = time.monotonic()
    if request.content_length is None and "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        # Its end would be cut in silence where it passes the limit.
        abort(411)
    if (request.content_length or 0) > LARGE:
        limit = current_app.config["MAX_CONTENT_LENGTH"]
        if shutil.disk_usage(tempfile.gettempdir()).free < 2 * limit:
            raise DiskFull("The server's disk is nearly full, so it takes no uploads at the moment.")


def _end(response: Response) -> Response:
    metrics.requests.labels(str(response.status_code)).inc()
    if not response.is_streamed:
        metrics.request_seconds.observe(time.monotonic() - g.get("began", time.monotonic()))
    return response
