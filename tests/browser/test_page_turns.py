"""Asking on the page: answers grow, are stopped, picked up after a reload, and followed in a second tab."""

import re

from playwright.sync_api import expect

from tests.browser.talk import idle, running
from tests.live.conftest import until

LONG = " ".join(f"w{number}" for number in range(400))  # eight seconds


def test_a_question_is_answered(visit, echo):
    talk = visit(echo)
    talk.page.evaluate("window.same = true")
    assert talk.ask("Good morning to you") == "Good morning to you"
    assert "/c/" in talk.moved()
    assert talk.page.evaluate("window.same"), "without a reload"
    assert talk.asked(talk.last) == "Good morning to you"
    expect(talk.page).to_have_title(re.compile("^Good morning to you"))
    expect(talk.box).to_have_value("")
    assert talk.ask("And once more") == "And once more"
    talk.page.reload()
    assert talk.questions() == ["Good morning to you", "And once more"]


def test_a_try_of_the_welcome_is_asked(visit, echo):
    talk = visit(echo)
    talk.page.locator(".try").first.click()
    assert talk.answer() == "What is the capital of France?"
    expect(talk.page.locator("#welcome")).to_have_count(0)


def test_stop_in_mid_answer(visit, echo):
    talk = visit(echo)
    send, halt = talk.page.locator("#send"), talk.page.locator("#halt")
    idle(echo)
    talk.begin(LONG)
    expect(halt).to_be_visible()
    expect(send).to_be_hidden()
    expect(talk.page).to_have_title(re.compile("^●"))
    expect(talk.page.locator(".list .live")).to_have_count(1)
    expect(talk.last.locator(".said")).to_contain_text("w20")
    with talk.page.expect_response("**/stop") as stopped:
        halt.click()
    assert stopped.value.ok
    until(lambda: running(echo) == 0, 5, "stopping does not free the engine")  # the answer would take longer
    expect(talk.last.locator(".note")).to_have_text("Stopped here.")
    expect(send).to_be_visible()
    expect(halt).to_be_hidden()
    expect(talk.page).not_to_have_title(re.compile("●"))
    kept = talk.said(talk.last).split()
    assert 20 < len(kept) < 390
    assert kept == LONG.split()[: len(kept)], "what was written stays"
    assert talk.ask("And now this") == "And now this"


def test_a_question_that_comes_too_early_comes_back_into_the_box(visit, echo):
    talk = visit(echo)
    talk.begin(LONG)
    talk.box.fill("too early")
    talk.box.press("Enter")
    expect(talk.page.locator("#troubles .trouble")).to_contain_text("still being written")
    expect(talk.box).to_have_value("too early")
    talk.moved()
    talk.page.reload()
    expect(talk.box).to_have_value("too early")
    expect(talk.turns).to_have_count(1)
    talk.page.locator("#halt").click()
    expect(talk.last.locator(".note")).to_have_text("Stopped here.")


def test_escape_stops(visit, echo):
    talk = visit(echo)
    talk.begin(LONG)
    expect(talk.last.locator(".said")).to_contain_text("w5")
    talk.page.keyboard.press("Escape")
    expect(talk.last.locator(".note")).to_have_text("Stopped here.")
    idle(echo, 2)


def test_a_reload_in_mid_answer_picks_it_up(visit, echo):
    talk = visit(echo)
    words = LONG.split()[:150]
    talk.begin(" ".join(words))
    expect(talk.last.locator(".said")).to_contain_text("w30")
    talk.moved()
    talk.page.reload()
    expect(talk.last).to_have_class(re.compile("streaming"))
    expect(talk.page.locator("#halt")).to_be_visible()
    seen = talk.said(talk.last).split()
    assert 25 < len(seen) < 150 and seen == words[: len(seen)]
    assert talk.answer().split() == words, "each word once"
    talk.page.reload()
    assert talk.answer().split() == words, "and so it is stored"


def test_a_second_tab_follows_live(visit, echo):
    first = visit(echo)
    first.ask("hello")
    first.moved()
    second = first.tab()
    words = LONG.split()[:90]
    first.begin(" ".join(words))
    expect(second.last).to_have_class(re.compile("streaming"))
    assert second.asked(second.last) == " ".join(words)
    expect(second.last.locator(".said")).to_contain_text("w10")
    expect(first.last).to_have_class(re.compile("streaming"))
    third = first.tab()  # comes in mid-answer
    expect(third.last.locator(".said")).to_contain_text("w30")
    assert {tab.answer() for tab in (first, second, third)} == {" ".join(words)}
    second.page.bring_to_front()
    second.begin("asked over here")
    expect(first.turns).to_have_count(3)
    assert first.answer() == "asked over here"
    assert first.questions() == second.questions() == third.questions()


def test_stop_in_another_tab(visit, echo):
    first = visit(echo)
    first.begin(LONG)
    first.moved()
    second = first.tab()
    second.page.bring_to_front()
    second.page.locator("#halt").click()
    for tab in (first, second):
        expect(tab.last.locator(".note")).to_have_text("Stopped here.")
        expect(tab.page.locator("#send")).to_be_visible()


def test_a_conversation_deleted_in_another_tab(visit, echo):
    first = visit(echo)
    first.ask("hello")
    first.moved()
    second = first.tab()
    panel = second.panel()
    panel.get_by_text("Delete", exact=True).click()
    panel.get_by_role("button", name="Delete the conversation").click()
    expect(second.page).to_have_url(re.compile(r"/$"))
    expect(first.page.locator(".trouble")).to_contain_text("deleted in another tab")
