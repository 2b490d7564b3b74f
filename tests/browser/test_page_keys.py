"""What can be done with a conversation, by keyboard and by mouse."""

import re

import pytest
from playwright.sync_api import expect

from tests.live.conftest import until


@pytest.fixture
def talk(visit, echo):
    talk = visit(echo)
    talk.ask("first question")
    return talk


def test_enter_sends_and_shift_enter_breaks(visit, echo):
    talk = visit(echo)
    talk.box.press_sequentially("one line")
    talk.box.press("Shift+Enter")
    talk.box.press_sequentially("another line")
    expect(talk.box).to_have_value("one line\nanother line")
    expect(talk.turns).to_have_count(0)
    talk.box.press("Enter")
    talk.answer()
    assert talk.asked(talk.last) == "one line\nanother line"


def test_an_enter_that_ends_a_composition_does_not_send(visit, echo):
    talk = visit(echo)
    talk.box.fill("ni hao")
    for given in ({"isComposing": True}, {"keyCode": 229}):
        talk.box.dispatch_event("keydown", {"key": "Enter", "bubbles": True, "cancelable": True, **given})
    expect(talk.box).to_have_value("ni hao")
    expect(talk.page.locator(".turn")).to_have_count(0)


def test_nothing_is_not_sent(visit, echo):
    talk = visit(echo)
    talk.box.fill("  \n ")
    talk.box.press("Enter")
    talk.page.locator("#send").click()
    expect(talk.page.locator(".turn, .trouble")).to_have_count(0)
    assert talk.page.url == f"{echo.url}/"


def test_keys_of_the_page(talk):
    page = talk.page
    page.locator("#talk").focus()
    page.keyboard.press("/")
    expect(talk.box).to_be_focused()
    expect(talk.box).to_have_value("")
    page.keyboard.press("?")
    expect(talk.box).to_have_value("?")  # in the box a key is a letter
    expect(page.locator("#keys")).to_be_hidden()
    page.locator("#talk").focus()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("Control+Shift+O")
    expect(page).to_have_url(re.compile(r"/$"))


def test_the_box_is_ready_and_keeps_its_draft(talk):
    expect(talk.box).to_be_focused()
    talk.box.fill("half a thought")
    talk.page.reload()
    expect(talk.box).to_have_value("half a thought")
    talk.page.goto("/")
    expect(talk.box).to_have_value("")
    talk.page.go_back()
    expect(talk.box).to_have_value("half a thought")


def test_editing_the_last_question_in_place(talk):
    talk.ask("second question")
    expect(talk.page.locator("details.edit")).to_have_count(2)  # each question can be edited
    talk.last.locator("details.edit summary").press("Enter")
    box = talk.last.get_by_label("Your question")
    expect(box).to_be_focused()
    expect(box).to_have_value("second question")
    box.press("Escape")
    expect(box).to_be_hidden()
    talk.last.locator("details.edit summary").press("Enter")
    expect(box).to_be_focused()
    box.fill("a better question")
    box.press("Enter")
    expect(talk.last.locator(".asked")).to_have_text("a better question")
    assert talk.answer() == "a better question"
    assert talk.questions() == ["first question", "a better question"]
    talk.page.reload()
    assert talk.questions() == ["first question", "a better question"]


def test_answering_again(talk):
    before = talk.last.get_attribute("data-answer")
    talk.last.get_by_role("button", name="Answer again").click()
    expect(talk.last).not_to_have_attribute("data-answer", before)
    assert talk.answer() == "first question"
    expect(talk.turns).to_have_count(1)


def test_copying(visit, echo):
    talk = visit(echo, permissions=["clipboard-read", "clipboard-write"])
    text = "Some *marked* text\n\n```python\nprint('hello')\nprint('you')\n```"
    talk.ask(text)
    talk.last.get_by_role("button", name="Copy the answer").click()
    expect(talk.page.locator("#told")).to_have_text("Copied.")
    assert talk.page.evaluate("navigator.clipboard.readText()") == text, "the answer as it was written"
    talk.last.locator("pre [data-copy]").click()
    talk.page.wait_for_function("navigator.clipboard.readText().then(text => text.startsWith('print'))")
    assert talk.page.evaluate("navigator.clipboard.readText()").strip() == "print('hello')\nprint('you')"


