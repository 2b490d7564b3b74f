"""The page of the models and the menu in a conversation, as doors: forms without script, JSON with it, and what is refused."""

import html
import re
import threading
import time

import pytest

from tests.web.echo_models import services_with_echoes
from webbot.factory import create_app
from webbot.models.state import ModelState
from webbot.web.model_views import in_own_rows

JSON = {"Accept": "application/json"}
ACTS = ("use", "pull", "cancel", "unload", "remove")


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it did not happen")


@pytest.fixture(scope="module")
def several(tmp_path_factory, compiled_templates):
    """An application with the models starter, alpha and beta, for all tests here."""
    with services_with_echoes(tmp_path_factory.mktemp("several")) as (services, models, hub):
        app = create_app(services)
        app.extensions |= {"services": services, "echo models": models, "hub": hub}
        app.jinja_env.bytecode_cache = compiled_templates
        yield app


@pytest.fixture
def models(several):
    several.extensions["echo models"].begin_anew(several.extensions["services"])
    return several.extensions["echo models"]


@pytest.fixture
def ann(several, models):
    return several.test_client()


@pytest.fixture
def limited(make_app):
    """A visitor of a server that may ask no hub and has 0.3 GB for models."""
    return make_app(engine="local", offline=True, model_memory=0.3).test_client()


def services_of(client):
    return client.application.extensions["services"]


def state(client, name):
    return next(each for each in client.get("/models", headers=JSON).json["models"] if each["name"] == name)


def card(client, name):
    """The row of a model on the page, as text."""
    page = client.get("/models").text
    rows = re.findall(r'<li class="model .*?</li>', page, re.DOTALL)
    return html.unescape(next(row for row in rows if f"<code>{name}</code>" in row))


def ask(client, text, path="/turns", **fields):
    answer = client.post(path, data={"question": text, **fields}, headers=JSON)
    assert answer.status_code == 201, answer.text
    return answer.json["conversation"]


def talk(client, key):
    return html.unescape(client.get(f"/c/{key}").text)


# the page


def test_the_page_says_what_is_here_and_what_it_takes(ann):
    page = ann.get("/models").text
    assert page.index("<code>starter</code>") < page.index("<code>alpha</code>"), "the one that answers comes first"
    assert "answers</span>" in card(ann, "starter")
    assert "holds 1.5 GB of memory" in card(ann, "starter")
    assert "27 MB on the disk" in card(ann, "alpha")
    assert "loads when asked" in card(ann, "alpha")
    assert "needs about 567 MB of memory" in card(ann, "alpha")
    assert re.search(r"The models take 1\.5 GB of \d+\.\d GB", page)
    assert 'id="by-name"' in page
    assert 'href="/models"' in ann.get("/").text
    assert 'href="/models"' in ann.get("/help").text


def test_in_chinese_there_is_nothing_where_nothing_is_said(ann):
    for path in ("/models", "/"):
        page = ann.get(path, headers={"Accept-Language": "zh"}).text
        assert "模型" in page
        assert "Project-Id-Version" not in page


def test_programs_get_the_same_as_json(ann):
    alpha = state(ann, "alpha")
    assert (alpha["status"], alpha["possible"], alpha["removable"], alpha["serves"]) == ("sleeping", True, True, False)
    assert state(ann, "starter")["serves"]


def test_another_model_is_used_while_the_first_goes_on(ann, models):
    models.slow.add("alpha")
    assert ann.post("/models/use", data={"model": "alpha"}).status_code == 303
    assert "answers as soon as it is ready" in until(lambda: "alpha" in models.made and card(ann, "alpha"))
    page = ann.get("/models").text
    assert 'http-equiv="refresh"' in page
    assert "Reading the weights." in page
    assert state(ann, "starter")["serves"]
    refused = ann.post("/models/use", data={"model": "beta"})
    assert refused.status_code == 409
    assert "already being loaded" in refused.text
    models.made["alpha"].loaded.set()
    until(lambda: state(ann, "alpha")["serves"])
    until(lambda: state(ann, "starter")["status"] == "sleeping")
    assert 'http-equiv="refresh"' not in ann.get("/models").text


