"""Versions of questions and answers, pins and thumbs: by mouse, by keyboard, and without script."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.talk import BEFORE
from tests.browser.test_page_together import edit
from tests.web.listing import talk as made

NO_SCRIPT = {"java_script_enabled": False}


@pytest.fixture
def talk(visit, echo):
    talk = visit(echo, BEFORE)
    [key] = talk.put_in(made("Greek", "alpha", "alpha", "beta", "beta", "gamma", "gamma"))
    talk.open(f"/c/{key}")
    return talk


def number(turn, part="question"):
    return turn.locator(f".of-{part} .versions span[aria-hidden=true]")


def test_an_earlier_question_is_edited_and_its_versions_are_shown(talk):
    talk.page.evaluate("window.same = true")
    edit(talk, talk.turns.nth(1), "delta")
    expect(talk.turns).to_have_count(2)
    assert talk.answer() == "delta"
    assert talk.questions() == ["alpha", "delta"]
    expect(number(talk.last)).to_have_text("2 / 2")
    talk.last.get_by_role("button", name="Earlier version").click()
    expect(talk.turns).to_have_count(3)
    assert talk.questions() == ["alpha", "beta", "gamma"]
    expect(number(talk.turns.nth(1))).to_have_text("1 / 2")
    expect(talk.page.locator("#told")).to_have_text("Version 1 of 2 is shown.")
    talk.page.reload()
    assert talk.questions() == ["alpha", "beta", "gamma"]
    assert talk.ask("what did I say") == "You said: alpha | beta | gamma"


def test_an_earlier_answer_is_made_again_and_another_tab_follows(talk):
    other = talk.tab()
    turn = talk.turns.nth(1)
    turn.hover()
    turn.get_by_role("button", name="Answer again").click()
    expect(talk.turns).to_have_count(2)
    expect(number(talk.last, "answer")).to_have_text("2 / 2")
    expect(number(other.last, "answer")).to_have_text("2 / 2")
    first, second = talk.last.get_attribute("data-answer"), None
    talk.page.bring_to_front()
    talk.last.get_by_role("button", name="Earlier version").click()
    for tab in (talk, other):
        expect(tab.turns).to_have_count(3)
        second = tab.turns.nth(1).get_attribute("data-answer")
    assert first != second
    expect(number(other.turns.nth(1), "answer")).to_have_text("1 / 2")


def test_versions_by_keyboard(talk):
    talk.box.focus()
    talk.page.keyboard.press("ArrowUp")
    box = talk.last.get_by_label("Your question")
    expect(box).to_be_focused()
    talk.page.keyboard.type(" and more")
    talk.page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    talk.box.focus()
    talk.page.keyboard.press("ArrowUp")
    expect(box).to_have_value("gamma")
    talk.page.keyboard.type(" and more")
    talk.page.keyboard.press("Enter")
    expect(number(talk.last)).to_have_text("2 / 2")
    assert talk.answer() == "gamma and more"
    talk.last.get_by_role("button", name="Earlier version").focus()
    talk.page.keyboard.press("ArrowLeft")
    expect(number(talk.last)).to_have_text("1 / 2")
    expect(talk.last.get_by_role("button", name="Later version")).to_be_focused()
    talk.page.keyboard.press("ArrowRight")
    expect(number(talk.last)).to_have_text("2 / 2")
    assert talk.questions()[-1] == "gamma and more"


def test_pins_and_thumbs(talk):
    other = talk.tab()
    talk.page.bring_to_front()
    first = talk.turns.first
    first.hover()
    pin = first.get_by_role("button", name="Never forget this turn")
    pin.click()
    expect(pin).to_have_attribute("aria-pressed", "true")
    expect(other.turns.first).to_have_class(re.compile("pinned"))
    first.get_by_role("button", name="Good answer").click()
    expect(other.turns.first.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
    first.get_by_role("button", name="Bad answer").click()
    talk.page.reload()
    expect(first.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
    expect(first.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "false")
    pin.click()
    expect(other.turns.first).not_to_have_class(re.compile("pinned"))


def test_without_script(visit, echo):
    talk = visit(echo, BEFORE, **NO_SCRIPT)
    [key] = talk.put_in(made("Greek", "alpha", "alpha", "beta", "beta"))
    talk.page.goto(f"/c/{key}")
    talk.turns.first.locator("details.edit summary").click()
    talk.turns.first.get_by_label("Your question").fill("delta")
    talk.turns.first.get_by_role("button", name="Ask again like this").click()
    expect(talk.turns).to_have_count(1)
    expect(number(talk.last)).to_have_text("2 / 2")
    talk.last.get_by_role("button", name="Earlier version").click()
    expect(talk.turns).to_have_count(2)
    assert talk.questions() == ["alpha", "beta"] and "#m" in talk.page.url
    talk.turns.first.get_by_role("button", name="Never forget this turn").click()
    expect(talk.turns.first).to_have_class(re.compile("pinned"))
    talk.turns.first.get_by_role("button", name="Good answer").click()
    expect(talk.turns.first.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
