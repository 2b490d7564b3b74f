"""Leonid's and the Socratic door on a real server: waiting, leaving, disconnecting, the port over plain HTTP, and curl."""

import json
import os
import random
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress

import httpx
import jwt
import psutil
import pytest

from tests.live.conftest import ROOT, LiveServer, until

pytestmark = pytest.mark.slow

SECRET = "a secret of Leonid's clients, 32+ bytes"
LONG = "word " * 3000  # a minute on the echo engine


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def token(name="ann"):
    return jwt.encode({"user_name": name, "user_token": "t"}, SECRET, "HS256")


class Program:
    """A client of Leonid as they are: JSON over POST, the answer read whole."""

    def __init__(self, base, name="ann"):
        self.base, self.name = base, name
        self.http = httpx.Client(base_url=base, verify=False, timeout=60)

    def send(self, path, **fields):
        return self.http.post(path, json={"user_data": token(self.name), **fields})

    def prompt(self, text):
        return self.send("/receive_prompt", user_prompt=text)

    def later(self, text):
        """A prompt in a thread; its answer, or what was raised, comes in `.found`."""

        def run():
            try:
                with httpx.Client(base_url=self.base, verify=False, timeout=60) as http:
                    thread.found = http.post("/receive_prompt", json={"user_data": token(self.name), "user_prompt": text})
            except httpx.HTTPError as error:
                thread.found = error

        thread = threading.Thread(target=run, daemon=True)
        thread.found = None
        thread.start()
        return thread


def busy(server):
    found = httpx.get(server.url + "/metrics", verify=False).text
    return int(float(re.search(r"^webbot_answers_running (\S+)", found, re.MULTILINE)[1]))


def freed(server, began):
    """Waits until the model is free; the seconds since `began`."""
    until(lambda: busy(server) == 0, 10, "the model is not freed")
    return time.monotonic() - began


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A server with Leonid's own port for most of these tests: (server, address of the port)."""
    port = free_port()
    server = LiveServer(tmp_path_factory.mktemp("leonid"), leonid_port=str(port), leonid_secret=SECRET, queue_owner="2")
    yield server.start(), f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def leonid(shared):
    """The same, idle, and nobody is known there."""
    server, own = shared
    freed(server, time.monotonic())
    for name in ("ann", "bob"):
        assert Program(own, name).send("/user_disconnection").json() == {"result": "ok"}
    return server, own


@pytest.fixture
def own_leonid(live):
    """A server that a test has for itself: (server, address of the port)."""
    port = free_port()
    return live(leonid_port=str(port), leonid_secret=SECRET, queue_owner="2"), f"http://127.0.0.1:{port}"


@pytest.fixture(params=["own port", "main port"])
def at(request, leonid):
    """(server, address), by both ways."""
    server, own = leonid
    return server, own if request.param == "own port" else server.url


def begun(server, count=1):
    until(lambda: busy(server) == count, 10, f"not {count} answers run")


# waiting


def test_a_busy_users_prompts_wait_in_order_and_nobody_elses(at):
    server, base = at
    ann, bob = Program(base), Program(base, "bob")
    first = ann.later("first " * 120)  # time enough for the others to come
    begun(server)
    second = ann.later("second")
    time.sleep(0.3)
    third = ann.later("what did I say")
    time.sleep(0.3)
    full = ann.prompt("one too many")
    assert full.status_code == 429 and full.headers["Retry-After"] and "waiting" in full.json()["error"]
    assert bob.prompt("hello").text == "hello" and first.is_alive()
    for thread in (first, second, third):
        thread.join(20)
    assert first.found.status_code == second.found.status_code == third.found.status_code == 200
    assert first.found.text == "first " * 120 and second.found.text == "second"
    assert third.found.text == f"You said: {'first ' * 120} | second"


def test_prompts_of_both_ports_stand_in_one_line(leonid):
    server, own = leonid
    first = Program(own).later("first " * 60)
    begun(server)
    assert Program(server.url).prompt("what did I say").text.startswith("You said: first")
    first.join(20)
    assert first.found.status_code == 200


def test_context_is_injected_while_an_answer_runs(leonid):
    server, own = leonid
    ann = Program(own)
    running = ann.later("first " * 150)  # three seconds
    begun(server)
    assert ann.send("/inject_context", injected_context="The moon is made of paper.").json() == {"result": "ok"}
    assert busy(server) == 1, "it did not wait for the answer"
    running.join(20)
    assert running.found.text == "first " * 150


# leaving


