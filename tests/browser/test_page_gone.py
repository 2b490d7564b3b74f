"""A conversation that is deleted in another tab, or on another device, while it is open here."""

import pytest
from playwright.sync_api import expect

from tests.browser.talk import BEFORE, idle
from tests.web.listing import talk as made

LONG = " ".join(f"w{number}" for number in range(500))


@pytest.fixture(scope="module")
def home(serve):
    return serve(engine="echo", owner="home")


def left(talk):
    """Nothing can be done there any more, and what was typed stays."""
    expect(talk.page.locator("#troubles")).to_contain_text("deleted in another tab")
    expect(talk.page.locator("#halt")).to_be_hidden()
    expect(talk.page.locator(".caret, .turn.streaming, .only-last, details.edit")).to_have_count(0)
    for button in talk.page.locator("#turns form button:not([type=button])").all():
        expect(button).to_be_disabled()
    talk.box.fill("a draft")
    talk.box.press("Enter")
    expect(talk.box).to_have_value("a draft")
    expect(talk.page.locator(".turn.pending")).to_have_count(0)


def test_during_an_answer(visit, home):
    first = visit(home, BEFORE)
    [key] = first.put_in(made("Ours", "hello", "hello"))
    first.open(f"/c/{key}")
    tab, other = first.tab(), visit(home, f"/c/{key}", locale="en-GB")
    first.begin(LONG)
    for talk in (tab, other):
        expect(talk.last.locator(".said")).to_contain_text("w5")
    assert first.page.request.post(f"/c/{key}/delete", headers={"Accept": "application/json"}).ok
    for talk in (tab, other):
        left(talk)
    expect(other.page.locator("#troubles a")).to_have_attribute("href", "/")
    idle(home)
    tab.page.locator("#troubles").get_by_role("button", name="Undo").click()
    expect(tab.page.locator("#troubles")).to_be_empty()
    expect(tab.turns).to_have_count(2)
    expect(tab.box).to_have_value("a draft")
    tab.box.fill("")
    assert tab.ask("again") == "again"
