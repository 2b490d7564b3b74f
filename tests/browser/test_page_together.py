"""One conversation on two devices: what happens on one is seen on the other, and a tab that was away gets what it missed."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.talk import BEFORE, Talk, idle
from tests.live.conftest import until
from tests.web.listing import talk as made

LONG = " ".join(f"w{number}" for number in range(500))  # ten seconds: time enough for what is done meanwhile


@pytest.fixture(scope="module")
def home(serve):
    """A server of a home: two browsers see the same conversations."""
    return serve(engine="echo", owner="home")


@pytest.fixture
def two(visit, home):
    """The same conversation on two devices."""
    first = visit(home, BEFORE)
    [key] = first.put_in(made("Ours", "hello", "hello"))
    first.open(f"/c/{key}")
    second = visit(home, f"/c/{key}", locale="en-GB")
    assert second.questions() == ["hello"]
    return first, second


def growing(talk):
    expect(talk.last).to_have_class(re.compile("streaming"))
    expect(talk.last.locator(".said")).to_contain_text("w5")


def stopped(two):
    """The second device stops the answer, and both have the same part of it."""
    two[1].page.locator("#halt").click()
    for talk in two:
        expect(talk.last.locator(".note")).to_have_text("Stopped here.")
    kept = {talk.said(talk.last) for talk in two}
    assert len(kept) == 1 and LONG.startswith(kept.pop())


def test_the_answer_grows_on_both_and_stop_on_one_stops_both(two, home):
    first, second = two
    first.begin(LONG)
    growing(second)
    expect(second.page.locator("#halt")).to_be_visible()
    stopped(two)
    for talk in two:
        expect(talk.page.locator("#send")).to_be_visible()
    idle(home)
    second.last.get_by_role("button", name="Go on").click()
    growing(first)
    first.page.keyboard.press("Escape")
    for talk in two:
        expect(talk.last.locator(".note")).to_have_text("Stopped here.")
    expect(first.turns).to_have_count(2)
    assert first.said(first.last) == second.said(second.last)


def test_the_list_of_the_other_device_is_told(two, home):
    first, _ = two
    third = Talk(first.page.context.new_page(), home, first.watch)
    third.page.goto("/")
    third.ask("something quite different")
    for talk in two:
        expect(talk.page.locator("#list a", has_text="something quite different").first).to_be_visible()


def test_a_reload_in_mid_answer_goes_on(two):
    first, second = two
    second.begin(LONG)
    growing(first)
    first.page.reload()
    growing(first)
    stopped(two)
    expect(first.turns).to_have_count(2)


def test_offline_and_back_in_mid_answer(two):
    """The network goes while the answer grows; it comes back before its end, and nothing is fetched anew."""
    first, second = two
    second.page.evaluate("""() => {
      window.heard = [];
      new MutationObserver((all) => all.forEach((one) => one.addedNodes.forEach((node) => heard.push(node.textContent))))
        .observe(document.getElementById("announced"), {childList: true});
    }""")
    second.page.evaluate("window.same = true")
    sentences = [f"This is the sentence number {number} of all." for number in range(30)]
    first.begin("\n\n".join(sentences))
    expect(second.last.locator(".said")).to_contain_text("number 3 ")
    second.page.context.set_offline(True)
    away(second)
    expect(first.last.locator(".said")).to_contain_text("number 12 ")
    second.page.context.set_offline(False)
    assert first.answer().split() == " ".join(sentences).split()
    assert second.answer().split() == " ".join(sentences).split()
    blocks = second.last.locator(".said > *")
    expect(blocks).to_have_count(30)
    expect(second.page.locator("#announced")).to_contain_text("number 29 of all.")
    assert second.page.evaluate("heard") == sentences, "each sentence once, in order"
    assert second.page.evaluate("window.same")


def away(talk):
    """The open stream of a page that is set offline stays open in Chromium: it is cut by hand."""
    talk.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")


def test_turns_that_were_missed_come_without_a_reload(two):
    first, second = two
    second.page.context.set_offline(True)
    away(second)
    first.ask("one that you missed")
    first.ask("and another one")
    first.begin(LONG)
    growing(first)
    second.page.context.set_offline(False)
    expect(second.turns).to_have_count(4)
    growing(second)
    stopped(two)
    assert second.questions() == first.questions()


def test_another_branch_meanwhile(two):
    first, second = two
    second.page.context.set_offline(True)
    away(second)
    edit(first, first.turns.first, "hello again")
    expect(first.turns.first.locator(".asked")).to_have_text("hello again")
    first.answer()
    second.page.context.set_offline(False)
    expect(second.turns.first.locator(".asked")).to_have_text("hello again")
    assert second.questions() == first.questions() == ["hello again"]
    assert second.answer() == "hello again"


def edit(talk, turn, text):
    turn.hover()
    turn.locator("details.edit summary").click()
    box = turn.get_by_label("Your question")
    box.fill(text)
    box.press("Enter")


def test_both_send_at_once(two):
    first, second = two
    for talk in two:
        talk.box.fill("from " + ("one" if talk is first else "two"))
    for talk in two:
        talk.page.evaluate("document.getElementById('composer').requestSubmit()")
    until(lambda: second.turns.count() == first.turns.count() >= 2, 10)
    first.answer(), second.answer()
    assert first.questions() == second.questions()
    refused = [talk for talk in two if talk.box.input_value()]
    assert len(refused) + len(first.questions()) == 3, "both were asked, or one came back into its box"


def test_earlier_turns_come_in_place(visit, home):
    talk = visit(home, BEFORE)
    [key] = talk.put_in(made("Long", *(text for number in range(53) for text in (f"q{number}", f"a{number}\n\nand more"))))
    talk.open(f"/c/{key}")
    expect(talk.turns).to_have_count(50)
    third = talk.page.locator(".turn", has_text="q3").first
    talk.page.evaluate("document.getElementById('talk').scrollTop = 40")
    before = third.bounding_box()["y"]
    talk.page.get_by_role("link", name="Earlier turns").click()
    expect(talk.turns).to_have_count(53)
    assert talk.questions()[:4] == ["q0", "q1", "q2", "q3"]
    assert abs(third.bounding_box()["y"] - before) < 70, "what is read stays there"
    expect(talk.page.get_by_role("link", name="Earlier turns")).to_have_count(0)
    expect(talk.page.locator(".turn.last")).to_have_count(1)


def test_a_question_being_edited_while_the_other_device_changes_its_turn(two):
    first, second = two
    second.turns.first.hover()
    second.turns.first.locator("details.edit summary").click()
    second.turns.first.get_by_label("Your question").fill("words that took long to write")
    edit(first, first.turns.first, "hello from elsewhere")
    expect(second.turns.first.locator(".asked")).to_have_text("hello from elsewhere")
    expect(second.box).to_have_value("words that took long to write")
    expect(second.page.locator("#troubles")).to_contain_text("changed in another tab")
