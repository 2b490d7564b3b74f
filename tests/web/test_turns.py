"""What is done with turns, at the doors: branches, going on, pins, thumbs, pages of history; what is sent is what is shown."""

import re
import time

import pytest

from tests.web.stream_page import Script
from webbot.factory import create_app
from webbot.messages import Cancelled, Message
from webbot.services import Services
from webbot.settings import load

JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def app(tmp_path_factory, compiled_templates, described_models):
    folder = tmp_path_factory.mktemp("turns")
    given = {"engine": "echo", "speech": False, "owner": "home", "context": 256, "rate_limit": 10_000}
    services = Services.open(load({}, data=folder / "data", certs=folder / "certs", **given))
    app = create_app(services)
    app.extensions["services"] = services
    app.jinja_env.bytecode_cache = compiled_templates
    yield app
    services.close()


class Talk:
    """A conversation at the doors, of a browser without script, and of the page's script with `JSON`."""

    def __init__(self, client, services):
        self.client, self.store, self.chat = client, services.store, services.chat
        self.key = services.chat.create("home", "").id
        self.script = Script(services, "home", self.key)

    def told(self, *texts):
        """Turns as they are stored: a question and its answer each."""
        for text in texts:
            answer = self.script.begin(text)
            for step in self.script.steps(answer, f"{text}!"):
                step()
        return self

    def post(self, act, status=303, headers=None, **fields):
        answer = self.client.post(f"/c/{self.key}/{act}", data=fields, headers=headers or {})
        assert answer.status_code == status, answer.text[-800:]
        return answer

    def page(self, query=""):
        return self.client.get(f"/c/{self.key}{query}").text

    def shown(self):
        return [message.text for message in self.store.messages("home", self.key)]

    def ids(self):
        return [message.id for message in self.store.messages("home", self.key)]

    def until_ended(self):
        while self.chat.running("home", self.key) or self.store.messages("home", self.key)[-1].status == "streaming":
            time.sleep(0.01)


@pytest.fixture
def talk(ann, services):
    return Talk(ann, services)


def test_an_earlier_question_is_edited_and_both_branches_are_reached(talk):
    talk.told("one", "two", "three")
    before = talk.ids()
    talk.post("edit", message=before[2], question="deux")
    assert talk.shown() == ["one", "one!", "deux", "deux"]
    page = talk.page()
    assert "2 / 2" in page and "three" not in page
    earlier = re.search(r'name="message" value="([^"]+)" data-step="-1"', page)[1]
    assert earlier == before[2]
    answer = talk.post("show", message=earlier)
    assert answer.location.endswith(f"#m{earlier}")
    assert talk.ids() == before


def test_an_earlier_answer_is_made_again(talk):
    talk.told("one", "two")
    first = talk.ids()
    reply = talk.post("again", 201, JSON, message=first[1]).json
    assert reply["question"] == first[0] and reply["answer"] not in first and reply["after"] == 0
    talk.until_ended()
    assert talk.shown() == ["one", "one"]
    talk.post("show", message=first[1])
    assert talk.ids() == first


def test_a_stopped_answer_is_gone_on_with(talk):
    answer = talk.script.begin("one two three")
    talk.script.end(answer, "one", Cancelled())
    assert f'formaction="/c/{talk.key}/on"' in talk.page()
    reply = talk.post("on", 201, JSON, message=answer.id).json
    assert reply["answer"] == answer.id and reply["place"].startswith(answer.id)
    talk.until_ended()
    assert talk.shown()[1].startswith("one") and len(talk.shown()[1]) > 3
    assert f'formaction="/c/{talk.key}/on"' not in talk.page()
    assert "come to its end" in talk.post("on", 409, JSON, message=answer.id).json["error"]["message"]


def test_a_stale_edit_is_told_and_loses_nothing(talk):
    talk.told("one", "two")
    old = talk.ids()[0]
    talk.post("edit", message=old, question="uno")
    page = talk.post("edit", 409, message=old, question="words that took long").text
    assert "words that took long</textarea>" in page and "Another version of this message is shown by now" in page
    refused = talk.post("edit", 409, JSON, message=old, question="x").json
    assert "Another version" in refused["error"]["message"]
    assert talk.post("edit", 404, JSON, message="nothing", question="x")


