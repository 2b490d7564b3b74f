"""The doors for speech on a real server: speech comes while it is made, and whoever leaves ends what was begun for them."""

import json
import socket
import ssl
import threading
import time

import httpx
import psutil
import pytest

from tests.live.conftest import LiveServer, until
from tests.speech.recordings import QUESTION, needs_ffmpeg, needs_voice, spoken, wav

pytestmark = [pytest.mark.slow, needs_voice, needs_ffmpeg]

LONG = ("The moon and the stars are far away, and nobody has counted them all. " * 80)[:4096]
GONE_SECONDS = 2.0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = LiveServer(tmp_path_factory.mktemp("speech"))
    yield server.start()
    server.stop()


def body(text=LONG, **fields):
    return {"model": "tts-1", "input": text, "voice": "alloy", "response_format": "wav", **fields}


def speaking(server):
    """The programs that speak, as processes."""
    found = []
    for process in server.processes():
        try:
            if process.name() in ("espeak-ng", "ffmpeg"):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def program(server):
    return httpx.Client(base_url=server.url, verify=False, timeout=120)


def silent(server):
    """Within GONE_SECONDS no program speaks any more."""
    until(lambda: not speaking(server), GONE_SECONDS, "programs still speak for nobody")


@pytest.mark.parametrize("fields", [{}, {"stream_format": "sse"}])
def test_whoever_leaves_ends_the_programs(server, fields):
    with program(server) as client, client.stream("POST", "/v1/audio/speech", json=body(**fields)) as answer:
        assert answer.status_code == 200
        pieces = answer.iter_raw()  # kept: one that is dropped ends the connection
        next(pieces)
        until(lambda: len(speaking(server)) == 2)
    silent(server)


def test_the_first_bytes_come_while_the_rest_is_made(server):
    with program(server) as client:
        client.post("/v1/audio/speech", json=body("Hello."))
        began = time.monotonic()
        with client.stream("POST", "/v1/audio/speech", json=body(response_format="mp3")) as answer:
            pieces = answer.iter_raw()
            next(pieces)
            first = time.monotonic() - began
            size = sum(map(len, pieces))
        assert first < 1.5 and first < (time.monotonic() - began) / 2 and size > 1_000_000


def test_pages_are_served_while_many_speak(server):
    """Four speak, others wait for them, one who waits leaves; nobody blocks the house."""
    done = []

    def one():
        with program(server) as client:
            done.append(len(client.post("/v1/audio/speech", json=body(LONG[:1500], response_format="mp3")).content))

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    until(lambda: len(speaking(server)) == 8, 20)
    slowest = 0.0
    with program(server) as client:
        for _ in range(20):
            began = time.monotonic()
            assert client.get("/healthz").status_code == 200
            slowest = max(slowest, time.monotonic() - began)
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/audio/speech", json=body(), timeout=0.5)
    for thread in threads:
        thread.join()
    assert slowest < 2.0 and len(done) == 6 and min(done) > 180_000
    silent(server)


def test_two_gigabytes_are_refused_before_they_come(server):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection(("localhost", server.port)), server_hostname="localhost") as client:
        client.sendall(
            b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost:%d\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            b"Content-Length: 2147483648\r\n\r\n--x\r\n" % server.port
        )
        client.settimeout(5)
        told = b""
        while not told.endswith(b"}\n"):
            told += client.recv(65536)
    assert told.startswith(b"HTTP/1.1 413 ") and json.loads(told.partition(b"\r\n\r\n")[2])["error"]["code"] == "too_large"


@pytest.mark.model
def test_there_and_back_and_leaving_the_recogniser(live):
    server = live(speech="1", speech_model="starter", log_level="debug")
    with program(server) as client:
        until(lambda: client.get("/readyz").json()["parts"]["speech"]["status"] == "ready", 120)
        said = client.post("/v1/audio/speech", json=body(QUESTION, response_format="mp3")).content
        files = {"file": ("said.mp3", said)}
        heard = client.post("/v1/audio/transcriptions", files=files, data={"model": "whisper-1"})
        assert heard.json()["text"] == QUESTION
        long = {"file": ("long.wav", wav(spoken(LONG)))}
        for fields in ({}, {"stream": "true"}):
            with pytest.raises(httpx.ReadTimeout):
                client.post("/v1/audio/transcriptions", files=long, data={"model": "whisper-1", **fields}, timeout=1.5)
        began = time.monotonic()
        assert client.post("/v1/audio/transcriptions", files=files, data={"model": "whisper-1"}).json()["text"] == QUESTION
        assert time.monotonic() - began < 15  # the long one would take half a minute
    log = server.log.read_text()
    assert "DEBUG" in log and "capital" not in log and "nobody has counted" not in log, "what is said stands in no log"


def test_speech_that_breaks_off_is_cut_and_does_not_look_whole(server):
    with program(server) as client, client.stream("POST", "/v1/audio/speech", json=body()) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        next(process for process in speaking(server) if process.name() == "espeak-ng").kill()
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)
    silent(server)
    with program(server) as client:
        assert client.post("/v1/audio/speech", json=body("Hello.")).status_code == 200