def test_a_user_who_is_disconnected_ends_what_runs_and_what_waits(at):
    server, base = at
    ann = Program(base)
    running = ann.later(LONG)
    begun(server)
    waiting = [ann.later(f"waiting {number}") for number in range(2)]
    time.sleep(0.5)
    other = Program(base, "bob").later("other " * 100)
    begun(server, 2)
    began = time.monotonic()
    assert ann.send("/user_disconnection").json() == {"result": "ok"}
    assert time.monotonic() - began < 10
    for thread in (running, *waiting):
        thread.join(5)
    assert isinstance(running.found, httpx.RemoteProtocolError)  # half an answer does not look like a whole one
    for thread in waiting:
        assert thread.found.status_code == 409 and "disconnected" in thread.found.json()["error"]
    assert ann.prompt("what did I say").text == "You said nothing that I remember."
    other.join(20)
    assert other.found.text == "other " * 100
    assert busy(server) == 0


def test_a_client_that_leaves_frees_the_model(at):
    server, base = at
    for path, sent in (
        ("/receive_prompt", {"json": {"user_data": token(), "user_prompt": LONG}}),
        *([("/prompt", {"content": "word " * 3000})] if base == server.url else []),
    ):
        with httpx.Client(base_url=base, verify=False) as http, http.stream("POST", path, **sent) as answer:
            parts = answer.iter_text()  # kept: one that is dropped ends the connection
            assert answer.status_code == 200 and next(parts).startswith("word")
            assert answer.headers["Transfer-Encoding"] == "chunked"
            assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
            assert busy(server) == 1
        assert freed(server, time.monotonic()) < 2
    assert Program(base).prompt("after").text == "after"


def test_a_client_that_leaves_the_line_is_never_asked_for(leonid):
    server, own = leonid
    ann = Program(own)
    first = ann.later("first " * 80)
    begun(server)
    with pytest.raises(httpx.ReadTimeout), httpx.Client(base_url=own, timeout=0.4) as http:
        http.post("/receive_prompt", json={"user_data": token(), "user_prompt": "never"})
    first.join(20)
    assert ann.prompt("what did I say").text == f"You said: {'first ' * 80}"


def test_fifty_clients_leave_and_nothing_is_left(leonid):
    server, own = leonid
    web = server.web()
    Program(own).prompt("hello")
    files, threads = web.num_fds(), web.num_threads()
    for number in range(50):
        with httpx.Client(base_url=own) as http, http.stream(
            "POST", "/receive_prompt", json={"user_data": token(f"user {number % 5}"), "user_prompt": LONG}
        ) as answer:
            next(answer.iter_text())
    freed(server, time.monotonic())
    until(lambda: web.num_fds() <= files + 3, 10, "files are left open")
    assert web.num_threads() <= threads + 3


