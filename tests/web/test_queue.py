"""The line for the model at the doors: where an answer stands is shown, and who finds no room is told when to come again."""

import json
import re
import time

import pytest

from tests.engines.conftest import until
from tests.web.v1.v1_client import Program, refusal
from webbot.messages import Queued

pytestmark = pytest.mark.slow
JSON = {"Accept": "application/json"}
OWNER = "home"


@pytest.fixture(scope="module")
def app(shared_app):
    app = shared_app(owner=OWNER, parallel=1, queue=2, queue_owner=1, program_rate_limit=10_000)
    app.extensions["services"].fleet.engine().inner.pause = 0.05
    return app


@pytest.fixture
def services(app):
    services = app.extensions["services"]
    yield services
    for reply in list(services.chat._running.values()):
        reply.stop()
        reply.wait(5)
    until(lambda: services.engine.busy() == 0, 5)
    services.engine.engines.engine().line._kept.clear()


@pytest.fixture
def ann(app):
    return app.test_client()


@pytest.fixture
def program(app):
    return Program(app)


def asked(services, owner, text="word " * 600):
    """A running answer of that owner."""
    return services.chat.ask(owner, services.chat.create(owner, "").id, text)


@pytest.fixture
def before(services):
    """Somebody whose answer is in work."""
    reply = asked(services, "bob")
    until(lambda: reply.text, 5)
    return reply


@pytest.fixture
def waiting(services, before):
    """An answer that waits behind it."""
    reply = asked(services, OWNER, "one two")
    until(lambda: reply.queued, 5)
    return reply


def heard(client, key, stop):
    """(name, data) of the events of a tab, up to the first for which `stop` is true."""
    stream = client.get(f"/c/{key}/events", buffered=False)
    found, end = [], time.monotonic() + 20
    for chunk in stream.response:
        text = chunk if isinstance(chunk, str) else chunk.decode()
        found += [(name, json.loads(data)) for name, data in re.findall(r"^event: (\w+)\ndata: (.*)$", text, re.MULTILINE)]
        if any(stop(*each) for each in found) or time.monotonic() > end:
            break
    stream.close()
    return found


def test_a_tab_is_told_where_its_answer_stands_also_when_it_comes_late(ann, services, before, waiting):
    found = heard(ann, waiting.conversation, lambda name, data: name == "queued")
    name, data = found[-1]
    assert (name, data["answer"], data["position"], data["seconds"]) == ("queued", waiting.answer.id, 1, waiting.queued.seconds)
    assert 'class="preparing queued"' in data["html"] and "You are next, in about" in data["html"]
    before.stop()
    found = heard(ann, waiting.conversation, lambda name, data: name == "finished")
    assert found[-1][0] == "finished" and "one two" in found[-1][1]["html"]


def test_the_end_of_the_wait_is_told(ann, services, before, waiting):
    def step(name, data):
        if name == "queued" and data["position"]:
            before.stop()
        return name == "finished"

    names = [name if name != "queued" else f"queued {data['position']}"
             for name, data in heard(ann, waiting.conversation, step) if name in ("started", "queued", "blocks", "finished")]
    assert [name for number, name in enumerate(names) if name not in names[:number]] == [
        "started", "queued 1", "queued 0", "blocks", "finished"]


def test_the_page_without_script_says_it(ann, services, before, waiting):
    page = ann.get(f"/c/{waiting.conversation}").text
    assert re.search(r'<div class="preparing queued">\s*<p>You are next, in about \d+ s</p>', page)
    assert 'http-equiv="refresh"' in page, "the page looks again"
    chinese = ann.get(f"/c/{waiting.conversation}", headers={"Accept-Language": "zh"}).text
    assert "下一个就是您" in chinese


@pytest.mark.parametrize(("position", "sentence"), [(2, "One question is before yours, about 9 s"),
                                                    (12, "11 questions are before yours, about 9 s")])
def test_how_many_are_before_one(app, position, sentence):
    from flask import render_template

    from webbot.web.views import queued_view

    with app.test_request_context("/"):
        assert f"<p>{sentence}</p>" in render_template("_queued.html", queued=queued_view(Queued(position, 8.7)))


def test_without_room_the_page_keeps_the_text_and_stores_nothing(ann, services, waiting):
    other = services.chat.create(OWNER, "")
    count = len(services.store.conversations(OWNER))
    for path in ("/turns", f"/c/{other.id}/turns"):
        told = ann.post(path, data={"question": "one more, please"}, headers=JSON)
        assert told.status_code == 429 and int(told.headers["Retry-After"]) >= 1
        assert told.json["error"]["retry_after"] == int(told.headers["Retry-After"])
        assert "1 questions of yours are waiting already" in told.json["error"]["message"]
        page = ann.post(path, data={"question": "one more, please"})
        assert page.status_code == 429 and int(page.headers["Retry-After"]) >= 1
        assert re.search(r"<textarea[^>]*>\s*one more, please</textarea>", page.text) and "waiting already" in page.text
    assert len(services.store.conversations(OWNER)) == count and not services.store.messages(OWNER, other.id)


def test_programs_are_refused_in_the_shape_of_their_door(program, services, waiting):
    asked(services, "cid", "one")
    refusals = [program.chat("x"), program.chat("x", stream=True), program.complete("x"),
                program.post("responses", {"model": "llama", "input": "x"}),
                program.post("responses", {"model": "llama", "input": "x", "store": False, "stream": True})]
    for answer in refusals:
        assert refusal(answer, 429) == (None, "queue_full")
        assert answer.json["error"]["type"] == "rate_limit_error" and int(answer.headers["Retry-After"]) >= 1
    short = program.http.post("/prompt", data="x", base_url="https://localhost")
    assert short.status_code == 429 and int(short.headers["Retry-After"]) >= 1 and "waiting" in short.text


def test_a_stream_of_a_program_is_kept_alive_while_it_waits(program, services, before):
    response = program.chat("one two", stream=True)
    lines = response.iter_encoded()
    assert next(lines) == b": alive\n\n"
    before.stop()
    text = b"".join(lines).decode()
    told = [json.loads(line[6:]) for line in text.split("\n\n") if line.startswith("data: {")]
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in told) == "one two"
    assert "ueued" not in text and text.endswith("data: [DONE]\n\n")


def test_the_figures_say_how_long_the_line_is(ann, services, waiting):
    text = ann.get("/metrics").text
    assert "\nwebbot_queue_waiting 1.0\n" in text and "\nwebbot_queue_working 1.0\n" in text
    assert "webbot_queue_wait_seconds_count" in text and "# TYPE webbot_refused_total counter" in text
