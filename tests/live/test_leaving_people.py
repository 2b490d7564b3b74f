"""Signing out, revoking and removing on the real server: what was open ends, the model is free, and others go on."""

import contextlib
import json
import socket
import ssl
import threading
import time

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.live.conftest import LiveServer, until
from webbot.people import People
from webbot.settings import load
from webbot.store.sql import SqlStore

pytestmark = pytest.mark.slow
LONG = "word " * 1500  # thirty seconds of the echo engine
SECONDS = 8.0  # what must end within five, on a machine that does much else; by itself nothing of it ends so soon
CONTEXT = ssl.create_default_context()
CONTEXT.check_hostname, CONTEXT.verify_mode = False, ssl.CERT_NONE


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = LiveServer(tmp_path_factory.mktemp("leaving"), access="invite", log_level="debug", parallel="32")
    yield server.start(ready=False)
    server.stop()


@pytest.fixture(scope="module")
def people(server):
    """The persons of the server, from beside it."""
    store = SqlStore(f"sqlite:///{server.folder}/data/webbot.db")
    yield People(store, load({}, access="invite"))
    store.close()


class Member:
    """A person with one browser and one key."""

    def __init__(self, server, people, name, rank="member"):
        self.server, self.people, self.name = server, people, name
        self.person = people.add(name, rank)
        self.http = self.signed_in()
        self.key, secret = people.keys.make(self.person.id, "program", ["chat", "conversations", "operation"])
        self.program = {"Authorization": f"Bearer {secret}"}

    def signed_in(self):
        http = httpx.Client(base_url=self.server.url, verify=False, timeout=60, headers={"Accept": "application/json"})
        _, token = self.people.invitations.link(self.person.id)
        assert http.post(f"/join/{token}").status_code == 303
        return http

    def begin(self, text):
        """A question on the page; the id of its conversation."""
        answer = self.http.post("/turns", data={"question": text})
        assert answer.status_code == 201, answer.text
        return answer.json()["conversation"]


class Open:
    """Something that stays open, read in a thread until it ends: `ended` is when, `said` what came last."""

    def __init__(self, name, read):
        self.name, self.ended, self.said, self.begun = name, 0.0, "", threading.Event()
        self.thread = threading.Thread(target=self._run, args=(read,), daemon=True)
        self.thread.start()

    def _run(self, read):
        with contextlib.suppress(httpx.HTTPError, ConnectionClosed):
            for part in read():
                self.said = part or self.said
                self.begun.set()
        self.begun.set()
        self.ended = time.monotonic()


def stream(http, method, path, **sent):
    def read():
        with http.stream(method, path, **sent) as answer:
            assert answer.status_code == 200, answer.read()
            yield ""
            yield from answer.iter_lines()
    return read


def whole(server, path, **sent):
    def read():
        yield ""
        with httpx.Client(base_url=server.url, verify=False, timeout=60) as http:
            answer = http.post(path, **sent)
            yield f"{answer.status_code}"
    return read


def spoken(server, headers):
    def read():
        address = server.url.replace("https", "wss") + "/api/chat"
        with connect(address, ssl=CONTEXT, origin=server.url, additional_headers=headers) as opened:
            yield ""
            while True:
                yield opened.recv()
    return read


def opened_by(member, *, page=True, key=True):
    """One of everything that can be open, all at once."""
    server, program = member.server, member.program
    chat = {"model": "echo", "messages": [{"role": "user", "content": LONG}]}
    found = []
    if page:
        talk = member.begin(LONG)
        cookie = {"Cookie": f"__Host-session={member.http.cookies['__Host-session']}"}
        found += [Open("page", stream(member.http, "GET", f"/c/{talk}/events")), Open("socket", spoken(server, cookie)),
                  Open("list", stream(member.http, "GET", "/events"))]
    if key:
        http = httpx.Client(base_url=server.url, verify=False, timeout=60, headers=program)
        found += [
            Open("chat", stream(http, "POST", "/v1/chat/completions", json=chat | {"stream": True})),
            Open("response", stream(http, "POST", "/v1/responses", json={"model": "echo", "input": LONG, "stream": True})),
            Open("whole", whole(server, "/v1/chat/completions", headers=program, json=chat)),
            Open("prompt", stream(http, "POST", "/prompt", json={"prompt": LONG})),
            Open("socket of a program", spoken(server, program)),
        ]
    for one in found:
        assert one.begun.wait(20), one.name
    return found


def running(owner):
    text = owner.http.get("/metrics").text
    return float(next(line for line in text.splitlines() if line.startswith("webbot_answers_running")).split()[1])