def test_a_crowd_that_prompts_injects_and_disconnects_meets_no_other_error(own_leonid):
    server, own = own_leonid
    statuses, until_then = [], time.monotonic() + 6

    def crowd(number):
        program = Program((own, server.url)[number % 2], f"user {number % 3}")
        while time.monotonic() < until_then:
            call = random.Random(time.monotonic()).choice(["prompt"] * 4 + ["inject", "disconnect", "leave"])
            try:
                if call == "prompt":
                    statuses.append((call, program.prompt("one two three").status_code))
                elif call == "inject":
                    statuses.append((call, program.send("/inject_context", injected_context="x").status_code))
                elif call == "disconnect":
                    statuses.append((call, program.send("/user_disconnection").status_code))
                else:
                    with program.http.stream("POST", "/receive_prompt", json={
                            "user_data": token(program.name), "user_prompt": LONG}) as answer:
                        statuses.append((call, answer.status_code))
            except httpx.RemoteProtocolError:
                statuses.append((call, "cut"))

    threads = [threading.Thread(target=crowd, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert {status for call, status in statuses if call in ("inject", "disconnect")} == {200}
    assert {status for call, status in statuses if call in ("prompt", "leave")} <= {200, 409, 429, "cut"}
    assert sum(status == 200 for call, status in statuses if call == "prompt") > 3
    freed(server, time.monotonic())
    for number in range(3):
        assert Program(own, f"user {number}").prompt("still there").text == "still there"
    with closing(sqlite3.connect(server.folder / "data" / "webbot.db")) as kept:
        titles = kept.execute("select title from conversations order by title").fetchall()
    assert titles == [("user 0",), ("user 1",), ("user 2",)]
    assert " ERROR " not in server.log.read_text()


def test_a_server_that_stops_cuts_answers_instead_of_ending_them(own_leonid):
    server, own = own_leonid
    running = Program(own).later(LONG)
    begun(server)
    began = time.monotonic()
    assert server.stop() == 0 and time.monotonic() - began < 15
    running.join(5)
    assert isinstance(running.found, httpx.RemoteProtocolError)


@contextmanager
def slowed(process):
    """The process computes a tenth of the time: what it writes is not at its end before somebody else has had a turn."""
    done = threading.Event()

    def hold():
        while not done.wait(0.02):
            with suppress(psutil.NoSuchProcess):
                process.suspend()
                done.wait(0.2)
                process.resume()

    holding = threading.Thread(target=hold, daemon=True)
    holding.start()
    try:
        yield
    finally:
        done.set()
        holding.join(5)


STORY = "Tell me a long story about a dragon, a queen and a very old clock."


@pytest.mark.model
@pytest.mark.parametrize(("path", "sent"), [
    ("/prompt", lambda name: {"content": STORY}),
    ("/receive_prompt", lambda name: {"json": {"user_data": token(name), "user_prompt": STORY}}),
])
def test_a_model_that_dies_in_mid_answer_cuts_the_connection(live, path, sent):
    """On a machine that does much else an answer may have ended before its model died: then it is whole, and the next one is
    tried."""
    server = live(engine="local", leonid_secret=SECRET, temperature="0")
    whole = httpx.post(server.url + path, verify=False, timeout=60, **sent("nobody")).text
    for attempt in range(5):
        until(lambda: server._answers("/readyz"), 60)
        worker = server.find("webbot.engines.worker")
        with slowed(worker), httpx.Client(base_url=server.url, verify=False, timeout=60) as http, \
                http.stream("POST", path, **sent(f"ann{attempt}")) as answer:
            assert answer.status_code == 200
            pieces = answer.iter_text()
            text = next(pieces)
            worker.kill()
            try:
                text += "".join(pieces)
            except httpx.RemoteProtocolError:
                return
        assert text == whole, "half an answer that looks whole"
    pytest.fail("each answer had ended before its model died")



# the port


def test_a_conversation_is_found_again_after_a_restart(own_leonid):
    server, own = own_leonid
    assert Program(own).prompt("the word is zebra").status_code == 200
    server.stop()
    server.start()
    assert Program(own).prompt("what did I say").text == "You said: the word is zebra"


@pytest.fixture
def open_to_others(tmp_path):
    """A server that others in the network reach: (server, Leonid's port)."""
    port = free_port()
    server = LiveServer(
        tmp_path, leonid_port=str(port), leonid_secret=SECRET, lan="1", lan_port=str(free_port()), access_code="correct-horse",
    )
    yield server.start(ready=False), port
    server.stop()


def test_leonids_port_is_for_this_machine_only_and_holds_nothing_else(open_to_others):
    server, port = open_to_others
    listening = {c.laddr.ip for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == port}
    assert listening and listening <= {"127.0.0.1", "::1"}
    own = f"http://localhost:{port}"
    assert Program(own).prompt("hello").text == "hello"
    for path in ("/", "/v1/models", "/healthz", "/prompt", "/enter", "/static/css/page.css", "/list", "/metrics", "/c/1"):
        for method in ("GET", "POST"):
            answer = httpx.request(method, own + path)
            assert answer.status_code == 404 and list(answer.json()) == ["error"], path
    answer = httpx.get(own + "/user_disconnection/x")
    assert answer.json() == {"result": "ok"}
    for name in ("Strict-Transport-Security", "Set-Cookie", "Server-Version"):
        assert name not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["Cache-Control"] == "no-store"
    assert httpx.post(own + "/receive_prompt", json={"user_data": "a.b.c", "user_prompt": "hi"}).status_code == 401
    body = {"user_data": token(), "user_prompt": "hi"}
    for headers, status in (
        ({"Host": "evil.example"}, 400), ({"Host": f"evil.example:{port}"}, 400), ({"Host": "127.0.0.1.evil.example"}, 400),
        ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "same-site"}, 403), ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403), ({"Host": "127.0.0.1"}, 200), ({"Host": "[::1]"}, 200),
    ):
        answer = httpx.post(own + "/receive_prompt", json=body, headers=headers)
        assert answer.status_code == status, headers
        assert "Access-Control-Allow-Origin" not in answer.headers
    preflight = httpx.options(own + "/receive_prompt", headers={"Origin": "http://evil.example"})
    assert "Access-Control-Allow-Origin" not in preflight.headers
    assert httpx.get(server.url + "/", verify=False).status_code == 401  # the pages still ask for the code
    assert httpx.post(server.url + "/prompt", content="hi", verify=False).status_code == 401
    assert Program(server.url).prompt("hello").text == "hello"


