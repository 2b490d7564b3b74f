"""Programs at a real server: a client that leaves frees the model, and turns are on the open page."""

import json
import threading
import time

import httpx
import pytest

from tests.live.conftest import LiveServer, until

pytestmark = pytest.mark.slow

LONG = "word " * 1500  # half a minute of the echo engine


class Program:
    def __init__(self, server):
        self.http = httpx.Client(base_url=server.url, verify=False, timeout=60)

    def body(self, text, **parameters):
        return {"model": "llama", "messages": [{"role": "user", "content": text}], **parameters}

    def chat(self, text, **parameters):
        return self.http.post("/v1/chat/completions", json=self.body(text, **parameters))

    def chunks(self, text, path="chat/completions", **parameters):
        """The chunks as they come; the client leaves when the generator is closed."""
        body = self.body(text, stream=True, **parameters)
        with self.http.stream("POST", f"/v1/{path}", json=body) as response:
            assert response.status_code == 200, response.read()
            for line in response.iter_lines():
                if line.startswith("data: {"):
                    yield json.loads(line[6:])

    def busy(self):
        """How many answers the engine has in work."""
        lines = self.http.get("/metrics").text.splitlines()
        return next(int(float(line.split()[-1])) for line in lines if line.startswith("webbot_answers_running "))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = LiveServer(tmp_path_factory.mktemp("programs"))
    yield server.start()
    server.stop()


@pytest.fixture
def program(server):
    return Program(server)


def leave_a_stream(program, **parameters):
    chunks = program.chunks(LONG, **parameters)
    for _ in range(5):
        next(chunks)
    until(lambda: program.busy() == parameters.get("n", 1), 5, "the model is not at work")
    chunks.close()


def leave_a_whole_answer(program, **parameters):
    with pytest.raises(httpx.ReadTimeout):
        program.http.post("/v1/chat/completions", json=program.body(LONG, **parameters), timeout=1.0)


@pytest.mark.parametrize("leave", [leave_a_stream, leave_a_whole_answer])
@pytest.mark.parametrize("parameters", [{}, {"n": 4}], ids=["one", "four"])
def test_a_client_that_leaves_frees_the_model(program, leave, parameters):
    leave(program, **parameters)
    until(lambda: program.busy() == 0, 10, "the model is still at work")  # the answer would take half a minute
    assert program.chat("still there?").json()["choices"][0]["message"]["content"] == "still there?"


def test_a_turn_is_on_the_open_page_and_leaving_stops_it(server):
    program, ann = Program(server), server.visitor()
    key, _, _ = ann.answer("I like trees")
    heard, watched = [], threading.Event()

    def watch():
        for name, data in ann.events(key, opened=watched.set):
            heard.append((name, data))
            if name in ("finished", "cancelled"):
                return

    page = threading.Thread(target=watch, daemon=True)
    page.start()
    assert watched.wait(20)
    chunks = program.chunks("What did I say?", metadata={"conversation_id": key})
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "You said: I like trees"
    page.join(20)
    names = [name for name, _ in heard]
    assert names.index("turn") < names.index("started") < names.index("blocks") < names.index("finished")
    assert "What did I say?" in next(data["html"] for name, data in heard if name == "turn")
    chunks = program.chunks(LONG, metadata={"conversation_id": key})
    for _ in range(3):
        next(chunks)
    assert program.chat("now?", metadata={"conversation_id": key}).status_code == 409
    chunks.close()
    until(lambda: program.busy() == 0, 10, "the answer goes on though the program has left")
    assert program.chat("Go on", metadata={"conversation_id": key}).json()["choices"][0]["message"]["content"] == "Go on"
    with_cookie = server.visitor()
    with_cookie.answer("Hello")
    refused = with_cookie.http.post("/v1/chat/completions", json=program.body("hm", metadata={"conversation_id": key}))
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "conversation_not_found")


def test_sixteen_streams_together(program):
    began = time.monotonic()
    texts = {}

    def read(number):
        parts = Program.chunks(program, f"{number} " * 50)
        texts[number] = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in parts)

    readers = [threading.Thread(target=read, args=(number,)) for number in range(16)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(30)
    assert texts == {number: f"{number} " * 50 for number in range(16)}
    assert time.monotonic() - began < 10  # alone each takes a second
