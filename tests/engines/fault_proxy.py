"""Servers for the remote engine's tests: a proxy that spoils what a real server answers, and one that answers from a table."""

import contextlib
import json
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunked(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(value):
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


def word(text, **more):
    return event({"choices": [{"index": 0, "delta": {"content": text}, **more}]})


def stream(*events, end=b"0\r\n\r\n"):
    """A streamed response, whole."""
    return STREAM + b"".join(map(chunked, events)) + end


def response(status, body=b"{}", **headers):
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in {"Content_Type": "application/json", **headers}.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class FaultProxy:
    """Stands between an engine and a real server on the port `real` of 127.0.0.1.

    `faults` are what befalls the next completions, in turn; None, and none left, means that the real server answers. `usual`
    befalls all others. `asked` keeps (path, headers, body).
    """

    def __init__(self, real, *, port=0):
        self.port, self.faults, self.usual, self.asked = real, [], None, []
        self.closed = threading.Event()
        self.gone = threading.Event()  # the engine closed a connection on which something hung
        self.listener = socket.create_server(("127.0.0.1", port))
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.closed.set()
        self.leave()

    def leave(self):
        """Nobody listens any more."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts; closing alone would not
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            while request := self._request(connection):
                raw, path = request
                fault = self.usual
                if path.endswith("completions") and self.faults:
                    fault = self.faults.pop(0)
                if fault is None:
                    self.relay(connection, raw)
                elif isinstance(fault, bytes):
                    connection.sendall(fault)
                else:
                    fault(self, connection, raw)
                    return

    def _request(self, connection):
        raw = b""
        while b"\r\n\r\n" not in raw:
            piece = connection.recv(65536)
            if not piece:
                return None
            raw += piece
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
        path = first.split()[1]
        self.asked.append((path, headers, body))
        return head + b"\r\n\r\n" + body, path

    def relay(self, connection, raw, most=None):
        """What the real server answers, up to `most` bytes."""
        with socket.create_connection(("127.0.0.1", self.port)) as upstream:
            upstream.sendall(raw.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            sent = 0
            while piece := upstream.recv(4096):
                piece = piece[: None if most is None else most - sent]
                connection.sendall(piece)
                sent += len(piece)
                if most is not None and sent >= most:
                    return
        connection.shutdown(socket.SHUT_WR)

    def hang(self, connection):
        """Nothing more comes; ends when the engine closes the connection."""
        with contextlib.suppress(OSError):
            while connection.recv(65536):
                pass
        self.gone.set()


# What may befall a request.


def silence(proxy, connection, raw):
    proxy.hang(connection)


def hang_after(data):
    def fault(proxy, connection, raw):
        connection.sendall(data)
        proxy.hang(connection)
    return fault


def hang_in_stream(proxy, connection, raw):
    """After the first tokens of the real server."""
    proxy.relay(connection, raw, most=900)
    proxy.hang(connection)


def cut_in_stream(proxy, connection, raw):
    proxy.relay(connection, raw, most=900)


def reset_in_stream(proxy, connection, raw):
    proxy.relay(connection, raw, most=900)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def vanish(proxy, connection, raw):
    """Closes without a word."""


def then_close(data):
    def fault(proxy, connection, raw):
        connection.sendall(data)
    return fault


def endless(start, piece, pause=0.0):
    def fault(proxy, connection, raw):
        connection.sendall(start)
        with contextlib.suppress(OSError):
            while not proxy.closed.wait(pause) if pause else True:
                connection.sendall(piece)
        proxy.gone.set()
    return fault


class Table:
    """A server of canned answers: `routes` maps "GET /v1/models" to (status, value) or a function of the body. `asked` keeps
    (method and path, headers, body), `clients` the addresses of their connections."""

    def __init__(self, routes):
        self.routes, self.asked, self.clients = routes, [], set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"table": self}))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    table: Table
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        sent = json.loads(body) if body else None
        key = f"{self.command} {self.path}"
        self.table.clients.add(self.client_address)
        self.table.asked.append((key, {name.lower(): value for name, value in self.headers.items()}, sent))
        route = self.table.routes.get(key, (404, {"detail": "Not Found"}))
        answer = route(sent) if callable(route) else route
        if isinstance(answer, bytes):
            self.wfile.write(answer)
            return
        status, value, *headers = answer
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Type": "application/json", "Content-Length": str(len(data)), **dict(*headers)}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST

    def log_message(self, *arguments):
        pass