def start(tmp_path, **environment):
    """A start that has to fail at once: (status, standard error)."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WEBBOT_")}
    given = {
        "WEBBOT_PORT": str(free_port()), "WEBBOT_DATA": str(tmp_path / "data"), "WEBBOT_CERTS": str(tmp_path / "certs"),
        "WEBBOT_ENGINE": "echo", "WEBBOT_SPEECH": "0",
    }
    ran = subprocess.run([sys.executable, "-m", "webbot", "serve"], cwd=ROOT, env=clean | given | environment, timeout=60,
                         capture_output=True, text=True, check=False)
    return ran.returncode, ran.stderr


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"WEBBOT_LEONID_SECRET": "canary"}, "WEBBOT_LEONID_SECRET is too short"),
        ({"WEBBOT_LEONID_PORT": "5001", "WEBBOT_PORT": "5001"}, "--port and --leonid-port are both 5001"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL is 'loud'"),
        ({"LLM__URL": "http://joe:canary@far/v1"}, "holds a name or a password"),
        ({"LLM__URL": "far"}, "must begin with http:// or https://"),
        ({"LLM__URL": "http://far/v1", "LLM__CREDS": "can\nary"}, "that no key has"),
    ],
)
def test_what_cannot_work_ends_the_start_in_one_line(tmp_path, environment, told):
    status, line = start(tmp_path, **environment)
    assert status == 2 and told in line and len(line.strip().splitlines()) == 1 and "canary" not in line


def test_a_taken_port_is_said_with_its_option(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, line = start(tmp_path, WEBBOT_LEONID_PORT=str(taken.getsockname()[1]))
    assert status == 2 and "--leonid-port" in line and "in use" in line


def test_settings_of_older_systems_are_told_in_the_log_and_no_key_is(live, monkeypatch):
    key = "sk-canary-0123456789"
    for name, value in (("LLAMA_MODEL_FILE", "/m/llama.gguf"), ("OPENAI_API_KEY", key), ("LOG_LEVEL", "DEBUG"),
                        ("LLAMA_CONTEXT_SIZE", "1000")):
        monkeypatch.setenv(name, value)
    server = live(leonid_port=str(free_port()))
    log = server.log.read_text()
    assert log.count("What programs ask of models that are not here goes to OpenAI, because OPENAI_API_KEY is set.") == 1
    assert log.count("believed without proof") == 1  # there is a port for Leonid and no secret
    assert httpx.post(server.url + "/prompt", content="word " * 1200, verify=False).status_code == 413
    assert httpx.post(server.url + "/prompt", content="hello", verify=False).text == "hello"
    shown = server.log.read_text() + str(server.processes()[0].cmdline())
    assert key not in shown and " DEBUG " in shown


# as a stranger does it


def curl(*arguments):
    ran = subprocess.run(["curl", "-sS", "--max-time", "20", *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_curl_does_what_the_readme_says(leonid):
    server, own = leonid
    kind = ("-H", "Content-Type: application/json")

    def post(path, **fields):
        return curl(*kind, "-d", json.dumps({"user_data": token(), **fields}), f"{own}{path}")

    assert post("/inject_context", injected_context="The moon is made of paper.") == '{"result":"ok"}\n'
    assert post("/receive_prompt", user_prompt="hello there") == "hello there"
    assert post("/user_disconnection") == '{"result":"ok"}\n'
    assert curl(f"{own}/user_disconnection/x") == '{"result":"ok"}\n'
    assert json.loads(curl("-d", "{}", f"{own}/receive_prompt"))["error"].endswith("Content-Type: application/json.")
    authority = str(server.folder / "certs" / "ca.pem")
    assert curl("-N", "--cacert", authority, "-d", "What is courage?", f"{server.url}/prompt") == "What is courage?"
    assert curl("--cacert", authority, "-d", "", f"{server.url}/prompt") == "The question is empty.\n"
    assert curl("--cacert", authority, "--http1.0", "-d", "hi", f"{server.url}/prompt") == "hi"
    times = subprocess.run(
        ["curl", "-sS", "-N", "--cacert", authority, "-d", "a b c d e f g h i j " * 3, f"{server.url}/prompt"],
        stdout=subprocess.PIPE, bufsize=0, check=False)
    assert times.stdout.decode() == "a b c d e f g h i j " * 3