def test_a_press_before_the_scripts_are_there_is_answered_once_they_are(visit, echo):
    talk = visit(echo, permissions=["clipboard-read", "clipboard-write"])
    talk.ask("Copy me early")
    talk.moved()
    held = []
    talk.page.route("**/js/earlier.js*", lambda route: held.append(route))  # noqa: PLW0108 - it is marked by playwright
    talk.page.reload(wait_until="commit")
    talk.last.get_by_role("button", name="Copy the answer").click()
    until(lambda: held or talk.page.wait_for_timeout(50))
    expect(talk.page.locator("#told")).to_have_text("")
    held[0].continue_()
    expect(talk.page.locator("#told")).to_have_text("Copied.")
    assert talk.page.evaluate("navigator.clipboard.readText()") == "Copy me early"
    talk.page.unroute_all()


def test_a_role_for_each_conversation(visit, echo):
    talk = visit(echo)
    shown = talk.page.locator("#role-name")
    expect(shown).to_have_text("Friendly")
    talk.panel().get_by_label("Socrates").check()
    talk.page.keyboard.press("Escape")
    expect(shown).to_have_text("Socrates")
    talk.ask("hello")
    expect(shown).to_have_text("Socrates")
    first = talk.moved()
    talk.page.goto("/")
    talk.ask("another one")
    expect(shown).to_have_text("Friendly")
    talk.moved()
    talk.page.goto(first)
    expect(shown).to_have_text("Socrates")
    talk.panel().get_by_text("Role: who answers").click()
    talk.page.locator("#options").get_by_role("button", name="Teacher").click()
    expect(shown).to_have_text("Teacher")
    assert talk.questions() == ["hello"]


def test_renaming_and_pinning_reach_another_tab(talk):
    talk.moved()
    other = talk.tab()
    panel = talk.panel()
    panel.get_by_label("Title").fill("A walk in the woods")
    panel.get_by_role("button", name="Rename").click()
    for tab in (talk, other):
        expect(tab.page.locator("#title")).to_have_text("A walk in the woods")
        expect(tab.page.locator("#list a[aria-current]")).to_have_text("A walk in the woods")
    talk.panel().get_by_role("button", name="Pin to the top").click()
    for tab in (talk, other):
        expect(tab.page.locator("#list h2").first).to_have_text("Pinned")
    expect(talk.panel().get_by_role("button", name="Unpin")).to_be_visible()


def test_clearing_and_deleting(talk):
    talk.moved()
    other = talk.tab()
    panel = talk.panel()
    panel.get_by_text("Clear", exact=True).click()
    with talk.page.expect_navigation():  # the tab may hear of it by its event stream first
        panel.get_by_role("button", name="Clear all messages").click()
    for tab in (talk, other):
        expect(tab.turns).to_have_count(0)
        expect(tab.page.locator("#title")).to_have_text("first question")
    assert talk.ask("after that") == "after that"
    panel = talk.panel()
    panel.get_by_text("Delete", exact=True).click()
    panel.get_by_role("button", name="Delete the conversation").click()
    expect(talk.page).to_have_url(re.compile(r"/$"))
    expect(talk.page.locator("#list a")).to_have_count(0)


def test_searching(talk):
    talk.page.goto("/")
    talk.ask("penguins in winter")
    links = talk.page.locator("#list a")
    expect(links).to_have_text(["penguins in winter", "first question"])
    search = talk.page.get_by_role("searchbox")
    search.fill("FIRST")
    expect(links).to_have_text(["first question"])
    search.fill("giraffe")
    expect(talk.page.locator("#list .empty")).to_have_text("No conversation has these words.")
    search.fill("")
    expect(links).to_have_count(2)
    links.last.click()
    expect(talk.page.locator("#title")).to_have_text("first question")


def test_spoken_answers_are_switched(talk):
    button = talk.page.get_by_role("button", name="Speak the answers")
    with talk.page.expect_response("**/options"):
        button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    talk.page.reload()
    expect(button).to_have_attribute("aria-pressed", "true")


def test_reading_back_is_not_disturbed(talk):
    """The page follows the text for who is at its end. Who has scrolled up stays there, and is offered the way down."""
    talk.ask("\n\n".join(f"line {number}" for number in range(60)))
    place, end = talk.page.locator("#talk"), talk.last.locator(".said > :last-child").last
    expect(end).to_be_in_viewport()
    talk.begin("\n\n".join(f"more {number}" for number in range(40)))
    expect(talk.last.locator(".said")).to_contain_text("more 3")
    place.hover()
    talk.page.mouse.wheel(0, -3000)
    expect(talk.page.locator("#newer")).to_be_visible()
    stayed = place.evaluate("each => each.scrollTop")
    talk.answer()
    assert place.evaluate("each => each.scrollTop") == pytest.approx(stayed, abs=2)
    talk.page.locator("#newer").click()
    expect(end).to_be_in_viewport()
    expect(talk.page.locator("#newer")).to_be_hidden()
