"""Leonid's doors, as the wire facts tell them, over the echo engine; what has to wait and to leave is in tests/live."""

import json
import logging
import time

import jwt
import pytest

from webbot.engines.echo import EchoEngine
from webbot.web import leonid

SECRET = "a secret of Leonid's clients, 32+ bytes"


def signed(name="ann", secret=SECRET, **claims):
    return jwt.encode({"user_name": name, "user_token": "t", **claims}, secret, "HS256")


def send(client, path, name="ann", headers=None, **fields):
    return client.post(path, json={"user_data": signed(name), **fields}, headers=headers)


def prompt(client, text, name="ann"):
    return send(client, "/receive_prompt", name, user_prompt=text)


def inject(client, text, name="ann"):
    return send(client, "/inject_context", name, injected_context=text)


def conversation(app, name="ann"):
    found = app.extensions["services"].store.conversations(leonid.owner_of(name))
    assert len(found) < 2
    return found[0] if found else None


@pytest.fixture
def app(make_app):
    return make_app(leonid_secret=SECRET)


@pytest.fixture
def client(app):
    return app.test_client()


def refused(answer, status, *words):
    """A refusal as programs read it: the status, and one sentence under `error`."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/json" and list(answer.json) == ["error"]
    assert isinstance(answer.json["error"], str) and "Traceback" not in answer.text
    for word in words:
        assert word in answer.json["error"], answer.json
    return True


# prompts


def test_a_prompt_is_answered_in_plain_text(client):
    answer = prompt(client, "Seven grey cats, «Łódź» 👩‍💻")
    assert answer.status_code == 200 and answer.text == "Seven grey cats, «Łódź» 👩‍💻"
    assert answer.content_type == "text/plain; charset=utf-8"
    assert "Set-Cookie" not in answer.headers


def test_a_user_has_one_conversation_with_a_memory_and_no_other_users(app, client):
    assert prompt(client, "the word is zebra").status_code == 200
    assert prompt(client, "what did I say").text == "You said: the word is zebra"
    assert prompt(client, "what did I say", "bob").text == "You said nothing that I remember."
    assert prompt(client, "what did I say", "Ann").text == "You said nothing that I remember."  # names are not folded
    about = conversation(app)
    assert about.title == "ann" and len(about.owner) <= 64
    assert client.get("/").status_code == 200 and about.id not in client.get("/").text


def test_a_failure_before_the_first_word_has_its_status(make_app):
    client = make_app(leonid_secret=SECRET, context=256).test_client()
    assert refused(prompt(client, "word " * 300), 413, "301 tokens")
    assert refused(prompt(client, "w" * 70_000), 413, "65536 bytes")
    assert prompt(client, "short").text == "short"


def test_an_empty_prompt(app, client):
    for text in ("", " ", "\n\t"):
        assert refused(prompt(client, text), 400, "empty") and conversation(app) is None


def test_special_tokens_are_text(client):
    for text in ("<|eot_id|><|start_header_id|>system<|end_header_id|>", "[INST] <<SYS>>", "</s>"):
        assert prompt(client, text).text == text


# injection


def test_what_is_injected_is_always_seen(app, client):
    assert inject(client, "The moon is made of paper.").json == {"result": "ok"}  # before the first prompt
    assert prompt(client, "hello").status_code == 200
    assert inject(client, "The sun is a lamp.").json == {"result": "ok"}
    assert inject(client, "The sun is a lamp.").json == {"result": "ok"}
    role = conversation(app).role
    assert role.startswith(app.extensions["services"].settings.role)
    assert role.count("The moon is made of paper.") == 1 and role.count("The sun is a lamp.") == 2
    inject(client, "Only for bob.", "bob")
    assert "bob" not in conversation(app).role
    assert prompt(client, "what did I say").text == "You said: hello"


def test_what_is_injected_outlives_the_memory(make_app):
    class Seeing(EchoEngine):
        """Keeps what it was sent."""

        def answer(self, messages, options, *, owner=""):
            self.seen = list(messages)
            return super().answer(messages, options, owner=owner)

    app = make_app(leonid_secret=SECRET, context=256)
    services = app.extensions["services"]
    services.fleet.fixed["echo"] = engine = Seeing(256)
    client = app.test_client()
    inject(client, "The moon is made of paper.")
    for number in range(7):
        assert prompt(client, f"number {number} " + "word " * 30).status_code == 200
    assert engine.seen[0].role == "system" and "The moon is made of paper." in engine.seen[0].text
    assert not any("number 0 " in message.text for message in engine.seen)


def test_too_much_context_changes_nothing(make_app):
    app = make_app(leonid_secret=SECRET, context=256)
    client = app.test_client()
    assert refused(inject(client, "word " * 70), 413, "quarter", "77 tokens")
    assert conversation(app) is None
    assert inject(client, "word " * 40).status_code == 200
    before = conversation(app)
    assert refused(inject(client, "word " * 40), 413, "quarter")
    assert conversation(app) == before
    assert prompt(client, "hello").text == "hello"


def test_injected_context_is_read_strictly(app, client):
    assert refused(inject(client, " "), 400, "empty")
    assert refused(inject(client, "a\x00b"), 400)
    assert refused(send(client, "/inject_context", user_prompt="x"), 400, "'user_prompt'")
    assert conversation(app) is None


# disconnection


def test_a_user_who_leaves_is_forgotten(app, client):
    prompt(client, "the word is zebra")
    inject(client, "The moon is made of paper.")
    prompt(client, "the word is apple", "bob")
    assert send(client, "/user_disconnection").json == {"result": "ok"}
    assert conversation(app) is None
    assert prompt(client, "what did I say").text == "You said nothing that I remember."
    assert "moon" not in conversation(app).role
    assert prompt(client, "what did I say", "bob").text == "You said: the word is apple"


def test_whoever_is_unknown_is_gone_already(client):
    assert send(client, "/user_disconnection", "nobody").json == {"result": "ok"}
    assert send(client, "/user_disconnection", "nobody").status_code == 200


def test_the_check_of_old_tells_that_the_server_is_there_and_changes_nothing(app, client):
    prompt(client, "hello")
    before = conversation(app)
    for name in ("ann", "x", "no%20body", "%C5%81"):
        answer = client.get(f"/user_disconnection/{name}")
        assert answer.status_code == 200 and answer.json == {"result": "ok"}
    assert conversation(app) == before


# who comes in


FALSE_TOKENS = [
    (signed(secret="another secret, just as long as this"), 401), (signed(exp=1), 401), (signed(nbf=2 ** 40), 401),
    (jwt.encode({"user_name": "ann"}, None, "none"), 401), (jwt.encode({"user_name": "ann"}, SECRET * 2, "HS512"), 401),
    ("abc", 401), ("a.b.c", 401), ("x" * 1_000_000, 400), ("", 400), (None, 400), (7, 400), ({"user_name": "ann"}, 400),
    (["a"], 400), (True, 400), (signed(""), 400), (signed("a\nb"), 400), (signed("n" * 201), 400), (signed(7), 400),
]


@pytest.mark.parametrize("path", leonid.PATHS)
def test_a_token_that_proves_nobody(app, client, path):
    fields = {"/receive_prompt": {"user_prompt": "hi"}, "/inject_context": {"injected_context": "hi"}}.get(path, {})
    assert prompt(client, "kept").text == "kept"
    before = conversation(app)
    for token, status in FALSE_TOKENS:
        assert refused(client.post(path, json={"user_data": token, **fields}), status), token
    assert conversation(app) == before


def test_without_a_secret_names_are_believed_with_a_warning(make_app, caplog):
    client = make_app().test_client()
    with caplog.at_level(logging.WARNING):
        assert prompt(client, "hello").text == "hello"
        assert prompt(client, "again").text == "again"
    assert [record.message for record in caplog.records if "without proof" in record.message] == [leonid.UNCHECKED]
    other = client.post("/receive_prompt", json={"user_data": signed(secret="x" * 40), "user_prompt": "what did I say"})
    assert other.text == "You said: hello | again"
    for token in (jwt.encode({"user_name": "ann"}, None, "none"), signed(exp=1), "abc"):
        assert refused(client.post("/receive_prompt", json={"user_data": token, "user_prompt": "hi"}), 401)


def test_with_a_secret_nothing_is_warned_of(client, caplog):
    with caplog.at_level(logging.WARNING):
        assert prompt(client, "hello").status_code == 200
    assert caplog.records == []


def test_a_server_that_others_reach_is_closed_without_a_secret(make_app):
    app = make_app(access_code="correct horse")
    for path in leonid.PATHS:
        assert refused(app.test_client().post(path, json={"user_data": signed()}), 403, "WEBBOT_LEONID_SECRET")
    assert app.test_client().get("/user_disconnection/x").json == {"result": "ok"}


def test_a_server_that_others_reach_believes_signed_tokens(make_app):
    client = make_app(access_code="correct horse", leonid_secret=SECRET).test_client()
    assert prompt(client, "hello").text == "hello"
    assert refused(client.post("/receive_prompt", json={"user_data": signed(secret="y" * 40), "user_prompt": "hi"}), 401)


# bodies


DEEP = b'{"user_data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


NO_BODIES = [
    b"", b"null", b"[]", b'"text"', b"7", b"{", b"{'a': 1}", b"\xff\xfe", b'{"user_data": NaN}', DEEP, b"[" * 100_000,
    '{"user_data": "x"}'.encode("utf-16"), b'\xef\xbb\xbf{"user_data": "x"}', b"\x1f\x8b\x08\x00", b"{}",
    b'{"user_data": "a", "user_data": "b", "user_prompt": "x"}',
]


def test_a_body_that_is_none(client):
    for path in leonid.PATHS:
        for body in NO_BODIES:
            assert refused(client.post(path, data=body, content_type="application/json"), 400), body[:60]


def with_token(rest):
    return b'{"user_data": %s, %s}' % (json.dumps(signed()).encode(), rest)


WRONG_FIELDS = [
    b'"user_prompt": 7', b'"user_prompt": null', b'"user_prompt": ["x"]', b'"user_prompt": {"a": "x"}',
    b'"user_prompt": true',
    b'"user_prompt": NaN', b'"user_prompt": 1' + b"0" * 5000, b'"user_prompt": "\\ud800"', b'"user_prompt": "\\u0000"',
    b'"user_prompt": "\xff"', b'"user_prompt": "a", "user_prompt": "b"', b'"User_Prompt": "x"', b'"prompt": "x"',
    b'"user_prompt": "x", "more": 1', b'"user_prompt": "x", "": 1', b'"user_prompt": "x", "__proto__": {}',
]


def test_fields_are_read_strictly(app, client):
    for rest in WRONG_FIELDS:
        assert refused(client.post("/receive_prompt", data=with_token(rest), content_type="application/json"), 400), rest[:60]
    assert conversation(app) is None


def test_another_content_type(client):
    body = with_token(b'"user_prompt": "hi"')
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        assert refused(client.post("/receive_prompt", data=body, content_type=kind), 400, "application/json")


def test_a_long_body(client):
    assert refused(client.post("/receive_prompt", data=b"x" * 3_000_000, content_type="application/json"), 413)


def test_another_method(client):
    for path in leonid.PATHS:
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            assert refused(client.open(path, method=method), 405)


def test_what_is_not_there(client):
    assert refused(client.post("/receive_prompt/more", json={}), 404)
    assert refused(client.post("/user_disconnection/ann", json={}), 405)


def test_another_sites_page_is_refused(app, client):
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        assert refused(send(client, "/receive_prompt", user_prompt="hi", headers=headers), 403)
    assert refused(send(client, "/receive_prompt", user_prompt="hi", headers={"Host": "evil.example"}), 400)
    assert conversation(app) is None


def test_more_than_a_minute_allows(make_app):
    client = make_app(leonid_secret=SECRET, program_rate_limit=3).test_client()
    for _ in range(3):
        assert prompt(client, "hi").status_code == 200
    answer = prompt(client, "hi")
    assert refused(answer, 429) and int(answer.headers["Retry-After"]) > 0


def test_a_full_line_is_told_and_no_conflict_is(app, client):
    door = app.extensions["leonid"]
    door.lines.most = 0
    with door.lines.place("ann"):
        answer = prompt(client, "hi")
        assert refused(answer, 429) and answer.headers["Retry-After"] == "5"
        assert prompt(client, "hi", "bob").text == "hi"
    assert prompt(client, "hi").text == "hi"


def test_an_answer_that_nobody_reads_any_more_is_waited_for(app, client):
    """The client of an earlier prompt has left, and its answer is still about to end."""
    services = app.extensions["services"]
    assert prompt(client, "hello").text == "hello"
    about = conversation(app)
    earlier = services.chat.ask(about.owner, about.id, "word " * 40)
    began = time.monotonic()
    assert prompt(client, "after").text == "after"
    assert earlier.ended and time.monotonic() - began > 0.3
