"""Which Whisper weights there are, and their download from a real server."""

import hashlib
import http.server
import json
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from webbot.errors import Conflict, Unavailable, Unusable
from webbot.settings import ROOT
from webbot.speech import weights
from webbot.speech.download import download


def test_names_and_paths(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    models = tmp_path / "models"
    assert weights.find("base", models) is None
    assert weights.find("starter", models) == weights.STARTER and weights.STARTER.path.is_file()
    cached = tmp_path / "home" / ".cache" / "whisper" / "base.pt"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(weights.STARTER.path.read_bytes()[:1_000_000])
    assert weights.find("base", models) is None  # an interrupted download
    cached.write_bytes(weights.STARTER.path.read_bytes())
    assert weights.find("base", models) == weights.Found(cached, "base")
    own = weights.folder(models) / "large-v3-turbo.pt"
    own.parent.mkdir(parents=True)
    own.write_bytes(cached.read_bytes())
    assert weights.find("turbo", models) == weights.Found(own, "turbo")
    assert weights.find(str(cached), models) == weights.Found(cached.resolve(), "base")
    assert weights.find(str(tmp_path / "nowhere.pt"), models) is None
    assert weights.known("turbo") and not weights.known("nonsense") and not weights.known("")
    assert weights.find("whisper-large-v3-turbo", models) == weights.Found(own, "whisper-large-v3-turbo")
    assert weights.find("whisper-starter", models) == weights.STARTER


@pytest.mark.slow
def test_the_table_is_that_of_openai_whisper():
    program = "import json, whisper; print(json.dumps(whisper._MODELS))"
    published = json.loads(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout)
    assert {name: weights.address(name)[0] for name in [*weights.CHECKSUMS, *weights.SHORT_NAMES]} == published


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as opened:
        thread = threading.Thread(target=opened.serve_forever, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{opened.server_port}"
        opened.shutdown()


def test_a_download_is_checked_and_appears_whole(server, tmp_path):
    folder, address = server
    content = bytes(range(256)) * 10_000
    (folder / "base.pt").write_bytes(content)
    told = []
    target = tmp_path / "models" / "base.pt"
    download(f"{address}/base.pt", hashlib.sha256(content).hexdigest(), target, lambda *step: told.append(step))
    assert target.read_bytes() == content
    assert told[-1][:2] == (len(content), len(content))
    with pytest.raises(Unusable, match="checksum"):
        download(f"{address}/base.pt", "0" * 64, tmp_path / "other" / "base.pt", lambda *step: None)
    with pytest.raises(Unavailable, match="404"):
        download(f"{address}/missing.pt", "0" * 64, tmp_path / "other" / "missing.pt", lambda *step: None)
    assert [path.name for path in (tmp_path / "other").iterdir()] == []


def run(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "webbot.speech.download", *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.PIPE,
    )


def test_without_a_network_the_command_says_so(tmp_path):
    process = run("base", tmp_path / "models", "--source", "http://127.0.0.1:9")
    lines = [json.loads(line) for line in process.communicate(timeout=60)[0].splitlines()]
    assert process.returncode == 1
    assert "127.0.0.1 cannot be reached" in lines[-1]["sentence"]
    assert list((tmp_path / "models").iterdir()) == []


def test_a_download_that_was_killed_goes_on(tmp_path):
    """The server sends slowly at first, and answers ranges."""
    content, asked, slow, models = bytes(range(256)) * 4000, [], threading.Event(), tmp_path / "models"
    slow.set()

    class Ranged(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers["Range"])
            start = int((asked[-1] or "bytes=0-").removeprefix("bytes=").rstrip("-"))
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            while slow.is_set() and start < len(content) // 2:
                self.wfile.write(content[start : start + 1000])
                start += 1000
            while slow.is_set():
                time.sleep(0.02)
            self.wfile.write(content[start:])

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranged) as opened:
        threading.Thread(target=opened.serve_forever, args=(0.02,), daemon=True).start()
        source = f"http://127.0.0.1:{opened.server_port}"
        process = run("base", models, "--source", source)
        until_size(models, 200_000)
        with pytest.raises(Conflict, match="Another process"):
            download(f"{source}/x", weights.CHECKSUMS["base"], models / "base.pt", lambda *step: None)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        slow.clear()
        (left,) = models.iterdir()
        checksum = hashlib.sha256(content).hexdigest()
        left.rename(models / f".base-{checksum[:16]}.part")
        download(f"{source}/base.pt", checksum, models / "base.pt", lambda *step: None)
        opened.shutdown()
    assert [path.name for path in models.iterdir()] == ["base.pt"]
    assert (models / "base.pt").read_bytes() == content
    assert asked[0] is None and int(asked[-1].removeprefix("bytes=").rstrip("-")) >= 200_000


def until_size(folder, size):
    until = time.monotonic() + 30
    while sum(path.stat().st_size for path in folder.glob(".base-*")) < size and time.monotonic() < until:
        time.sleep(0.02)
    assert sum(path.stat().st_size for path in folder.glob(".base-*")) >= size
