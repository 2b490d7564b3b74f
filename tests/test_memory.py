"""What fits the window: whole turns, newest first kept, the role never leaves, sums that are exact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webbot import memory
from webbot.errors import TooLong
from webbot.memory import Budget, Held
from webbot.messages import Message, SeenFile

BUDGET = Budget(context=1000, opening=2, frame=3)


def past(*costs, budget=BUDGET):
    """Turns whose question and answer have so many tokens each."""
    messages = []
    for question, answer in costs:
        number = len(messages) + 1
        messages.append(Message(role="user", text="q", id=f"m{number}", number=number, tokens=question))
        messages.append(Message(role="assistant", text="a", id=f"m{number + 1}", number=number + 1, tokens=answer))
    return memory.turns(messages, budget)


def test_everything_is_kept_while_it_fits():
    window = memory.fit(10, past((5, 7), (20, 30)), 8, BUDGET)
    assert window.kept == ("m1", "m2", "m3", "m4")
    assert (window.role, window.memory, window.question) == (15, 5 + 7 + 20 + 30 + 12, 11)
    assert window.reserve == 1000 - 15 - 74 - 11
    assert window.memory_limit == 750 - 15


def test_whole_turns_leave_oldest_first_down_to_the_low_water_mark():
    turns = past(*[(44, 50)] * 8)  # 100 tokens each with their frames
    window = memory.fit(0, turns, 10, BUDGET)
    assert window.kept[0] == "m7", "748 is full: cut to three quarters of it, five turns"
    assert window.memory == 500
    assert window.first == 7


def test_a_long_question_pushes_memories_out_but_not_the_role():
    turns = past(*[(44, 50)] * 7)
    assert len(memory.fit(50, turns, 10, BUDGET).kept) == 2 * 5, "652 is the limit beside the role"
    window = memory.fit(50, turns, 800, BUDGET)
    assert window.kept == ("m13", "m14")
    assert window.role == 55
    assert window.reserve >= BUDGET.least_answer


def test_a_question_that_cannot_fit_is_refused_with_both_numbers():
    with pytest.raises(TooLong, match="The question has 990 tokens; 964 fit"):
        memory.fit(0, [], 990, BUDGET)
    memory.fit(0, [], 964, BUDGET)


def test_a_role_may_take_a_quarter():
    memory.check_role(245, BUDGET)
    with pytest.raises(TooLong, match="246 tokens; 245"):
        memory.check_role(246, BUDGET)


def test_unanswered_and_running_turns_are_no_memories():
    messages = [
        Message(role="user", text="lost", id="1", number=1, tokens=1),
        Message(role="assistant", text="", id="2", number=2, tokens=0, status="failed"),
        Message(role="user", text="asked", id="3", number=3, tokens=1),
        Message(role="assistant", text="partly", id="4", number=4, tokens=1, status="stopped"),
        Message(role="user", text="now", id="5", number=5, tokens=1),
        Message(role="assistant", text="gro", id="6", number=6, tokens=1, status="streaming"),
    ]
    assert [turn.question.id for turn in memory.turns(messages, BUDGET)] == ["3"]


def test_files_and_pinned_turns_take_from_memory_and_stay():
    turns = past(*[(44, 50)] * 8)
    held = Held(files=120, seen_files=(SeenFile(id="f", name="a.txt", tokens=100, whole=900),), turns=turns[1:2])
    window = memory.fit(0, turns, 10, BUDGET, held)
    assert (window.held_limit, window.memory_limit) == (374, 748 - 220)
    assert (window.files, window.pinned, window.held) == (120, 100, ("m3", "m4"))
    assert window.kept[0] == "m11", "700 tokens of the others are over 528: cut to three quarters of that"
    assert window.role + window.files + window.pinned + window.memory + window.question + window.reserve == 1000
    assert not set(window.kept) & set(window.held)
    assert window.seen_files == held.seen_files


def test_a_pinned_turn_leaves_no_gap_in_what_is_remembered():
    turns = past(*[(10, 10)] * 4)
    window = memory.fit(0, turns, 10, BUDGET, Held(turns=turns[2:3]))
    assert window.kept == ("m1", "m2", "m3", "m4", "m7", "m8")


def test_of_pinned_turns_that_do_not_fit_the_newest_stay():
    turns = past((10, 84), (10, 34), (10, 84), (10, 34))
    assert [turn.question.id for turn in memory.pinned(turns, 140)] == ["m3", "m7"], "100 is too much beside the newest one's 50"
    assert memory.pinned(turns, 300) == turns
    assert memory.pinned(turns, 0) == []


def test_a_long_question_does_not_push_out_what_is_held():
    turns = past(*[(44, 50)] * 3)
    held = Held(files=200, turns=turns[:1])
    with pytest.raises(TooLong, match="The question has 700 tokens; 664 fit beside the files and the pinned messages"):
        memory.fit(0, turns, 700, BUDGET, held)
    assert memory.fit(0, turns, 660, BUDGET, held).held == ("m1", "m2")


def test_a_role_that_fills_the_window_is_told_before_anything_is_asked():
    with pytest.raises(TooLong, match="The role has 990 tokens; 964 fit"):
        memory.fit(990, [], None, BUDGET)


COSTS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=30)


@given(
    COSTS, st.sets(st.integers(0, 29)), st.integers(0, 200), st.none() | st.integers(1, 1200), st.integers(64, 4000),
    st.integers(0, 2000),
)
def test_the_window_never_overflows_and_keeps_a_suffix(costs, pins, role, question, context, files):
    budget = Budget(context, 2, 3)
    turns = past(*costs, budget=budget)
    limit = budget.held_limit(budget.role(role))
    pinned = memory.pinned([turns[number] for number in sorted(pins) if number < len(turns)], limit)
    held = Held(files=min(files, limit - sum(turn.cost for turn in pinned)), turns=pinned)
    try:
        window = memory.fit(role, turns, question, budget, held)
    except TooLong:
        room = context - budget.role(role) - budget.least_answer - held.cost
        assert (0 if question is None else budget.cost(question)) > room
        return
    assert window.role + window.files + window.pinned + window.memory + window.question + window.reserve == context
    assert window.memory <= window.memory_limit
    assert window.files + window.pinned <= window.held_limit
    assert window.reserve >= budget.least_answer
    assert set(window.held) == {m.id for turn in pinned for m in (turn.question, turn.answer)}
    ids = [m.id for turn in turns for m in (turn.question, turn.answer) if m.id not in window.held]
    assert list(window.kept) == ids[len(ids) - len(window.kept):], "the newest of those that may leave, without a gap"
    assert len(window.kept) % 2 == 0


@given(COSTS, st.sets(st.integers(0, 29)), st.integers(0, 100))
def test_what_is_cut_after_the_reply_still_fits_the_next_turn(costs, pins, role):
    turns = past(*costs)
    limit = BUDGET.held_limit(BUDGET.role(role))
    held = Held(turns=memory.pinned([turns[number] for number in sorted(pins) if number < len(turns)], limit))
    kept = memory.after_reply(role, turns, BUDGET, held)
    window = memory.fit(role, kept, 100, BUDGET, held)
    assert len(window.kept) == 2 * len(kept), "no turn waits for a cut, unless its question is long"
