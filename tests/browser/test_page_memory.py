"""What the starter remembers, and what the page shows of it."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.model

WINDOW = 384  # tokens
LONG_WINDED = " I like to read, to walk and to sing." * 7
SMALL_TALK = (
    "What is the capital of France?" + LONG_WINDED, "What is 17 + 25?" + LONG_WINDED,
    "Tell me a story about a dragon", "What is the capital of France?", "What is 17 + 25?",
    "Tell me a story about a fox", "Write Python that prints ten squares", "Tell me a story about a robot",
)


@pytest.fixture(scope="module")
def starter(serve):
    """The starter with a window that is soon full, always taking the likeliest token."""
    return serve(engine="local", temperature="0", context=str(WINDOW), threads="1")


def meter(talk):
    """The rows of the memory's table, in tokens."""
    place = talk.page.locator("#memory")
    if not place.evaluate("each => each.open"):
        place.locator("summary").click()
    rows = place.locator("tr").all()
    return {row.locator("th").inner_text().strip(): int(row.locator("td").first.inner_text().replace(",", "")) for row in rows}


def check(talk):
    """The parts are the window, none is negative, and the bar has the widths of the parts."""
    parts = meter(talk)
    assert set(parts) == {"Role", "Files", "Pinned turns", "Memory", "Question", "Reserve", "Window"}
    assert parts["Window"] == WINDOW
    assert sum(parts.values()) == 2 * parts["Window"], parts
    assert min(parts.values()) >= 0 and parts["Role"] > 0 and parts["Reserve"] > 0
    widths = talk.page.locator(".meter rect").evaluate_all("all => all.map(each => each.width.baseVal.value)")
    shown = ("Role", "Files", "Pinned turns", "Memory", "Question")
    assert widths == pytest.approx([parts[name] * 100 / WINDOW for name in shown], abs=0.02)
    shown = talk.page.locator("#memory summary").inner_text()
    assert f"remembers {parts['Memory']} of" in shown
    return parts


def test_a_name_is_remembered(visit, starter):
    talk = visit(starter)
    talk.ask("My name is Zorbo.")
    assert "Paris" in talk.ask("What is the capital of France?")
    first = check(talk)
    assert "42" in talk.ask("What is 17 + 25?")
    assert "Zorbo" in talk.ask("What is my name?")
    expect(talk.page.locator(".forgotten, .edge")).to_have_count(0)
    assert check(talk)["Memory"] > first["Memory"]


def test_a_full_memory_forgets_the_name(visit, starter):
    talk = visit(starter)
    talk.ask("My name is Zorbo.")
    for asked in SMALL_TALK * 3:
        if talk.turns.first.evaluate("turn => turn.classList.contains('forgotten')"):
            break
        talk.ask(asked)
        check(talk)
    expect(talk.turns.first).to_have_class(re.compile("forgotten"))
    expect(talk.page.locator(".edge")).to_have_text("above this line the model no longer remembers")
    order = forgotten_and_edge(talk)
    assert order == sorted(order, key=["forgotten", "edge", "turn"].index), "forgotten turns stand above the line"
    expect(talk.turns.first.locator(".lost")).to_have_text("The model no longer remembers this.")
    answer = talk.ask("What is my name?")
    assert "Zorbo" not in answer
    assert re.search("haven't told|don't know", answer), answer
    marked = forgotten_and_edge(talk)
    talk.page.reload()
    assert forgotten_and_edge(talk) == marked, "the page as stored shows the same"
    check(talk)


def forgotten_and_edge(talk):
    """What stands in the conversation, from above: forgotten turns, the line, turns."""
    return talk.page.locator("#turns > *").evaluate_all(
        "all => all.map(each => ['forgotten', 'edge', 'turn'].find(name => each.classList.contains(name)))"
    )


def test_two_visitors_do_not_share_a_memory(visit, starter):
    first, second = visit(starter), visit(starter)
    first.begin("My name is Zorbo.")
    second.begin("My name is Mirela.")
    first.answer(), second.answer()
    first.begin("What is my name?")
    second.begin("What is my name?")
    assert "Zorbo" in first.answer()
    assert "Mirela" in second.answer()
