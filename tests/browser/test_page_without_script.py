"""Everything a person can do without script: the same page, with plain forms."""

import re

import pytest
from playwright.sync_api import expect

NO_SCRIPT = {"java_script_enabled": False}


def send(talk, text):
    """Sends a question with the button; the page comes back with the whole answer."""
    before = talk.turns.count()
    talk.box.fill(text)
    talk.page.locator("#send").click()
    expect(talk.turns).to_have_count(before + 1)
    return talk.answer()


@pytest.fixture
def talk(visit, echo):
    talk = visit(echo, **NO_SCRIPT)
    send(talk, "first question")
    return talk


def test_turns(talk):
    assert re.search(r"/c/[\w-]+#m", talk.page.url)
    assert talk.answer() == "first question"
    assert send(talk, "second question") == "second question"
    assert talk.questions() == ["first question", "second question"]
    expect(talk.box).to_be_empty()
    expect(talk.page.locator(".with-script:visible")).to_have_count(0)
    expect(talk.page.locator("#halt")).to_be_hidden()


def test_a_try_of_the_welcome(visit, echo):
    talk = visit(echo, **NO_SCRIPT)
    talk.page.locator(".try").last.click()
    assert talk.answer() == "What is 17 + 25?"


def test_again(talk):
    before = talk.last.get_attribute("data-answer")
    talk.page.get_by_role("button", name="Answer again").click()
    expect(talk.last).not_to_have_attribute("data-answer", before)
    assert talk.answer() == "first question"
    expect(talk.turns).to_have_count(1)


def test_edit(talk):
    talk.last.locator("details.edit summary").click()
    talk.last.get_by_label("Your question").fill("a better question")
    talk.page.get_by_role("button", name="Ask again like this").click()
    expect(talk.last.locator(".asked")).to_have_text("a better question")
    assert talk.answer() == "a better question"
    expect(talk.turns).to_have_count(1)


def test_role(talk):
    talk.panel().get_by_text("Role: who answers").click()
    talk.page.get_by_role("button", name="Socrates").click()
    expect(talk.page.locator("#role-name")).to_have_text("Socrates")
    talk.panel().get_by_text("Role: who answers").click()
    own = talk.page.get_by_label("Or in your own words")
    expect(own).to_have_value(re.compile("^You are Socrates"))
    own.fill("You are a gardener.")
    talk.page.get_by_role("button", name="Use this role").click()
    expect(talk.page.locator("#role-name")).to_have_text("own")


def test_a_role_before_the_first_question(visit, echo):
    talk = visit(echo, **NO_SCRIPT)
    talk.panel().get_by_label("Socrates").check()
    talk.page.keyboard.press("Escape")
    send(talk, "hello")
    expect(talk.page.locator("#role-name")).to_have_text("Socrates")


def test_options(talk):
    options = talk.panel()
    options.get_by_label("Title").fill("A walk in the woods")
    options.get_by_role("button", name="Rename").click()
    expect(talk.page).to_have_title(re.compile("^A walk in the woods"))
    talk.panel().get_by_role("button", name="Pin to the top").click()
    expect(talk.page.locator("#list h2").first).to_have_text("Pinned")
    talk.panel().get_by_label("Answers are").select_option("textile")
    talk.page.get_by_role("button", name="Set", exact=True).click()
    expect(talk.panel().get_by_label("Answers are")).to_have_value("textile")
    talk.page.keyboard.press("Escape")
    send(talk, "a *strong* word")
    expect(talk.last.locator(".said strong")).to_have_text("strong")


def test_speaking(talk):
    button = talk.page.get_by_role("button", name="Speak the answers")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")


def test_search(talk):
    talk.page.get_by_role("link", name="New conversation").click()
    send(talk, "penguins in winter")
    find = talk.page.get_by_role("searchbox")
    find.fill("penguins")
    find.press("Enter")
    expect(talk.page.locator("#list a")).to_have_text(["penguins in winter"])
    assert talk.questions() == ["penguins in winter"], "the conversation stays open"
    find = talk.page.get_by_role("searchbox")
    find.fill("giraffes")
    find.press("Enter")
    expect(talk.page.locator("#list .empty")).to_be_visible()


def test_clear_and_delete(talk):
    talk.panel().get_by_text("Clear", exact=True).click()
    talk.page.get_by_role("button", name="Clear all messages").click()
    expect(talk.turns).to_have_count(0)
    expect(talk.page.locator("#list a")).to_have_count(1)
    talk.panel().get_by_text("Delete", exact=True).click()
    talk.page.get_by_role("button", name="Delete the conversation").click()
    expect(talk.page).to_have_url(re.compile(r"/$"))
    expect(talk.page.locator("#list a")).to_have_count(0)


def test_a_refused_question_comes_back(visit, echo):
    talk = visit(echo, **NO_SCRIPT)
    text = "many words " * 5000
    talk.box.fill(text)
    talk.page.locator("#send").click()
    expect(talk.page.get_by_role("alert")).to_contain_text(re.compile("tokens"))
    assert talk.box.input_value().strip() == text.strip()
    expect(talk.page.locator("#list a")).to_have_count(0)


def test_preferences(talk):
    talk.page.get_by_role("link", name="Settings").click()
    talk.page.get_by_label("dark", exact=True).check()
    talk.page.get_by_label("中文").check()
    talk.page.get_by_role("button", name="Save").click()
    expect(talk.page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(talk.page.locator("html")).to_have_attribute("lang", "zh")


def test_forgetting_the_session(talk):
    talk.page.get_by_role("link", name="Settings").click()
    talk.page.get_by_text("Forget this session").click()
    talk.page.get_by_role("button", name="Forget it").click()
    expect(talk.page).to_have_url(re.compile(r"/$"))
    expect(talk.page.locator("#list a")).to_have_count(0)
