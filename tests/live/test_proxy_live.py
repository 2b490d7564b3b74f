"""The real server behind a reverse proxy that behaves like oauth2-proxy: over HTTPS, over the plain port, over the Unix socket;
and what happens to those who come past it."""

import contextlib
import json
import re
import socket
import tempfile
import threading
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.live.conftest import LiveServer, Visitor, until
from tests.live.small_proxy import Proxy, over_socket, over_tcp, over_tls, pump

pytestmark = pytest.mark.slow
SECRET = "0123456789abcdef0123456789abcdef"
WAYS = ("https", "port", "socket")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="webbot-proxy-", dir="/tmp"))  # a socket's path must be short
    path = folder / "webbot.sock"
    server = LiveServer(tmp_path_factory.mktemp("proxied"), access="header", proxy_secret=SECRET, proxy_port=str(port),
                        socket=str(path), owners="olga", log_level="debug")
    server.proxy_port, server.path = port, path
    server.start(ready=False)
    yield server
    server.stop()
    assert not path.exists(), "the socket is removed at the end"
    folder.rmdir()


@pytest.fixture(scope="module")
def proxies(server):
    """By each way; only over the socket without the secret."""
    given = {
        "https": Proxy(over_tls(server.port), X_Proxy_Secret=SECRET),
        "port": Proxy(over_tcp(server.proxy_port), X_Proxy_Secret=SECRET),
        "socket": Proxy(over_socket(str(server.path))),
    }
    yield given
    for proxy in given.values():
        proxy.shutdown()
        proxy.server_close()


@pytest.fixture(params=WAYS)
def proxy(request, proxies):
    return proxies[request.param]


def signed_in(proxy, user):
    visitor = Visitor(proxy.url)
    visitor.http.headers["Origin"] = proxy.url.replace("http:", "https:")
    assert visitor.http.get("/oauth2/sign_in", params={"user": user}).status_code == 200
    return visitor


def test_who_signed_in_at_the_proxy_talks(proxy):
    """Forms, streams and pages; each sees only their own."""
    ann, bob = signed_in(proxy, "ann"), signed_in(proxy, "bob")
    key, html, ended = ann.answer("seven little ducks")
    assert (ended, "seven little ducks" in html) == ("finished", True)
    assert "ducks" in ann.page(key)
    assert bob.http.get(f"/c/{key}").status_code == 404
    assert ann.http.get("/api/userinfo").json()["username"] == "ann"


def test_whoever_did_not_gets_no_further_than_the_proxy(proxy):
    visitor = Visitor(proxy.url)
    assert visitor.http.get("/").status_code == 403


def test_nobody_says_another_name_through_the_proxy(proxy):
    ann = signed_in(proxy, "ann")
    forged = {"X-Forwarded-User": "olga", "X_Forwarded_User": "olga", "X-Proxy-Secret": SECRET,
              "X-FORWARDED-EMAIL": "olga@example.org"}
    assert ann.http.get("/api/userinfo", headers=forged).json()["username"] == "ann"
    assert ann.http.get("/metrics", headers=forged).status_code == 403
    assert signed_in(proxy, "olga").http.get("/metrics").status_code == 200


def test_a_socket_passes(proxy):
    ann = signed_in(proxy, "ann")
    key = ann.http.post("/api/conversations", json={"title": ""}).json()["id"]
    cookie = "; ".join(f"{name}={value}" for name, value in ann.http.cookies.items())
    address = proxy.url.replace("http:", "ws:") + "/api/chat"
    origin = proxy.url.replace("http:", "https:")
    with connect(address, origin=origin, additional_headers={"Cookie": cookie}) as connection:
        connection.send(json.dumps({"id": "q1", "conversation": key, "content": "hello", "type": "text"}))
        frames = []
        while not frames or frames[-1]["type"] != "stream/end":
            frames.append(json.loads(connection.recv(timeout=20)))
    assert "hello" in "".join(frame.get("content", "") for frame in frames if frame["type"] == "stream/text")
    with pytest.raises(InvalidStatus) as refused, connect(address, origin="https://evil.example",
                                                          additional_headers={"Cookie": cookie}):
        pass
    assert refused.value.response.status_code == 403


