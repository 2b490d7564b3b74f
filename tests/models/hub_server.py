"""A small hub on loopback: serves folders through the part of the hub's HTTP interface that a download uses."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """`models` maps names to folders, `gated` are names that ask for a token. `requests` keeps (method, path, range).

    After `break_after` bytes of a file the connection is lost, or the hub just falls silent where `silent` is set. `gone` are
    revisions that it does not have (any more), `listed` are entries put into every list of files, `damaged` are names of files
    that arrive with another content, `terse` leaves the hashes out of the lists, `pause` are seconds before each file,
    `broken` is a status that answers everything.
    """

    def __init__(self, models, gated=()):
        self.models, self.gated = models, set(gated)
        self.gone, self.listed, self.damaged, self.terse, self.pause, self.broken = set(), [], set(), False, 0.0, 0
        self.hashes = {}
        self.requests, self.break_after, self.silent = [], None, False
        self.closed = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.closed.set()
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.partition("?")[0].strip("/").split("/")
        self.hub.requests.append((self.command, self.path, self.headers.get("Range")))
        if self.hub.broken:
            self._refuse(self.hub.broken, "Broken")
        elif len(path) > 5 and path[4] == "revision" and path[5] in self.hub.gone:
            self._refuse(404, "RevisionNotFound")
        elif path[:2] == ["api", "models"]:
            self._about("/".join(path[2:4]))
        elif len(path) > 4 and path[2] == "resolve":
            self._file("/".join(path[:2]), "/".join(path[4:]))
        else:
            self._refuse(404, "EntryNotFound")

    def _about(self, name):
        if name not in self.hub.models:
            self._refuse(404, "RepoNotFound")
            return
        folder = Path(self.hub.models[name])
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        siblings = [self._sibling(folder, file) for file in files] + self.hub.listed
        asked = self.path.partition("?")[0].partition("/revision/")[2]
        about = {"id": name, "sha": asked if len(asked) == 40 else COMMIT, "siblings": siblings}
        self._send(200, json.dumps(about).encode(), {"Content-Type": "application/json"})

    def _sibling(self, folder, file):
        about = {"rfilename": str(file.relative_to(folder)), "size": file.stat().st_size}
        if self.hub.terse:
            return about
        sha256, blob = self._hashes(file)
        if file.suffix in (".safetensors", ".gguf"):
            return about | {"blobId": "0" * 40, "lfs": {"sha256": sha256, "size": about["size"], "pointerSize": 130}}
        return about | {"blobId": blob}

    def _hashes(self, file):
        if file not in self.hub.hashes:
            data = file.read_bytes()
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            self.hub.hashes[file] = hashlib.sha256(data).hexdigest(), blob
        return self.hub.hashes[file]

    def _file(self, name, file):
        self.hub.closed.wait(self.hub.pause)
        if name in self.hub.gated and "Authorization" not in self.headers:
            self._refuse(403, "GatedRepo")
            return
        path = Path(self.hub.models[name]) / file
        if not path.is_file():
            self._refuse(404, "EntryNotFound")
            return
        data = path.read_bytes()
        headers = {"ETag": f'"{self._hashes(path)[0]}"', "X-Repo-Commit": COMMIT, "X-Linked-Size": str(len(data))}
        if file in self.hub.damaged:
            data = bytes(len(data))
        asked = self.headers.get("Range")
        if asked:
            start = int(asked.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self._send(206, data[start:], headers)
        else:
            self._send(200, data, headers)

    def _refuse(self, status, code):
        self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

    def _send(self, status, data, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        limit = self.hub.break_after
        if limit is not None and len(data) > limit and "ETag" in headers:
            self.wfile.write(data[:limit])
            self.wfile.flush()
            if self.hub.silent:
                self.hub.closed.wait(30)
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass
