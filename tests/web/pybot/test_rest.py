"""Pybot's calls over REST, through the real application with the echo engine. Each client is a program with a key of its own."""

import io
import itertools
import json
import re

import pytest

from tests.engines.conftest import until
from webbot.messages import Message

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")
keys = itertools.count()


class Program:
    """A client with a key."""

    def __init__(self, app):
        self.app, self.client = app, app.test_client()
        self.headers = {"Authorization": f"Bearer key-{next(keys)}"}

    def __call__(self, method, path, status=200, **given):
        answer = self.client.open(f"/api/{path}", method=method, headers=self.headers | given.pop("headers", {}), **given)
        assert answer.status_code == status, answer.text
        if status >= 400:
            assert set(answer.json) == {"detail"} and answer.json["detail"], answer.text
        return answer.json if answer.data else None

    def create(self, title="A talk"):
        return self("POST", "conversations", 201, json={"title": title})["id"]

    def ask(self, id, text="one two three"):
        """A question by another door, and its answer's id."""
        services = self.app.extensions["services"]
        reply = services.chat.ask(services.store.owner(id), id, text)
        assert reply.wait(20)
        return reply.answer.id

    def upload(self, id, *files, status=201, field="files"):
        data = {field: [(io.BytesIO(content), name) for name, content in files]}
        return self("POST", f"conversations/{id}/files", status, data=data, content_type="multipart/form-data")


@pytest.fixture(scope="module")
def app(shared_app):
    return shared_app(max_file=1)


@pytest.fixture
def ann(app):
    return Program(app)


@pytest.fixture
def bob(app):
    return Program(app)


def test_health_needs_nobody(app):
    answer = app.test_client().get("/api/healthz")
    assert (answer.status_code, answer.json) == (200, "OK")


def test_health_needs_nobody_on_a_protected_server(shared_app):
    client = shared_app(access="code", access_code="correct horse battery").test_client()
    assert client.get("/api/healthz").status_code == 200
    for path in ("userinfo", "conversations", "chat"):
        refused = client.get(f"/api/{path}")
        assert refused.status_code == 401 and set(refused.json) == {"detail"}
    assert client.get("/api/userinfo", headers={"Authorization": "Bearer correct horse battery"}).status_code == 200


def test_a_user_has_an_id_that_stays(ann, bob):
    told = ann("GET", "userinfo")
    assert set(told) == {"userid", "username", "email"}
    assert ann("GET", "userinfo") == told != bob("GET", "userinfo")
    made = ann("POST", "conversations", 201, json={"title": "Mine"})
    assert made["owner"] == told["userid"], "a client finds out what is its own"


def test_a_conversation_lives(ann):
    made = ann("POST", "conversations", 201, json={"title": "The first"})
    assert set(made) == {"id", "title", "owner", "pinned", "created_at", "last_message_at", "messages"}
    assert made["title"] == "The first" and made["messages"] == [] and made["pinned"] is False
    assert TIME.fullmatch(made["created_at"]) and TIME.fullmatch(made["last_message_at"])
    id = made["id"]
    answer = ann.ask(id)
    found = ann("GET", f"conversations/{id}")
    question, said = found["messages"]
    assert question == {"id": question["id"], "conversation": id, "from": made["owner"], "content": "one two three",
                        "type": "text"}
    assert said == {"parent_id": question["id"], "id": answer, "conversation": id, "from": "ai", "content": "one two three",
                    "type": "text"}
    changed = ann("PUT", f"conversations/{id}", json={"title": "Another", "pinned": True})
    assert (changed["title"], changed["pinned"]) == ("Another", True)
    again = ann("PUT", f"conversations/{id}", json={key: value for key, value in found.items() if key != "pinned"})
    assert (again["title"], again["pinned"]) == ("The first", True), "a client may send back what it got"
    assert ann("PUT", f"conversations/{id}", json={"pinned": None, "title": None})["pinned"] is True
    ann("DELETE", f"conversations/{id}", 204)
    ann("GET", f"conversations/{id}", 404)
    ann("DELETE", f"conversations/{id}", 404)
    assert ann("GET", "conversations") == []


def test_the_list_has_pinned_ones_first_then_the_newest(ann):
    first, second, third = (ann.create(title) for title in ("first", "second", "third"))
    ann("PUT", f"conversations/{first}", json={"pinned": True})
    listed = ann("GET", "conversations")
    assert [each["id"] for each in listed] == [first, third, second]
    assert set(listed[0]) == {"id", "title", "owner", "pinned", "created_at", "last_message_at"}


def test_the_list_is_whole_however_long_it_is(ann, app, monkeypatch):
    monkeypatch.setattr("webbot.web.pybot.conversations.AT_ONCE", 3)
    made = {ann.create(f"number {number}") for number in range(8)}
    assert {each["id"] for each in ann("GET", "conversations")} == made


@pytest.mark.parametrize("title", ["", None, "   "])
def test_a_conversation_needs_no_title(ann, title):
    id = ann.create(title)
    ann.ask(id, "What is a good name?")
    assert ann("GET", f"conversations/{id}")["title"] == "What is a good name?"


def test_what_is_somebody_elses_is_not_there(ann, bob):
    id = ann.create()
    answer = ann.ask(id)
    ann.upload(id, ("a.txt", b"text"))
    before = ann("GET", f"conversations/{id}")
    for method, path, given in [
        ("GET", "", dict),
        ("PUT", "", lambda: {"json": {"title": "mine"}}), ("DELETE", "", dict), ("POST", "/summarization", dict),
        ("GET", "/files", dict), ("POST", "/files", lambda: {"data": {"files": (io.BytesIO(b"x"), "x.txt")}}),
        ("PUT", f"/messages/{answer}/thumbup", dict), ("PUT", f"/messages/{answer}/thumbdown", dict),
    ]:
        told = bob(method, f"conversations/{id}{path}", 404, **given())
        assert told == bob(method, f"conversations/nobodys{path}", 404, **given()), "and nobody can tell the two apart"
    assert ann("GET", f"conversations/{id}") == before


def test_thumbs_go_up_and_down_by_the_id_of_the_message(ann):
    id = ann.create()
    answer = ann.ask(id)
    other = ann.create()
    for thumb in ("thumbup", "thumbdown"):
        assert ann("PUT", f"conversations/{id}/messages/{answer}/{thumb}")["feedback"] == thumb
        assert ann("GET", f"conversations/{id}")["messages"][1]["feedback"] == thumb
    ann("PUT", f"conversations/{id}/messages/1/thumbup", 404)
    ann("PUT", f"conversations/{other}/messages/{answer}/thumbup", 404)
    question = ann("GET", f"conversations/{id}")["messages"][0]["id"]
    ann("PUT", f"conversations/{id}/messages/{question}/thumbup", 400)
    ann("PUT", f"conversations/{id}/messages/{answer}/sideways", 404)


def test_files_come_several_at_once_and_are_listed(ann):
    id = ann.create()
    taken = ann.upload(id, ("one.txt", b"first"), ("../../etc/two.md", b"# second"), ("one.txt", b"another"))
    assert [each["filename"] for each in taken] == ["one.txt", "two.md", "one (2).txt"]
    assert [each["size"] for each in taken] == [5, 8, 7]
    assert all(set(each) == {"id", "filename", "path", "size"} and "/" not in each["path"] for each in taken)
    assert ann("GET", f"conversations/{id}/files") == taken


def test_of_files_that_cannot_all_be_taken_none_is(ann):
    id = ann.create()
    ann.upload(id, ("good.txt", b"first"), ("bad.bin", b"\x00\x01\x02\xff" * 20), status=422)
    ann.upload(id, ("empty.txt", b""), status=422)
    ann.upload(id, ("large.txt", b"x" * 1_200_000), status=413)
    ann.upload(id, *[(f"{number}.txt", b"x") for number in range(40)], status=413)
    ann.upload(id, *[(f"{number}.txt", b"x") for number in range(21)], status=409)
    ann.upload(id, ("a.txt", b"x"), field="file", status=400)
    ann("POST", f"conversations/{id}/files", 400, data={"files": "a text"})
    ann("POST", f"conversations/{id}/files", 400, json={"files": []})
    assert ann("GET", f"conversations/{id}/files") == []


def test_without_a_model_for_titles_the_first_question_is_one(ann):
    id = ann.create("Before")
    assert ann("POST", f"conversations/{id}/summarization", 201) == {"title": "Before"}, "there is nothing to go by"
    ann.ask(id, "How long is a piece of string? " * 3)
    ann.ask(id, "And now?")
    told = ann("POST", f"conversations/{id}/summarization", 201)
    assert told["title"].startswith("How long is a piece of string?") and len(told["title"]) < 70
    assert ann("GET", f"conversations/{id}")["title"] == told["title"]


GARBAGE = [
    b"", b"{", b"[]", b'"title"', b"null", b"\xff\xfe", b'{"title": 1}', b'{"title": ["x"]}',
    b'{"pinned": "yes"}', b'{"pinned": 1}', b'{"title": "a", "title": "b"}', b'{"title": "\\ud800"}',
    b'{"title": "\\u0000"}', b'{"titel": "x"}', b'{"pinned": NaN}',
    b'{"title":' * 5000 + b"1" + b"}" * 5000, b'{"title": "' + b"x" * 20_000 + b'"}', b'{"title": "' + b"x" * 500 + b'"}',
    b'{"title": 1' + b"0" * 5000 + b"}", json.dumps({"role": "x"}).encode(),
]


@pytest.mark.parametrize("body", GARBAGE)
def test_garbage_is_refused_in_the_form_of_this_door(ann, body):
    id = ann.create()
    for method, path in (("POST", "conversations"), ("PUT", f"conversations/{id}")):
        if method == "POST" and body == b'{"pinned": 1}':
            continue
        answer = ann.client.open(f"/api/{path}", method=method, data=body, content_type="application/json", headers=ann.headers)
        assert answer.status_code in (400, 413) and set(answer.json) == {"detail"}, (method, answer.text)
    assert len(ann("GET", "conversations")) == 1


@pytest.mark.parametrize(("method", "path", "status"), [
    ("PATCH", "conversations", 405), ("POST", "userinfo", 405), ("DELETE", "conversations", 405),
    ("GET", "conversations/%00", 404),
    ("GET", "conversations/" + "x" * 5000, 404), ("GET", "conversations/..%2f..%2fetc", 404), ("GET", "nothing", 404),
    ("GET", "conversations/%ff%fe", 404), ("GET", "chat/x", 404), ("POST", "chat", 405), ("PUT", "conversations/'; drop", 404),
])
def test_odd_addresses_are_refused(ann, method, path, status):
    answer = ann.client.open(f"/api/{path}", method=method, headers=ann.headers, **({"json": {}} if method == "PUT" else {}))
    assert answer.status_code == status, answer.text
    if path != "nothing":
        assert set(answer.json) == {"detail"}


def test_a_foreign_page_changes_nothing(ann):
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        ann("POST", "conversations", 403, json={"title": "x"}, headers=headers)
    ann("POST", "conversations", 400, data="title=x", headers={"Content-Type": "text/plain"})
    assert ann("GET", "conversations") == []


def test_the_page_of_the_other_api_stays_where_it_is(app):
    page = app.test_client().get("/api")
    assert page.status_code == 200 and page.mimetype == "text/html"


def test_an_answer_that_is_being_written_is_shown_as_far_as_it_is(ann, app):
    id = ann.create()
    services = app.extensions["services"]
    reply = services.chat.ask(services.store.owner(id), id, "word " * 400)
    until(lambda: reply.text)
    growing = ann("GET", f"conversations/{id}")["messages"][1]
    assert growing["id"] == reply.answer.id and growing["content"].startswith("word")
    services.chat.stop(reply.owner, id)
    stopped = ann("GET", f"conversations/{id}")["messages"][1]
    assert stopped["additional_kwargs"]["status"] == "stopped"


def test_a_message_of_a_program_keeps_its_role(ann, app):
    services = app.extensions["services"]
    id = ann.create()
    made = services.store.create_conversation(
        services.store.owner(id), beginning=[Message(role="user", text="q"), Message(role="assistant", text="a", status="failed",
                                                                                     error="It failed.")])
    _, failed = ann("GET", f"conversations/{made.id}")["messages"]
    assert failed["additional_kwargs"] == {"status": "failed", "error": "It failed."}
