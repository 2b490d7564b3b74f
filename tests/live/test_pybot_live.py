"""A client of Pybot against the real server: all of its calls, over TLS, with the websockets client."""

import contextlib
import json
import ssl

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.live.conftest import LiveServer
from webbot import makers
from webbot.people.people import People
from webbot.settings import load
from webbot.store import address

pytestmark = pytest.mark.slow
WORDS = [f"word{number}" for number in range(60)]
LONG = " ".join(WORDS)  # more than a second: the echo says fifty words in a second


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One home: the page and Pybot's client have the same conversations."""
    server = LiveServer(tmp_path_factory.mktemp("pybot"), owner="home", question_bytes="2000")
    server.start()
    yield server
    server.stop()


class Pybot:
    """What a client of Pybot does: REST, and one socket for all conversations."""

    def __init__(self, server, **headers):
        self.server, self.headers = server, headers
        self.http = httpx.Client(base_url=f"{server.url}/api", verify=False, timeout=30, headers=headers)

    def call(self, method, path, status=200, **given):
        answer = self.http.request(method, path, **given)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def create(self, title=""):
        return self.call("POST", "/conversations", 201, json={"title": title})["id"]

    @contextlib.contextmanager
    def socket(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        address = self.server.url.replace("https", "wss") + "/api/chat"
        given = {"ssl": context, "origin": self.server.url, "compression": "deflate", "additional_headers": self.headers}
        with connect(address, **given) as connection:
            assert not connection.protocol.extensions, "nothing is compressed"
            yield Socket(connection)


class Socket:
    """Frames as values."""

    def __init__(self, connection):
        self.connection = connection

    def send(self, frame):
        self.connection.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    def ask(self, conversation, content, id="q1", **more):
        self.send({"id": id, "conversation": conversation, "from": "me", "content": content, "type": "text", **more})

    def next(self, seconds=20):
        return json.loads(self.connection.recv(timeout=seconds))

    def until(self, *types, conversation=None):
        """All frames up to the first one of these types (of that conversation)."""
        frames = [self.next()]
        while frames[-1]["type"] not in types or (conversation and frames[-1].get("conversation") != conversation):
            frames.append(self.next())
        return frames

    def closed(self):
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                self.connection.recv(timeout=20)
        return closed.value.rcvd.code if closed.value.rcvd else 0


@pytest.fixture
def pybot(server):
    return Pybot(server)


def text_of(frames):
    return "".join(frame.get("content", "") for frame in frames if frame["type"].startswith("stream/"))


def test_a_client_of_pybot_finds_everything(pybot):
    """The whole script: every call that Pybot's client makes, in the order in which it makes them."""
    assert pybot.call("GET", "/healthz") == "OK"
    me = pybot.call("GET", "/userinfo")["userid"]
    first = pybot.create("New chat")
    assert pybot.call("GET", f"/conversations/{first}")["messages"] == []

    with pybot.socket() as socket:
        # a question whose answer streams, and a title
        socket.ask(first, "Say this again", id="mine", additional_kwargs={"require_summarization": True})
        start, *pieces, end = socket.until("stream/end")
        assert start == {"parent_id": "mine", "id": start["id"], "conversation": first, "from": "ai", "type": "stream/start"}
        assert {frame["type"] for frame in pieces} == {"stream/text"} and text_of(pieces) == "Say this again"
        assert {(frame["id"], frame["conversation"]) for frame in (*pieces, end)} == {(start["id"], first)}
        assert end["additional_kwargs"] == {"finish_reason": "stop"}
        titled = socket.next()
        assert (titled["type"], titled["conversation"]) == ("info", first)
        assert titled["content"] == {"type": "title-generated", "payload": "Say this again"}
        assert pybot.call("GET", "/conversations")[0]["title"] == "Say this again"
        assert pybot.call("POST", f"/conversations/{first}/summarization", 201) == {"title": "Say this again"}

        # feedback by the id of the message
        pybot.call("PUT", f"/conversations/{first}/messages/{start['id']}/thumbup")
        question, answer = pybot.call("GET", f"/conversations/{first}")["messages"]
        assert (question["from"], answer["from"], answer["id"], answer["feedback"]) == (me, "ai", start["id"], "thumbup")

        # two conversations at once over one socket, each stopped by itself
        second = pybot.create("Second")
        socket.ask(first, LONG, id="a")
        socket.ask(second, LONG, id="b")
        frames = []
        while not all(any(f["conversation"] == key and f["type"] == "stream/text" for f in frames) for key in (first, second)):
            frames.append(socket.next())
        assert {f["conversation"]: f["parent_id"] for f in frames if f["type"] == "stream/start"} == {first: "a", second: "b"}
        socket.send({"type": "cancel", "conversation": second})
        assert socket.until("stream/end", conversation=second)[-1]["additional_kwargs"] == {"finish_reason": "cancelled"}
        said = pybot.call("GET", f"/conversations/{second}")["messages"][1]
        assert said["additional_kwargs"]["status"] == "stopped" and LONG.startswith(said["content"].strip())

    # the socket is lost in the middle of the first one's answer, which goes on
    with pybot.socket() as socket:
        again, *rest = socket.until("stream/end")
        assert (again["type"], again["conversation"], again["from"]) == ("stream/start", first, "ai")
        assert LONG.startswith(again["content"]) and again["content"], "the text so far"
        assert again["content"] + text_of(rest) == LONG
        shown = pybot.call("GET", f"/conversations/{first}")["messages"]
        assert (shown[-1]["id"], shown[-1]["content"], shown[-2]["id"]) == (again["id"], LONG, again["parent_id"])

        # files, pins, and the end of a conversation
        files = pybot.call("POST", f"/conversations/{first}/files", 201,
                           files=[("files", ("a.txt", b"first")), ("files", ("b.txt", b"second"))])
        assert pybot.call("GET", f"/conversations/{first}/files") == files
        pybot.call("PUT", f"/conversations/{first}", json={"title": "Renamed", "pinned": True})
        assert [each["title"] for each in pybot.call("GET", "/conversations")[:1]] == ["Renamed"]
        pybot.call("DELETE", f"/conversations/{first}", 204)
        assert socket.next()["content"] == {"type": "conversation-deleted"}
        pybot.call("GET", f"/conversations/{first}", 404)
        socket.ask(first, "Still there?", id="gone")
        refused = socket.next()
        assert (refused["type"], refused["parent_id"], refused["conversation"]) == ("error", "gone", first)


def test_what_another_door_asks_is_told_too(pybot, server):
    id = pybot.create()
    with pybot.socket() as socket:
        socket.send({"type": "follow", "conversation": id})
        turn = server.visitor().ask("From the page", id)
        question, start, *rest = socket.until("stream/end")
        assert (question["type"], question["content"], question["id"]) == ("text", "From the page", turn["question"])
        assert question["from"] == pybot.call("GET", "/userinfo")["userid"]
        assert (start["id"], start["parent_id"]) == (turn["answer"], turn["question"])
        assert text_of(rest) == "From the page"


def test_following_tells_a_running_answer_from_its_text_so_far(pybot):
    id = pybot.create()
    with pybot.socket() as socket:
        socket.ask(id, LONG)
        begun = socket.until("stream/text")
        socket.send({"type": "follow", "conversation": id})
        again = socket.until("stream/start")[-1]
        assert again["id"] == begun[0]["id"] and LONG.startswith(again["content"])
        assert again["content"] + text_of(socket.until("stream/end")) == LONG


def test_every_bad_frame_is_an_error_frame_and_the_socket_stays(pybot):
    id = pybot.create()
    with pybot.socket() as socket:
        for frame, status in [
            ("{", 400), ("[]", 400), ("null", 400), ("", 400), ('{"type": "text"}', 400), ('{"a": NaN}', 400), ("[" * 20000, 400),
            ({"type": "action", "conversation": id}, 400), ({"type": 5, "conversation": id}, 400), ({"conversation": id}, 400),
            ({"conversation": "nobodys", "content": "x"}, 404), ({"conversation": "../x", "content": "x"}, 404),
            ({"conversation": "x" * 200, "content": "x"}, 400), ({"conversation": 1, "content": "x"}, 400),
            ({"conversation": id, "content": ["x"]}, 400), ({"conversation": id, "content": "  "}, 400),
            ({"conversation": id, "content": "x", "id": 5}, 400), ({"conversation": id, "content": "x" * 2001}, 413),
            ({"conversation": id, "content": "a\x00b"}, 400), ('{"conversation": "a", "content": "\\ud800"}', 400),
            ({"conversation": id, "content": "x", "additional_kwargs": []}, 400),
            ({"conversation": id, "content": "x", "additional_kwargs": {"require_summarization": "yes"}}, 400),
            ({"type": "cancel", "conversation": "nobodys"}, 404), ({"type": "follow", "conversation": "nobodys"}, 404),
        ]:
            socket.send(frame)
            told = socket.next()
            assert (told["type"], told["additional_kwargs"]["status"]) == ("error", status), (frame, told)
            assert told["content"] and told["id"]
        socket.ask(id, LONG, id="first")
        socket.until("stream/text")
        socket.ask(id, "and at the same time?", id="busy")
        busy = socket.until("error")[-1]
        assert (busy["parent_id"], busy["conversation"], busy["additional_kwargs"]["status"]) == ("busy", id, 409)
        socket.send({"type": "cancel", "conversation": id})
        socket.until("stream/end")
        socket.send({"type": "cancel", "conversation": id})  # nothing runs, which is what was wished for
        socket.ask(id, "still here")
        assert text_of(socket.until("stream/end")) == "still here"
        assert len(pybot.call("GET", f"/conversations/{id}")["messages"]) == 4


@pytest.fixture
def household(tmp_path):
    """A server with persons, whom the test sees in its database: (server, people)."""
    server = LiveServer(tmp_path, access="invite")
    server.start(ready=False)
    try:
        with contextlib.closing(makers.open_store(address.in_folder(server.folder / "data"))) as store:
            yield server, People(store, load({}))
    finally:
        server.stop()


def test_sockets_end_with_what_let_somebody_in(household):
    """A key that is revoked, a person who is removed, a device that is signed out: 4401. Whoever else is there stays."""
    server, people = household
    ann, bob = people.add("Ann", "owner"), people.add("Bob")

    def program(person, *scopes):
        key, secret = people.keys.make(person.id, "a program", scopes)
        return key, Pybot(server, Authorization=f"Bearer {secret}")

    revoked, by_key = program(ann, "conversations")
    _, of_bob = program(bob, "conversations")
    _, stays = program(ann, "conversations")
    assert stays.call("GET", "/userinfo") == {"userid": ann.id, "username": "Ann", "email": None}
    signed_in = server.visitor().http
    signed_in.post(f"/join/{people.invitations.link(ann.id)[1]}")
    cookie = "; ".join(f"{each.name}={each.value}" for each in signed_in.cookies.jar)
    by_session = Pybot(server, Cookie=cookie)
    id = by_session.create("Ann's")
    (device,) = people.devices.of(ann.id)

    _, narrow = program(ann, "speech")
    assert narrow.call("GET", "/conversations", 403)["detail"]
    for refused, status in ((narrow, 403), (Pybot(server), 401), (Pybot(server, Authorization="Bearer wb-none"), 401)):
        with pytest.raises(InvalidStatus) as told, refused.socket():
            pass
        assert told.value.response.status_code == status

    with by_key.socket() as one, of_bob.socket() as two, by_session.socket() as three, stays.socket() as four:
        two.ask(id, "What does Ann say?")
        two.ask("nobodys", "What does nobody say?")
        assert two.next()["content"] == two.next()["content"], "what is Ann's is not there for Bob"
        people.keys.revoke(ann.id, revoked.id)
        people.remove(bob.id)
        people.devices.sign_out(ann.id, device.id)
        assert [socket.closed() for socket in (one, two, three)] == [4401] * 3
        four.ask(id, "Still there?")
        assert text_of(four.until("stream/end")) == "Still there?"


def test_the_server_stops_in_order(pybot, server):
    id = pybot.create()
    with pybot.socket() as quiet, pybot.socket() as socket:
        socket.ask(id, "word " * 300)
        socket.until("stream/text")
        assert server.stop() == 0
        assert socket.until("stream/end")[-1]["additional_kwargs"] == {"finish_reason": "cancelled"}
        assert (socket.closed(), quiet.closed()) == (1012, 1012)
    log = server.log.read_text()
    assert "Traceback" not in log and "ERROR" not in log, log