def test_a_model_that_cannot_be_loaded_says_why(ann, models):
    models.broken["alpha"] = "The file is cut off."
    answer = ann.post("/models/use", data={"model": "alpha"}, headers=JSON)
    assert answer.status_code == 202
    assert 'id="models-list"' in answer.json["html"]
    until(lambda: "The file is cut off." in ann.get("/models").text)
    assert state(ann, "starter")["serves"]


def test_a_model_leaves_the_memory_and_comes_back_when_it_is_asked(ann, models):
    assert ann.post("/models/unload", data={"model": "starter"}).status_code == 303
    assert state(ann, "starter")["status"] == "sleeping"
    assert ann.get("/readyz").status_code == 200
    assert "sleeping" in ann.get("/").text
    ask(ann, "hello")
    until(lambda: state(ann, "starter")["status"] == "ready")


def test_a_model_is_removed_after_a_confirmation(ann, models):
    row = card(ann, "alpha")
    assert row.index("<summary>Remove") < row.index("(27 MB)") < row.index('action="/models/remove"')
    assert ann.post("/models/remove", data={"model": "alpha"}).status_code == 303
    assert not (models.folder / "alpha").exists()
    assert "<code>alpha</code>" not in ann.get("/models").text
    refused = ann.post("/models/remove", data={"model": "starter"})
    assert refused.status_code == 409
    assert "serves now" in refused.text


@pytest.mark.parametrize("act", ACTS)
def test_garbage_is_one_sentence_with_its_status(ann, act):
    for name, status in (("", 400), ("../../etc/passwd", 404), ("\x00", 400), ("x" * 201, 413), ("<b>&", 404)):
        for headers in ({}, JSON):
            answer = ann.post(f"/models/{act}", data={"model": name}, headers=headers)
            assert answer.status_code == status, (name, answer.text)
            assert "Traceback" not in answer.text
            told = answer.json["error"]["message"] if headers else answer.text
            assert told
            assert headers or ("<html" in told and "<b>&" not in told)
    assert ann.post(f"/models/{act}", data={"model": "alpha", "more": "1"}, headers=JSON).status_code == 400
    assert ann.get(f"/models/{act}", headers=JSON).status_code == 405
    other = {"Sec-Fetch-Site": "cross-site", **JSON}
    assert ann.post(f"/models/{act}", data={"model": "alpha"}, headers=other).status_code == 403


def test_what_cannot_be_is_refused_with_figures(limited):
    page = limited.get("/models").text
    assert "never asks a model hub" in page
    assert 'id="by-name"' not in page
    for name in ("owner/name", "llama-3.2-1b", "owner/" + "n" * 190):
        answer = limited.post("/models/pull", data={"model": name})
        assert answer.status_code == 503, name
        assert "WEBBOT_OFFLINE" in answer.text
    row = card(limited, "llama-3.2-3b")
    assert "models may take 0.3 GB here" in row
    assert "<button" not in row, "what cannot be done has no button"
    refused = limited.post("/models/use", data={"model": "llama-3.2-3b"})
    assert refused.status_code == 507
    assert re.search(r"needs \d+\.\d GB; models may take 0\.3 GB", refused.text)
    answer = limited.post("/turns", data={"question": "Is there room?"})
    assert answer.status_code == 507
    assert "Is there room?</textarea>" in answer.text


@pytest.mark.parametrize("offline", [False, True])
def test_a_server_that_asks_no_hub_offers_no_download(make_app, offline):
    page = make_app(engine="echo", speech=True, offline=offline).test_client().get("/models").text
    rows = [row for row in re.findall(r'<li class="model .*?</li>', page, re.DOTALL) if "Whisper" in row]
    assert len(rows) > 3
    assert any("/models/pull" in row for row in rows) != offline
    assert not (offline and any("Download" in row for row in rows))


