"""The menu of the models, an answer that waits for its model, and the page where models are handled, in a real browser.

The server runs in this process: its models are echoes that load when the test says so.
"""

import re
import threading
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect
from werkzeug.serving import make_server

from tests.web.echo_models import services_with_echoes
from webbot.factory import create_app

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A server with the models starter, alpha and beta, and a hub that has owner/tiny."""
    with services_with_echoes(tmp_path_factory.mktemp("models")) as (services, models, hub):
        server = make_server("localhost", 0, create_app(services), threaded=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield SimpleNamespace(url=f"http://localhost:{server.port}", services=services, models=models, hub=hub)
        services.closing.set()
        server.shutdown()
        thread.join(10)


@pytest.fixture
def server(place):
    place.models.begin_anew(place.services)
    place.hub.break_after, place.hub.silent = None, False
    return place


def choose(page, name):
    page.locator("#models-chip").click()
    page.locator("#models-menu").get_by_role("button", name=re.compile(f"^{name}")).click()


def test_the_menu_chooses_and_the_answer_waits_for_its_model(visit, server):
    server.models.slow.add("alpha")
    talk = visit(server)
    page = talk.page
    assert talk.ask("hello") == "hello"
    talk.box.fill("half a sentence")
    choose(page, "alpha")
    expect(page.locator("#models-menu")).to_be_hidden()
    expect(page.locator("#models-chip")).to_contain_text("alpha")
    expect(page.locator("#told")).to_contain_text("alpha answers from the next question on.")
    expect(talk.box).to_have_value("half a sentence")
    talk.begin("half a sentence")
    line = talk.last.locator(".preparing")
    expect(line).to_contain_text("alpha · Reading the weights.")
    expect(line.locator("progress")).to_have_attribute("value", "0.4")
    expect(page.locator("#told")).to_have_text("alpha is loading. The answer comes after that.")
    expect(page.locator("#halt")).to_be_visible()
    late = talk.tab()
    expect(late.last.locator(".preparing")).to_contain_text("Reading the weights.")
    server.models.made["alpha"].loaded.set()
    assert talk.answer() == late.answer() == "half a sentence"
    expect(page.locator(".preparing")).to_have_count(0)
    expect(late.page.locator(".preparing")).to_have_count(0)


def test_stop_ends_the_waiting(visit, server):
    server.models.slow.add("alpha")
    talk = visit(server)
    talk.page.locator("#models-chip").click()
    talk.page.get_by_label("alpha").check()
    expect(talk.page.locator("#models-chip")).to_contain_text("alpha")
    talk.page.keyboard.press("Escape")
    talk.begin("hello")
    expect(talk.last.locator(".preparing")).to_be_visible()
    talk.page.locator("#halt").click()
    expect(talk.last).to_have_class(re.compile(r"\bstopped\b"))
    expect(talk.page.locator(".preparing")).to_have_count(0)


def test_an_answer_waits_for_its_turn_and_one_without_room_keeps_its_text(visit, server):
    talk = visit(server)
    page, chat = talk.page, server.services.chat
    assert talk.ask("hello") == "hello"
    server.models.made["starter"].pause = 0.05
    line = server.services.fleet.members["starter"][1]._engine
    line.parallel = line.line.queue_owner = 1
    before = chat.ask("somebody", chat.create("somebody", "").id, "word " * 400)
    talk.begin("my question")
    expect(talk.last.locator(".queued")).to_have_text(re.compile(r"^\s*You are next, in about \d+ s\s*$"))
    expect(page.locator("#told")).to_have_text("Others asked before you. Your answer comes after theirs.")
    late, other = talk.tab(), talk.tab("/")
    expect(late.last.locator(".queued")).to_contain_text("You are next")
    other.box.fill("no room for this")
    other.box.press("Enter")
    expect(other.page.locator("main")).to_contain_text("questions of yours are waiting already")
    expect(other.box).to_have_value("no room for this")
    before.stop()
    assert talk.answer() == late.answer() == "my question"
    expect(page.locator(".queued")).to_have_count(0)


def test_without_script(visit, server):
    talk = visit(server, java_script_enabled=False)
    talk.box.fill("hello")
    talk.page.locator("#send").click()
    assert talk.answer() == "hello"
    talk.box.fill("half a sentence")
    choose(talk.page, "beta")
    expect(talk.page.locator("#models-chip")).to_contain_text("beta")
    expect(talk.box).to_have_value("half a sentence")
    talk.page.goto("/models")
    row = talk.page.locator(".model", has_text="alpha")
    row.locator("summary").click()
    row.get_by_role("button", name="Delete the files").click()
    expect(talk.page.locator(".model", has_text="alpha")).to_have_count(0)
    talk.page.get_by_label("Name on the hub").fill("nothing at all")
    talk.page.locator("#by-name button").click()
    expect(talk.page.get_by_role("alert")).to_contain_text("There is no model")
    expect(talk.page.get_by_label("Name on the hub")).to_have_value("nothing at all")


def test_a_download_is_followed_without_losing_the_place(visit, server):
    server.hub.break_after, server.hub.silent = 1_000_000, True
    page = visit(server, "/models").page
    page.locator(".model", has_text="beta").locator("summary").click()
    page.get_by_label("Name on the hub").fill("owner/tiny")
    page.locator("#by-name button").click()
    tiny = page.locator(".model", has_text="tiny")
    expect(tiny.locator(".status")).to_contain_text(re.compile(r"downloading \d+"))
    expect(page.get_by_label("Name on the hub")).to_have_value("")
    expect(page.get_by_role("button", name="Delete the files")).to_be_visible()  # what was open stays open
    stop = tiny.get_by_role("button", name="Stop the download")
    stop.focus()
    stop.click()
    expect(tiny.locator(".status")).to_contain_text("was stopped")
    expect(tiny).to_be_focused()  # its button has gone
    server.hub.break_after, server.hub.silent = None, False
    page.get_by_label("Name on the hub").fill("owner/tiny")
    page.locator("#by-name button").click()
    expect(tiny.locator(".status")).to_contain_text("loads when asked")
    tiny.get_by_role("button", name="Use").click()
    expect(tiny.locator(".tag")).to_have_text("answers")


@pytest.mark.parametrize("path", ["/", "/models"])
def test_a_phone(visit, server, path):
    page = visit(server, path, **PHONE).page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    touched = page.locator("#models-chip:visible, .acts button:visible, .acts summary:visible, #by-name :is(input, button)")
    assert touched.count()
    for box in [each.bounding_box() for each in touched.all()]:
        assert box["height"] >= 44
