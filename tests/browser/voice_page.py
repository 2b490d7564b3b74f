"""A page with the real composer and the real voice modules, and a server that takes recordings and says what it is told to.

The recordings are decoded, so that a test knows what arrived.
"""

from __future__ import annotations

import json
import mimetypes
import shutil
import subprocess
import threading
import time
import wave
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jinja2

from webbot.web.access import CONTENT_SECURITY_POLICY

ROOT = Path(__file__).parents[2]
PAGE = """<!doctype html><html lang="en" class="script"><meta charset="utf-8"><title>voice</title>
<link rel="icon" href="/static/favicon.svg">
{% for sheet in ("base", "composer", "voice") %}<link rel="stylesheet" href="/static/css/{{ sheet }}.css">{% endfor %}
<div id="troubles"></div>
<form class="composer" id="composer" data-audio-seconds="{{ seconds }}" data-voice-grace="{{ grace }}">
  <div class="writing"><input type="file" name="file" hidden><textarea name="question" aria-label="Your question"></textarea>
    <button class="round talk-now" type="button" data-voice="talk">Talk</button><button id="send">Send</button></div>
  <div class="listening" hidden><button type="button" data-voice="cancel">Cancel</button>
    <div class="words" aria-live="polite"></div>
    <div class="wave"><i></i><i></i><i></i><i></i><i></i></div><button type="button" data-voice="send">Send</button></div>
</form>
{% include "_words.html" %}
<script type="module" src="/page.js"></script></html>"""
SCRIPT = """
import { Composer } from "/static/js/composer.js";
import { Microphone } from "/static/js/voice/microphone.js";
import { Speaker } from "/static/js/voice/speaker.js";
import { allWords } from "/static/js/words.js";
window.asked = [];
const form = document.getElementById("composer");
const composer = new Composer(form, async (text, spoken) => { window.asked.push({ text, spoken }); });
window.speaker = new Speaker({ words: allWords });
window.microphone = new Microphone({ button: form.querySelector('[data-voice="talk"]'), composer, words: allWords });
window.sentences = Object.fromEntries(allWords);
"""
HEARD = {
    "text": "What is the capital of France?", "language": "en", "language_name": "English", "seconds": 2.0, "took": 0.3,
    "sentence": "",
}


class VoiceServer:
    """`reply` is what /transcribe answers: (status, JSON), or None to break the connection. `received` is what came."""

    def __init__(self):
        self.grace, self.seconds, self.delay = 400, 60, 0.0
        self.reply = (200, HEARD)
        self.received: list[bytes] = []
        self.go = threading.Event()
        self.go.set()
        self.templates = jinja2.Environment(loader=jinja2.FileSystemLoader(ROOT / "templates"), autoescape=True)
        self.templates.globals["_"] = lambda text, **values: text % values if values else text
        handler = type("Handler", (_Handler,), {"owner": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://localhost:{self.port}/"

    def page(self):
        return self.templates.from_string(PAGE).render(grace=self.grace, seconds=self.seconds)

    def stop(self):
        self.go.set()
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    owner: VoiceServer

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/":
            return self._send(200, "text/html; charset=utf-8", self.owner.page().encode())
        if self.path == "/page.js":
            return self._send(200, "text/javascript", SCRIPT.encode())
        path = ROOT / self.path.lstrip("/").split("?")[0]
        if self.path.startswith("/static/") and path.is_file():
            return self._send(200, mimetypes.guess_type(path.name)[0] or "text/plain", path.read_bytes())
        return self._send(404, "text/plain", b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        boundary = self.headers["Content-Type"].split("boundary=")[1].encode()
        part = next(part for part in body.split(b"--" + boundary) if b'name="file"' in part)
        self.owner.received.append(part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n"))
        self.owner.go.wait(30)
        if self.owner.reply is None:
            self.close_connection = True
            self.connection.close()
            return
        status, reply = self.owner.reply
        self._send(status, "application/json", json.dumps(reply).encode())

    def _send(self, status, kind, body):
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # the page has left: a cancelled upload


def until(page, condition, seconds=15):
    """Waits for a condition; the browser's own waiting would need eval, which the content policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"never: {condition}"
        page.wait_for_timeout(50)


def spoken_wav(path, text):
    """A sentence at 48 kHz, as Chromium's fake microphone wants it. None when espeak-ng or ffmpeg is missing."""
    if not shutil.which("espeak-ng") or not shutil.which("ffmpeg"):
        return None
    raw = path.with_suffix(".raw.wav")
    subprocess.run(["espeak-ng", "-v", "en", "-s", "150", "-w", raw, text], check=True)
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", raw, "-ar", "48000", "-ac", "1", path], check=True)
    return path


def silent_wav(path, seconds=3):
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(48000)
        out.writeframes(b"\0\0" * 48000 * seconds)
    return path


def decoded(recording):
    """16 kHz samples of a recording as bytes, whatever its format."""
    made = subprocess.run(["ffmpeg", "-v", "error", "-i", "pipe:0", "-ac", "1", "-ar", "16000", "-f", "s16le", "pipe:1"],
                          input=recording, capture_output=True, check=True)
    return made.stdout