def test_a_model_of_the_hub_is_downloaded_stopped_and_asked_for_twice(several, ann):
    hub = several.extensions["hub"]
    hub.break_after, hub.silent = 1_000_000, True
    assert ann.post("/models/pull", data={"model": "owner/tiny"}).status_code == 303
    again = ann.post("/models/pull", data={"model": "owner/tiny"})
    assert again.status_code == 409
    assert 'value="owner/tiny"' in again.text, "the name is back in its field"

    def coming():
        return next((each for each in ann.get("/models", headers=JSON).json["models"] if each["status"] == "coming"), {})

    until(lambda: coming().get("progress"), 60)
    name = coming()["name"]
    assert "Stop the download" in card(ann, name)
    assert ann.post("/models/cancel", data={"model": name}).status_code == 303
    until(lambda: not coming())
    assert "was stopped" in ann.get("/models").text


def test_a_speech_model_that_is_downloaded_is_one_row():
    words = ModelState(name="words", title="Words", kind="local", status="ready")
    absent = ModelState(name="ears", title="Ears", kind="speech", status="absent", size=7)
    coming = ModelState(name="ears", title="Ears", kind="local", status="coming", progress=0.5, sentence="Downloading.")
    shown = absent.but(status="coming", progress=0.5, sentence="Downloading.")
    assert in_own_rows([words, coming, absent]) == [words, shown]
    assert in_own_rows([words, absent]) == [words, absent]
    loaded = absent.but(status="sleeping")
    assert in_own_rows([words, coming, loaded]) == [words, loaded]


def test_the_list_is_told_when_it_changes(ann):
    stream = ann.get("/models/events", buffered=False)
    lines = iter(stream.response)
    first = next(lines)
    assert "event: states" in str(first)
    ann.post("/models/unload", data={"model": "starter"}, headers=JSON)
    until(lambda: "event: states" in str(next(lines)))
    stream.close()


# the menu


def test_with_one_model_the_menu_is_quiet(make_app):
    page = make_app().test_client().get("/").text
    assert '<a class="chip ready" id="models-chip" href="/models">' in page
    assert 'name="model"' not in page


def test_a_conversation_chooses_its_model(ann, models):
    key = ask(ann, "hello")
    page = talk(ann, key)
    assert "As the server: The starter" in page
    assert re.search(r'value="alpha" aria-pressed="false">.*?loads when asked · this machine', page, re.DOTALL)
    answer = ann.post(f"/c/{key}/model", data={"model": "alpha", "question": "half a sent"})
    assert answer.status_code == 303
    page = talk(ann, key)
    assert 'value="alpha" aria-pressed="true"' in page
    assert ">half a sent</textarea>" in page, "what was being written is still there"
    assert ">half a sent</textarea>" not in talk(ann, key)
    until(lambda: not services_of(ann).chat._running)
    ask(ann, "and you?", f"/c/{key}/turns")
    assert "alpha" in until(lambda: models.made)
    assert state(ann, "starter")["serves"], "the others go on with the server's"
    changed = ann.post(f"/c/{key}/model", data={"model": ""}, headers=JSON)
    assert changed.json["conversation"]["model"] == ""


def test_the_model_changes_while_an_answer_runs_for_the_next_one(ann, models):
    key = ask(ann, "hello")
    models.made["starter"].pause = 0.05
    until(lambda: not services_of(ann).chat._running)
    ask(ann, "word " * 200, f"/c/{key}/turns")
    assert ann.post(f"/c/{key}/model", data={"model": "beta"}, headers=JSON).status_code == 200
    assert services_of(ann).chat._running
    ann.post(f"/c/{key}/stop", headers=JSON)
    ask(ann, "now", f"/c/{key}/turns")
    assert until(lambda: "beta" in models.made)


def test_the_first_question_brings_its_model_along(ann):
    assert '<input type="radio" name="model" value="alpha" form="composer"' in ann.get("/").text
    key = ask(ann, "hello", model="alpha")
    assert 'value="alpha" aria-pressed="true"' in talk(ann, key)
    refused = ann.post("/turns", data={"question": "hello", "model": "nothing"})
    assert refused.status_code == 404
    assert ">hello</textarea>" in refused.text
    assert ann.get("/list").text.count("data-conversation") == 1, "no empty conversation is left"


