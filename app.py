"""WSGI entry point for another server: `gunicorn app:app`. `./run_webbot.sh` needs it not, and serves HTTPS by itself.

The services are opened with the first request, in the process that serves it; they are closed when that process ends.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any


class Application:
    """webbot as a WSGI application that is built when it is first asked."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pages: Callable[..., Iterable[bytes]] | None = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            pages = self._pages = self._pages or self._build()
        return pages(environ, start_response)

    @staticmethod
    def _build() -> Callable[..., Iterable[bytes]]:
        from webbot import settings
        from webbot.factory import create_app
        from webbot.services import Services

        services = Services.open(settings.load())
        atexit.register(services.close)
        return create_app(services)


app = Application()
