"""A larger model is brought from a hub while the starter goes on answering; a hub that is not there is one sentence."""

import time

import httpx
import pytest

from tests.live.conftest import JSON, ROOT, LiveServer, until
from tests.models.hub_server import Hub

pytestmark = [pytest.mark.slow, pytest.mark.model]
NAME = "meta-llama/Llama-3.2-1B-Instruct"


@pytest.fixture
def hub():
    hub = Hub({NAME: ROOT / "starter" / "chat" / "model"})
    yield hub
    hub.close()


@pytest.fixture(scope="module")
def lonely(tmp_path_factory):
    """A server that would ask a hub, but there is none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        server = LiveServer(tmp_path_factory.mktemp("lonely"), engine="local", offline="0", speech="0")
    yield server.start()
    server.stop()


def models(visitor):
    return visitor.http.get("/status").json()


def test_a_model_is_loaded_from_the_page_while_the_starter_answers(live, hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    server = live(engine="local", offline="0", speech="0")
    visitor = server.visitor()
    key, _, _ = visitor.answer("My name is Zorbo.")
    about = models(visitor)
    assert about["answering"]["starter"]
    assert about["offer"]["name"] == "llama-3.2-1b"
    assert about["offer"]["possible"]
    assert "2.5" in about["offer"]["size"]
    assert "llama-3.2-1b" in httpx.get(server.url, verify=False).text

    before = server.find("webbot.engines.worker").pid
    loading = visitor.http.post("/models/load", data={"model": "llama-3.2-1b"})
    assert loading.status_code == 202
    assert visitor.http.post("/models/load", data={"model": "llama-3.2-1b"}).status_code == 409
    steps, ends = [], []

    def exchanged():
        steps.append(models(visitor)["coming"])
        ends.append(visitor.answer("Tell me a story about a dragon")[2])
        return not models(visitor)["answering"]["starter"]

    until(exchanged, 60)
    assert any(step and not step["failed"] for step in steps), "the page was told of it on the way"
    assert set(ends) == {"finished"}, "an answer goes on while the model is exchanged"
    assert models(visitor)["answering"]["name"] == "Llama 3.2 1B"
    assert models(visitor)["coming"] is None
    until(lambda: before not in [process.pid for process in server.processes()], 20, "the starter's process is still there")

    _, html, end = visitor.answer("What is my name?", key)
    assert end == "finished"
    assert "Zorbo" in html, "the memory was counted anew for the other model"

    server.stop()
    server.start()
    assert models(server.visitor())["answering"]["name"] == "Llama 3.2 1B", "it is found again after a restart"


def test_a_hub_that_is_not_there_is_one_sentence(lonely):
    server, visitor = lonely, lonely.visitor()
    visitor.http.post("/models/load", data={"model": "llama-3.2-1b"})
    coming = until(lambda: (models(visitor)["coming"] or {}).get("failed") and models(visitor)["coming"], 60)
    assert coming["sentence"]
    assert "Traceback" not in coming["sentence"]
    assert coming["sentence"] in server.visitor().http.get("/", headers={"Accept": "text/html"}).text.replace("&#39;", "'")
    assert visitor.answer("What is the capital of France?")[2] == "finished"
    assert visitor.http.post("/models/load", data={"model": "llama-3.2-1b"}).status_code == 202, "it may be tried again"


def test_a_visitor_cannot_name_any_model(lonely):
    visitor = lonely.visitor()
    for name in ("", "../../etc", "/etc/passwd", "stranger/model", "x" * 299, "http://127.0.0.1/x"):
        answer = visitor.http.post("/models/load", data={"model": name}, headers=JSON)
        assert answer.status_code == 404, name
        assert "no model" in answer.json()["error"]["message"]


def test_a_named_model_that_is_not_here_is_fetched_at_the_start(live, hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    server = live(engine="local", offline="0", speech="0", model="llama-3.2-1b")
    visitor = server.visitor()
    began = time.monotonic()
    until(lambda: models(visitor)["answering"]["name"] == "Llama 3.2 1B", 60)
    assert time.monotonic() - began < 60