def test_whoever_leaves_ends_all_that_was_open_and_nobody_else(server, people):
    """Signed out on one device, everywhere, a key revoked, removed in mid-answer: all at the same time."""
    olga = Member(server, people, "Olga", "owner")
    one, everywhere, keyed, removed, stays = (Member(server, people, name) for name in ("One", "Every", "Key", "Gone", "Stays"))
    kept = [Open("other device", stream(one.signed_in(), "GET", "/events")), *opened_by(stays, key=False),
            Open("own key", spoken(server, keyed.http and one.program))]
    ends = {
        "one": opened_by(one, key=False), "everywhere": opened_by(everywhere, key=False),
        "key": opened_by(keyed, page=False), "removed": opened_by(removed),
    }
    until(lambda: running(olga) >= 4, 20)
    began = time.monotonic()
    assert one.http.post("/leave").status_code == 200
    other = everywhere.signed_in()
    assert other.post("/preferences/devices/sign_out").status_code == 200
    assert keyed.http.post(f"/preferences/keys/{keyed.key.id}/revoke").status_code == 200
    assert olga.http.post(f"/owner/people/{removed.person.id}/remove").status_code == 200
    # who comes anew is not let in from this moment on
    for member in (one, everywhere, removed):
        assert member.http.get("/list").status_code == 401, member.name
    for member in (keyed, removed):
        assert member.http.get("/v1/models", headers=member.program).status_code == 401, member.name
    asked = time.monotonic() - began
    for way, opened in ends.items():
        for each in opened:
            each.thread.join(max(0.1, SECONDS + asked - (time.monotonic() - began)))
            assert each.ended, f"{way}: {each.name} is still open"
    for each in (*ends["one"], *ends["everywhere"]):
        assert each.name == "socket" or each.said.startswith("data") or "signed_out" in each.said, each.name
    for each in (*ends["key"], *ends["removed"]):  # half an answer does not look like a whole one
        assert each.name != "whole" or each.said == "401"
        said = "signed out" in each.said or "response.incomplete" in each.said  # removed with what was stored of it
        assert each.name not in ("chat", "response") or said, each.said
    # the model: those who were signed out have questions of their own running on, the page of the one who stays as well
    until(lambda: running(olga) <= 3, 5, "the model is still busy for whom nobody reads")
    assert people.find(removed.person.id) is None and not people.store.conversations(removed.person.id)
    assert other.get("/list").status_code == 200 and keyed.http.get("/list").status_code == 200
    assert [each.name for each in kept if each.ended] == []


# what is said raw


def raw(server, request, seconds=10):
    """What the server says until it closes the connection; it does."""
    with socket.create_connection(("127.0.0.1", server.port), seconds) as plain, \
            CONTEXT.wrap_socket(plain, server_hostname="localhost") as sock:
        sock.sendall(request)
        parts = []
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while part := sock.recv(65536):
                parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize(("head", "status"), [
    (b"GET /healthz HTTP/1.1\r\nHost: localhost", 200),
    (b"GET /healthz HTTP/1.1\r\nHost: evil.example", 400),
    (b"GET https://evil.example/healthz HTTP/1.1\r\nHost: localhost", 400),
    (b"GET https://localhost/healthz HTTP/1.1\r\nHost: localhost", 200),
    (b"GET https://localhost/healthz HTTP/1.1\r\nHost: evil.example", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: localhost, evil.example", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: localhost@evil.example", 400),
    (b"GET /healthz HTTP/1.1\r\nHost:", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: evil.example", 200),
])
def test_hosts(server, head, status):
    answer = raw(server, head + b"\r\nConnection: close\r\n\r\n")
    assert answer.startswith(f"HTTP/1.1 {status}".encode()) and b"evil" not in answer


@pytest.mark.parametrize("body", [
    b"5\nhello\r\n0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b"5;a\nb\r\nhello\r\n0\r\n\r\n", b"5;a=\rb\r\nhello\r\n0\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloXX0\r\n\r\n",
    b"5" + b";x" * 9000 + b"\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\nHost: evil\n\r\n", b"0\n\r\n", b"0\r\n\n",
], ids=lambda body: repr(body[:30]))
def test_no_second_request_hides_in_pieces(server, body):
    """Whose ends another server may see elsewhere: webbot takes no body in pieces, and nothing after a broken one counts."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = raw(server, head + body + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.startswith((b"HTTP/1.1 411", b"HTTP/1.1 400")) and b"HTTP/1.1 200" not in answer


def test_the_log_holds_no_secret_and_one_line_for_each_event(server, people):
    """At the level debug: after everything above, and with links, codes, keys and texts that would be known again."""
    mia = Member(server, people, "Mia %s {0}")
    invitation, token = people.invitations.invite("guest", "member", mia.person.id)
    share = mia.begin("canary-prompt " * 3)
    link = until(lambda: mia.http.post(f"/c/{share}/share").json().get("link"), 20).rsplit("/", 1)[1]
    stranger = httpx.Client(base_url=server.url, verify=False)
    for path in (f"/join/{token}", f"/s/{link}", f"/enter?code=canary-code&next=/join/{token}",
                 "/canary%0d%0aERROR%20forged%1b[31m%25s"):
        stranger.get(path)
    stranger.get("/v1/models", headers={"Authorization": "Bearer wb-canary-key", "Cookie": "__Host-session=canary-cookie"})
    agent = "canary-agent\u00ff".encode("latin-1")
    stranger.get("/v1/models", headers={"Authorization": "Basic canary-basic", "User-Agent": agent})
    mia.http.post(f"/c/{share}/options", data={"title": "canary-title\x1b[31m %s \u2028 x"})
    mia.http.post(f"/c/{share}/files", files={"attached": ("canary-file\x1b\r\n%n.txt", b"canary-bytes")})
    mia.http.post("/roles", data={"title": "canary-role", "prompt": "canary-words"})
    mia.http.post("/v1/chat/completions", headers=mia.program, json={"model": "echo", "messages": "canary-body"})
    until(lambda: "canary" in server.log.read_text(), 10, "a path that nobody has stands in the log")
    log = server.log.read_text()
    secrets = [mia.http.cookies["__Host-session"], mia.program["Authorization"][7:], token, link]
    for word in ("prompt", "code", "key", "cookie", "basic", "agent", "title", "file", "bytes", "role", "words", "body"):
        assert f"canary-{word}" not in log, word
    assert not [secret for secret in secrets if secret in log or secret[:20] in log]
    assert LONG[:50] not in log
    assert not server.strange_lines()
    assert any("forged" in line and "\\r\\n" in line for line in log.splitlines())
    assert json.dumps(invitation.id)[1:-1][:20] not in log