def test_one_that_leaves_is_noticed_over_the_socket_too(server, proxies):
    """Nobody waits for an answer any more whose reader has gone: its connection ends."""
    ann = signed_in(proxies["socket"], "ann")
    turn = ann.ask(" ".join(f"word{number}" for number in range(200)))
    with ann.http.stream("GET", f"/c/{turn['conversation']}/events") as stream:
        lines = stream.iter_lines()  # kept: one that is dropped ends the connection
        next(lines)
        until(lambda: connections(server) > 0, what="no connection")
    until(lambda: connections(server) == 0, what="the connection stays")


def connections(server):
    """How many the web process holds at its Unix socket."""
    listed = Path("/proc/net/unix").read_text().splitlines()
    return sum(line.split()[5] == "03" for line in listed if line.endswith(f" {server.path}"))


# past the proxy

def raw(opened, *lines, host="localhost", path="/api/userinfo"):
    """The status and the body that a request gets, header by header."""
    with opened as sock:
        sock.settimeout(20)
        sent = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *lines, "", ""]
        sock.sendall("\r\n".join(sent).encode("latin-1"))
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := sock.recv(65536):
                answer += piece
    return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2].decode()


@pytest.fixture
def forwarder(server):
    """What frpc does: connects from 127.0.0.1 for whoever comes."""
    class Forwarding:
        def __init__(self, port):
            self.listening = socket.create_server(("127.0.0.1", 0))
            self.port = self.listening.getsockname()[1]
            threading.Thread(target=self.serve, args=(port,), daemon=True).start()

        def serve(self, port):
            with contextlib.suppress(OSError):
                while True:
                    ours, other = self.listening.accept()[0], socket.create_connection(("127.0.0.1", port))
                    for pair in ((ours, other), (other, ours)):
                        threading.Thread(target=pump, args=pair, daemon=True).start()

    made = []

    def make(port):
        made.append(Forwarding(port))
        return made[-1].port

    yield make
    for one in made:
        one.listening.close()


@pytest.mark.parametrize("way", ["direct", "tunnel", "port", "port through a tunnel"])
def test_the_header_alone_proves_nothing(server, forwarder, way):
    """A3; the address is 127.0.0.1 each time."""
    port = server.proxy_port if "port" in way else server.port
    open_ = (over_tcp if "port" in way else over_tls)(forwarder(port) if "tunnel" in way else port)
    before = server.log.read_text().count("was not believed") + server.log.read_text().count("was refused: nothing proves")
    for lines in (("X-Forwarded-User: alice",), ("X-Forwarded-User: alice", "X-Proxy-Secret: " + "x" * 32),
                  ("X-Forwarded-User: alice", "X-Forwarded-For: 10.0.0.1", "X-Real-IP: 10.0.0.1")):
        assert raw(open_(), *lines)[0] == 401
    text = server.log.read_text()
    assert text.count("was not believed") + text.count("was refused: nothing proves") == before + 3
    assert SECRET not in text


def test_what_reads_as_the_header_is_not_the_header(server):
    """X3 and X4, on the wire of the real server."""
    secret, open_ = f"X-Proxy-Secret: {SECRET}", over_tls(server.port)
    assert raw(open_(), secret, "X-Forwarded-User: ann")[0] == 200
    assert raw(open_(), secret, "X_Forwarded_User: ann")[0] == 401
    assert raw(open_(), secret, "X-Forwarded_User: ann")[0] == 401
    assert json.loads(raw(open_(), secret, "X-Forwarded-User: ann", "X_Forwarded_User: olga")[1])["username"] == "ann"
    assert raw(open_(), "X_Proxy_Secret: " + SECRET, "X-Forwarded-User: ann")[0] == 401
    assert raw(open_(), secret, "X-Forwarded-User: ann", "X-Forwarded-User: olga")[0] == 400
    assert raw(open_(), secret, secret, "X-Forwarded-User: ann")[0] == 401
    assert raw(open_(), secret, "X-Forwarded-User: ann", " olga")[0] == 400
    assert raw(open_(), secret, "X-Forwarded-User : ann")[0] == 400
    assert raw(open_(), secret, "X-Forwarded-User: ann\x00olga")[0] == 400
    assert raw(open_(), secret, "X-Forwarded-User: ann", host="evil.example")[0] == 400


