"""A reverse proxy that behaves like oauth2-proxy: people sign in at /oauth2/sign_in?user=NAME, get a cookie of its own, and what
they send is passed on with X-Forwarded-User and the shared secret, both of which nobody else can send through it."""

import contextlib
import re
import secrets
import socket
import socketserver
import ssl
import threading
from urllib.parse import parse_qs, urlsplit

COOKIE = "_oauth2_proxy"
OWN = ("x-forwarded-user", "x-forwarded-email", "x-forwarded-preferred-username", "x-proxy-secret", "x-forwarded-proto",
       "connection")


class Proxy(socketserver.ThreadingTCPServer):
    """`upstream` makes a connection to the server; `added` are headers that it sends of itself."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, upstream, **added):
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream, self.added, self.users = upstream, added, {}
        self.url = f"http://localhost:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


class Handler(socketserver.BaseRequestHandler):
    """One request a connection, which also ends it; a WebSocket goes on."""

    def handle(self):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.request.recv(65536)
            if not piece:
                return
            head += piece
        head, _, early = head.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        target = urlsplit(first.split()[1])
        if target.path == "/oauth2/sign_in":
            self.sign_in(parse_qs(target.query)["user"][0])
            return
        user = self.server.users.get(self.cookie(lines))
        if user is None:
            self.request.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nConnection: close\r\n\r\nsign in")
            return
        self.pass_on(first, lines, user, early)

    def sign_in(self, user):
        ticket = secrets.token_urlsafe(16)
        self.server.users[ticket] = user
        lines = ("HTTP/1.1 200 OK", f"Set-Cookie: {COOKIE}={ticket}; Path=/; HttpOnly", "Content-Length: 0", "Connection: close")
        self.request.sendall("\r\n".join([*lines, "", ""]).encode())

    def cookie(self, lines):
        found = re.search(rf"(?im)^cookie:.*?\b{COOKIE}=([\w-]+)", "\n".join(lines))
        return found and found[1]

    def pass_on(self, first, lines, user, early):
        kept = [line for line in lines if line.split(":")[0].strip().lower().replace("_", "-") not in OWN]
        upgrade = any(line.lower().startswith("upgrade:") for line in lines)
        added = {"X-Forwarded-User": user, "X-Forwarded-Proto": "https", "Connection": "Upgrade" if upgrade else "close",
                 **{name.replace("_", "-"): value for name, value in self.server.added.items()}}
        sent = [first, *kept, *(f"{name}: {value}" for name, value in added.items())]
        with self.server.upstream() as other:
            other.sendall("\r\n".join([*sent, "", ""]).encode("latin-1") + early)
            back = threading.Thread(target=pump, args=(self.request, other), daemon=True)
            back.start()
            pump(other, self.request)
            with contextlib.suppress(OSError):
                self.request.shutdown(socket.SHUT_RDWR)
            back.join(5)


def pump(source, sink):
    """Whatever comes, until either side ends."""
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


def over_tls(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return lambda: context.wrap_socket(socket.create_connection(("127.0.0.1", port), 20), server_hostname="localhost")


def over_tcp(port):
    return lambda: socket.create_connection(("127.0.0.1", port), 20)


def over_socket(path):
    def connected():
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(path)
        return sock

    return connected