def test_a_busy_conversation_loses_nothing_either(talk):
    talk.told("one")
    ids = talk.ids()
    talk.chat.channels.claim(talk.key)
    for act, fields in (
        ("edit", {"message": ids[0], "question": "mine"}), ("again", {"message": ids[1]}), ("turns", {"question": "mine"}),
        ("show", {"message": ids[0]}),
    ):
        assert "still being written" in talk.post(act, 409, **fields).text, act
    talk.chat.channels.release(talk.key)
    assert talk.shown() == ["one", "one!"]


def test_pins_and_what_they_refuse(talk):
    talk.told("one", "two " * 20)
    ids = talk.ids()
    assert talk.post("pin", 200, JSON, message=ids[0], pinned="on").json == {"message": ids[0], "pinned": True, "feedback": ""}
    page = talk.page()
    assert len(re.findall(r'class="turn [^"]*\bpinned\b', page)) == 1 and 'name="pinned" value="off" aria-pressed="true"' in page
    talk.told("many " * 60)
    refused = talk.post("pin", 413, JSON, message=talk.ids()[-2], pinned="on").json["error"]["message"]
    assert re.search(r"would take \d+ tokens; \d+ can be pinned", refused)
    assert "can be pinned" in talk.post("pin", 413, message=talk.ids()[-2], pinned="on").text
    talk.post("pin", message=ids[0], pinned="off")
    assert "aria-pressed=\"true\"" not in re.findall(r'<form class="pin".*?</form>', talk.page(), re.DOTALL)[0]
    talk.post("pin", 400, JSON, message=ids[0], pinned="perhaps")
    talk.post("pin", 404, JSON, message="nobody", pinned="on")


def test_thumbs(talk):
    talk.told("one")
    question, answer = talk.ids()
    talk.post("feedback", message=answer, feedback="up")
    assert re.search(r'value="" data-mark="up" aria-pressed="true"', talk.page())
    assert talk.post("feedback", 200, JSON, message=answer, feedback="").json["feedback"] == ""
    talk.post("feedback", 400, JSON, message=question, feedback="up")
    talk.post("feedback", 400, JSON, message=answer, feedback="sideways")


def test_the_edge_stands_at_the_memory_and_pinned_turns_above_it_are_seen(talk):
    talk.told(*(f"number {n} " + "word " * 8 for n in range(12)))
    ids = talk.ids()
    talk.post("pin", message=ids[2], pinned="on")
    window = talk.chat.window("home", talk.key)
    assert window.held and window.first > 5
    page = talk.page()
    turns = re.findall(r'<p class="edge"|<article class="turn ([^"]*)" id="m([^"]+)" data-number="(\d+)"', page)
    place = next(at for at, (_, name, _) in enumerate(turns) if not name)
    assert int(turns[place + 1][2]) == window.first
    for at, (classes, name, _) in enumerate(turns):
        if name:
            assert ("forgotten" in classes) == (at < place and name != ids[2]), (at, classes)
    remembered = {name for classes, name, _ in turns if name and "forgotten" not in classes}
    assert remembered == {i for i in ids[::2] if i in {*window.kept, *window.held}}


def test_pages_of_history(talk, services):
    messages = [Message(role=("user", "assistant")[n % 2], text=f"m{n}") for n in range(230)]
    key = services.store.create_conversation("home", beginning=messages).id
    path, found = f"/c/{key}", []
    while path:
        page = talk.client.get(path).text
        found = re.findall(r'class="source">m(\d+)<', page) + found
        earlier = re.search(r'<div id="earlier"><p class="earlier"><a class="plain" href="([^"]+)"', page)
        assert ('id="newest"' in page) == ("before" in path)
        path = earlier[1] if earlier else ""
    assert [int(number) for number in found] == list(range(1, 230, 2))
    assert len(re.findall("<article", talk.client.get(f"/c/{key}").text)) == 50
    old, new = (services.store.messages("home", key, before=before, limit=1)[0] for before in (20, 231))
    assert old.tokens is None and new.tokens is not None, "what no window holds is not even counted"


def test_foreign_conversations_have_no_doors(talk, visitor):
    talk.told("one")
    for act in ("again", "on", "show", "pin", "feedback", "edit"):
        answer = talk.client.post(f"/c/{'A' * 22}/{act}", data={"message": talk.ids()[0]}, headers=JSON)
        assert answer.status_code == 404, act
