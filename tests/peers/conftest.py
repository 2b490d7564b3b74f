"""Programs of other people before real servers: the starter with speech, and the echo engine, both over HTTPS."""

from __future__ import annotations

import ssl

import pytest

from tests.browser.conftest import browser, serve, visit, windows
from tests.live.conftest import LiveServer, until

__all__ = ["browser", "serve", "visit", "windows"]  # fixtures of the page's tests
CALLS = "1000000"  # requests a minute: none of these tests is about the brake


def pytest_collection_modifyitems(items):
    for item in items:
        if "/tests/peers/" in item.path.as_posix():
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def starter(serve):
    """A server with the starter models for language and speech."""
    server = serve(engine="local", speech="1", program_rate_limit=CALLS)
    said = server.visitor()
    until(lambda: said.http.get("/readyz").json()["parts"]["speech"]["status"] == "ready", 120, "speech does not come")
    return server


@pytest.fixture(scope="session")
def echo(serve):
    """A server that answers with the question, fifty words a second."""
    return serve(engine="echo", program_rate_limit=CALLS)


@pytest.fixture(scope="session")
def locked(tmp_path_factory):
    """A server that asks for its access code, `CODE`, and takes two requests a minute of a program."""
    server = LiveServer(tmp_path_factory.mktemp("locked"), access_code=CODE, program_rate_limit="2")
    yield server.start(ready=False)
    server.stop()


CODE = "correct-horse-battery-staple"


def authority(server) -> ssl.SSLContext:
    """Trust in the server's own certificate authority and nobody else."""
    return ssl.create_default_context(cafile=server.folder / "certs" / "ca.pem")
