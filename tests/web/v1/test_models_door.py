"""GET /v1/models, and which model a request's `model` means."""

import pytest

from webbot.engines.echo import EchoEngine
from webbot.engines.ondemand import EngineState
from webbot.models.upstream import Upstream


class Loud(EchoEngine):
    """Answers in capitals."""

    def state(self):
        return EngineState(**{name: getattr(super(Loud, self).state(), name) for name in (
            "status", "progress", "context", "opening", "frame", "tokenizer", "abilities")}, name="Loud One")

    def answer(self, messages, options, *, owner=""):
        for event in super().answer(messages, options, owner=owner):
            yield type(event)(event.text.upper()) if hasattr(event, "text") else event


@pytest.fixture
def fleet(app):
    fleet = app.extensions["services"].fleet
    fleet.fixed["loud"] = Loud()
    yield fleet
    del fleet.fixed["loud"]
    fleet.upstreams.clear()


def said(program, model, **more):
    told = program.chat("Hello there", model=model, **more)
    return told.json["choices"][0]["message"]["content"] if told.status_code == 200 else told.json["error"]["code"]


def test_each_model_answers_by_its_name(program, fleet):
    assert said(program, "loud") == "HELLO THERE"
    assert said(program, "echo") == said(program, "llama") == "Hello there"
    listed = [model["id"] for model in program.http.get("/v1/models", base_url="https://localhost").json["data"]]
    assert listed[:3] == ["llama", "echo", "loud"]


@pytest.mark.parametrize("name", ["none", "../loud", "loud/..", "LOUD ", "x" * 200])
def test_a_model_that_is_not_there_is_told_as_openai_tells_it(program, fleet, name):
    assert said(program, name) == "model_not_found"


def test_other_names_go_to_the_server_that_takes_any_but_not_for_another_webbot(program, fleet):
    fleet.upstreams.append(Upstream(lambda name: Loud(), anything=True))
    assert said(program, "gpt-9") == "HELLO THERE"
    assert said(program, "gpt-9", headers={"User-Agent": "webbot/9.9"}) == "model_not_found"
    assert said(program, "loud", headers={"User-Agent": "webbot/9.9"}) == "HELLO THERE"


def test_a_turn_of_a_conversation_is_answered_by_the_model_that_is_named_or_its_own(app, program, fleet):
    services = app.extensions["services"]
    talk = services.chat.create("home", "", "loud")
    joined = {"metadata": {"conversation_id": talk.id}}
    assert said(program, "llama", **joined) == "HELLO THERE", "its own"
    assert said(program, "echo", **joined) == "Hello there"
    assert services.store.conversation("home", talk.id).model == "loud"