SECOND = "GET /api/userinfo HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-User: olga\r\n\r\n"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("head", "body"), [
    (("Content-Length: 5", "Transfer-Encoding: chunked"), "0\r\n\r\n"),
    (("Transfer-Encoding: chunked", "Content-Length: 5"), "0\r\n\r\n"),
    (("Transfer-Encoding: xchunked", "Transfer-Encoding: chunked"), "0\r\n\r\n"), (("Transfer-Encoding : chunked",), "0\r\n\r\n"),
    (("Content-Length: 0", f"Content-Length: {len(SECOND)}"), ""), (("X-A: b\nContent-Length: 0",), ""),
    (("Transfer-Encoding: chunked",), "0;a\nb\r\n\r\n"), (("Content-Length: 0",), ""),
], ids=["CL.TE", "TE.CL", "TE.TE", "TE blank", "CL.CL", "bare LF", "chunk extension", "pipelined"])
def test_nothing_is_smuggled_past_the_proxy(proxies, way, head, body):
    """A45: what stands behind a request is never another request of somebody else."""
    ann = signed_in(proxies[way], "ann")
    cookie = "; ".join(f"{name}={value}" for name, value in ann.http.cookies.items())
    with socket.create_connection(proxies[way].server_address, 20) as sock:
        sent = ["POST /api/conversations HTTP/1.1", "Host: localhost", f"Cookie: {cookie}", *head]
        sock.sendall(("\r\n".join([*sent, "", ""]) + body + SECOND).encode())
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := sock.recv(65536):
                answer += piece
    assert set(re.findall(rb"HTTP/1.1 (\d+)", answer)) <= {b"400", b"411", b"501"}
    assert b"userid" not in answer


def test_the_plain_port_answers_only_the_proxy(server):
    open_ = over_tcp(server.proxy_port)
    assert raw(open_(), path="/healthz")[0] == 200
    assert raw(open_(), path="/")[0] == 401
    assert raw(open_(), "Authorization: Bearer wb-" + "x" * 43, path="/v1/models")[0] == 401
    assert raw(open_(), f"X-Proxy-Secret: {SECRET}")[0] == 401
    upgrade = ("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
    assert raw(open_(), *upgrade, "X-Forwarded-User: ann", path="/api/chat")[0] == 401


def test_names_make_no_lines_of_their_own_in_the_log(server):
    """A38, at the level debug: whom the proxy names does not stand in it, who only says so does, in quotes."""
    secret, open_ = f"X-Proxy-Secret: {SECRET}", over_tls(server.port)
    assert raw(open_(), secret, "X-Forwarded-User: canary-known", "X-Forwarded-Email: canary-mail@example.org")[0] == 200
    for end in ("\x1b[31m%s%n", "\u2028ERROR", "\x85ERROR", "\u202e", "/../..", "x" * 5000):
        sent = end.encode().decode("latin-1")
        assert 400 <= raw(open_(), secret, f"X-Forwarded-User: canary{sent}")[0] < 500
        assert 400 <= raw(open_(), f"X-Forwarded-User: forged{sent}")[0] < 500
    log = server.log.read_text()
    assert "canary" not in log and SECRET not in log and "forged\u00c2\\x85ERROR" in log and "x" * 200 not in log
    assert not server.strange_lines()


def test_the_socket_is_for_owner_and_group(server):
    assert server.path.stat().st_mode & 0o777 == 0o660
    answer = httpx.Client(transport=httpx.HTTPTransport(uds=str(server.path))).get("http://localhost/api/userinfo",
                                                                                   headers={"X-Forwarded-User": "ann"})
    assert answer.json()["username"] == "ann"
