"""What is refused before a WebSocket opens. The test client has no connection to hand over: what would open is told so, 503."""

import pytest

from tests.web.pybot.conftest import KEY
from webbot.web.pybot.sockets import Seat, Sockets
from webbot.web.sessions import COOKIE

OPENS = 503
UPGRADE = {
    "Connection": "keep-alive, Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": KEY,
    "Authorization": "Bearer some key", "Origin": "https://localhost",
}


@pytest.fixture(scope="module")
def app(shared_app):
    return shared_app()


def asked(app, client=None, path="/api/chat", method="GET", **changes):
    headers = {name: value for name, value in (UPGRADE | changes).items() if value is not None}
    return (client or app.test_client()).open(path, method=method, headers=headers, base_url="https://localhost",
                                              environ_overrides={"SERVER_PROTOCOL": "HTTP/1.1"})


def test_one_that_is_right_opens(app):
    for path in ("/api/chat", "/api/chat/"):
        answer = asked(app, path=path)
        assert (answer.status_code, answer.json) == (OPENS, {"detail": "This server cannot open WebSockets."})


@pytest.mark.parametrize("origin", [
    "https://evil.example", "null", "https://localhost.evil.example", "https://evil.localhost", "http://localhost",
    "https://localhost:444", "https://localhost@evil.example", "https://localhost/", "", "file://", "https://127.0.0.1",
])
def test_foreign_origins_are_refused(app, origin):
    for authorization in ("Bearer some key", None):
        answer = asked(app, Origin=origin, Authorization=authorization)
        assert answer.status_code == 403 and set(answer.json) == {"detail"}


def test_a_program_needs_no_origin_and_a_session_does(app):
    assert asked(app, Origin=None).status_code == OPENS
    assert asked(app, Origin=None, Authorization=None).status_code == OPENS
    client = app.test_client()
    client.set_cookie(COOKIE, "x" * 43, secure=True)
    assert asked(app, client, Origin=None, Authorization=None).status_code == 403
    assert asked(app, client, Authorization=None).status_code == OPENS
    assert asked(app, client, Origin=None).status_code == OPENS, "no browser sends a key"


@pytest.mark.parametrize(("site", "status"), [
    ("same-origin", OPENS), ("none", OPENS), ("cross-site", 403), ("same-site", 403), ("", 403),
])
def test_a_browser_says_from_where(app, site, status):
    assert asked(app, **{"Sec-Fetch-Site": site}).status_code == status


@pytest.mark.parametrize(("changes", "status"), [
    ({"Upgrade": None}, 426), ({"Upgrade": "h2c"}, 426), ({"Connection": "keep-alive"}, 426),
    ({"Sec-WebSocket-Version": "8"}, 426), ({"Sec-WebSocket-Version": None}, 426),
    ({"Sec-WebSocket-Key": None}, 400), ({"Sec-WebSocket-Key": "short"}, 400),
    ({"Sec-WebSocket-Key": KEY + "," + KEY}, 400), ({"Sec-WebSocket-Key": "é" * 24}, 400),
])
def test_what_is_no_websocket_is_told_so(app, changes, status):
    answer = asked(app, **changes)
    assert answer.status_code == status and set(answer.json) == {"detail"}
    if status == 426:
        assert (answer.headers["Upgrade"], answer.headers["Sec-WebSocket-Version"]) == ("websocket", "13")


def test_a_socket_elsewhere_is_none(app):
    assert asked(app, path="/api/conversations").status_code in (400, 405)
    assert asked(app, method="POST").status_code in (400, 405)


def test_a_request_with_a_body_opens_none(app):
    answer = app.test_client().get("/api/chat", headers=UPGRADE, data=b"hello", base_url="https://localhost")
    assert answer.status_code == 400


def test_who_is_not_in_opens_none(shared_app):
    app = shared_app(access="code", access_code="correct horse battery")
    assert asked(app).status_code == 401
    assert asked(app, Authorization="Bearer correct horse battery").status_code == OPENS


def test_a_person_has_some_sockets_and_the_server_not_many_more(app):
    sockets = Sockets(app.extensions["services"].closing, most=3, each=2)
    for owner in ("ann", "ann", "bob"):
        sockets.check(owner)
        sockets._seats.add(Seat(owner, None, lambda: False))
        sockets._held[owner] += 1
    for owner in ("ann", "cem"):
        with pytest.raises(Exception, match="sockets") as refused:
            sockets.check(owner)
        assert refused.value.status == 429 and refused.value.retry_after