def test_a_model_that_is_gone_is_one_sentence_and_loses_nothing(ann):
    key = ask(ann, "hello", model="alpha")
    until(lambda: not services_of(ann).chat._running)
    ann.post("/models/remove", data={"model": "alpha"}, headers=JSON)
    page = talk(ann, key)
    assert "The model alpha of this conversation is not here any more." in page
    assert 'value="beta" aria-pressed="false"' in page
    refused = ann.post(f"/c/{key}/turns", data={"question": "are you there?"})
    assert refused.status_code == 404
    assert "are you there?</textarea>" in refused.text
    assert ann.post(f"/c/{key}/model", data={"model": ""}).status_code == 303
    assert "not here any more" not in talk(ann, key)


@pytest.mark.parametrize(("fields", "status"), [
    ({}, 400), ({"model": "nothing"}, 404), ({"model": "ALPHA"}, 404), ({"model": "llama-3.2-1b"}, 404),
    ({"model": "x" * 400}, 413), ({"model": "a\x00"}, 400), ({"model": "alpha", "x": "1"}, 400),
])
def test_a_choice_that_is_none_is_refused(ann, fields, status):
    key = ask(ann, "hello")
    for headers in ({}, JSON):
        answer = ann.post(f"/c/{key}/model", data=fields, headers=headers)
        assert answer.status_code == status
        assert "Traceback" not in answer.text


# loading in the conversation


def test_an_answer_that_waits_for_its_model_says_so_and_can_be_stopped(ann, models):
    models.slow.add("alpha")
    key = ask(ann, "hello", model="alpha")
    page = until(lambda: "Reading the weights." in talk(ann, key) and talk(ann, key))
    assert re.search(r'<div class="preparing">\s*<p><bdi>alpha</bdi> · Reading the weights\.', page)
    assert '<progress max="1" value="0.4" aria-label="alpha is loading."' in page
    assert 'http-equiv="refresh"' in page, "the page without script looks again"
    assert ann.post(f"/c/{key}/stop", headers=JSON).json == {"stopped": True}
    assert 'class="preparing"' not in talk(ann, key)
    assert "Stopped here." in talk(ann, key)


def test_a_tab_is_told_of_the_loading_also_when_it_comes_late(ann, models):
    models.slow.add("alpha")
    key = ask(ann, "hello", model="alpha")
    until(lambda: services_of(ann).chat._running[key].preparing)
    stream = ann.get(f"/c/{key}/events", buffered=False)
    heard = []
    for chunk in stream.response:
        names = re.findall(r"^event: (\w+)$", chunk if isinstance(chunk, str) else chunk.decode(), re.MULTILINE)
        heard += names
        if "preparing" in names:
            threading.Timer(0.1, models.made["alpha"].loaded.set).start()
        if "finished" in names:
            break
    stream.close()
    assert heard.index("turn") < heard.index("preparing") < heard.index("started") < heard.index("finished")


class TestWhereItGoes:
    """A page never says that what is asked stays here when a model elsewhere may get it."""

    STAYS, GOES = "Everything you say stays on this server.", "The model runs on far.example: what you ask goes there."

    def page(self, app, path="/"):
        return app.test_client().get(path, base_url="https://localhost").text

    def test_to_nobody(self, make_app):
        shown = self.page(make_app())
        assert self.STAYS in shown and "what you ask goes there" not in shown

    def test_to_the_model_of_this_conversation(self, make_app):
        app = make_app(owner="home", remote_url="http://far.example/v1", remote_model=("big",))
        chat = app.extensions["services"].chat
        here, there = chat.create("home", ""), chat.create("home", "", "big")
        assert self.STAYS not in self.page(app), "one of the menu is elsewhere"
        assert self.GOES not in self.page(app, f"/c/{here.id}")
        assert self.GOES in self.page(app, f"/c/{there.id}")
