"""Who computes next: pure policy, no model."""

import pytest

from webbot.engines.llama_cpp.scheduler import Answer, Scheduler
from webbot.errors import TooMany


def answer(prompt=(1, 2, 3), owner=""):
    return Answer(prompt=list(prompt), limit=10, owner=owner)


def run(scheduler, *answers):
    """Submits answers, takes one step and says which answer has which slot."""
    for one in answers:
        scheduler.submit(one)
    copies, step = scheduler.next()
    return copies, step


def complete(scheduler, one, written=()):
    scheduler.advance(one, len(one.prompt) - one.cached)
    for token in written:
        one.written.append(token)
        scheduler.advance(one, 1)
    scheduler.finish(one)


def test_owners_that_wait_are_served_in_turn():
    scheduler = Scheduler(slots=1, queue=64, queue_owner=64)
    many = [answer(owner="alice") for _ in range(5)]
    one = answer(owner="bob")
    for each in [*many, one]:
        scheduler.submit(each)
    served = []
    for _ in range(6):
        scheduler.next()
        served.append(scheduler.active[0].owner)
        complete(scheduler, scheduler.active[0])
    assert served.index("bob") == 1


def test_a_full_queue_refuses_at_once():
    scheduler = Scheduler(slots=2, queue=1, queue_owner=1)
    run(scheduler, answer(), answer())
    scheduler.submit(answer())
    with pytest.raises(TooMany) as refusal:
        scheduler.submit(answer())
    assert refusal.value.retry_after


def test_one_owner_cannot_fill_the_queue():
    scheduler = Scheduler(slots=1, queue=10, queue_owner=2)
    run(scheduler, answer(owner="alice"))
    for _ in range(2):
        scheduler.submit(answer(owner="alice"))
    with pytest.raises(TooMany):
        scheduler.submit(answer(owner="alice"))
    scheduler.submit(answer(owner="bob"))


def test_without_a_queue_the_free_slots_still_serve():
    scheduler = Scheduler(slots=2, queue=0, queue_owner=1)
    scheduler.submit(answer())
    scheduler.submit(answer())
    with pytest.raises(TooMany):
        scheduler.submit(answer())


def test_prompts_and_answers_take_turns():
    scheduler = Scheduler(slots=3, queue=8, queue_owner=8)
    writing = answer()
    run(scheduler, writing)
    scheduler.advance(writing, 3)
    long, short = answer(range(1000, 2000)), answer(range(100))
    kinds = []
    for submitted in (long, short, None, None, None, None):
        if submitted is not None:
            scheduler.submit(submitted)
        _, step = scheduler.next()
        kinds.append((step.kind, [len(each.prompt) for each in step.answers]))
        scheduler.advance(step.answers[0], 10)
    assert [kind for kind, _ in kinds] == ["decode", "prefill"] * 3
    assert {lengths[0] for kind, lengths in kinds if kind == "prefill"} == {1000, 100}


def test_the_slot_with_the_longest_common_beginning_is_taken():
    scheduler = Scheduler(slots=3, queue=8, queue_owner=8)
    first, second = answer([1, 2, 3, 4]), answer([5, 6, 7, 8])
    run(scheduler, first, second)
    slot = second.slot
    complete(scheduler, first, [9])
    complete(scheduler, second, [9])
    third = answer([5, 6, 7, 8, 9, 10])
    copies, _ = run(scheduler, third)
    assert (third.slot, third.found, list(copies)) == (slot, 5, [])


def test_a_long_memory_is_not_overwritten_for_a_short_common_beginning():
    scheduler = Scheduler(slots=3, queue=8, queue_owner=8)
    first = answer([1, 2, *range(100, 200)])
    run(scheduler, first)
    slot = first.slot
    complete(scheduler, first)
    second = answer([1, 2, 3])
    copies, _ = run(scheduler, second)
    assert second.slot != slot
    assert [(copy.source, copy.target, copy.length) for copy in copies] == [(slot, second.slot, 2)]
    assert second.cached == 2


def test_the_slot_that_was_not_used_for_the_longest_time_is_given_away():
    scheduler = Scheduler(slots=2, queue=8, queue_owner=8)
    first, second = answer([1, 1, 1]), answer([2, 2, 2])
    run(scheduler, first, second)
    slot = second.slot
    complete(scheduler, second)
    complete(scheduler, first)
    third = answer([3, 3, 3])
    run(scheduler, third)
    assert third.slot == slot


def test_the_last_token_of_a_prompt_is_always_computed():
    scheduler = Scheduler(slots=1, queue=8, queue_owner=8)
    first = answer([1, 2, 3])
    run(scheduler, first)
    complete(scheduler, first)
    again = answer([1, 2, 3])
    run(scheduler, again)
    assert again.cached == 2


def test_a_cancelled_answer_leaves_the_queue_and_its_slot():
    scheduler = Scheduler(slots=1, queue=8, queue_owner=8)
    working, waiting = answer(), answer()
    run(scheduler, working, waiting)
    waiting.cancelled = working.cancelled = True
    copies, step = scheduler.next()
    assert step is None
    assert (scheduler.active, scheduler.waiting, list(copies)) == ([], 0, [])
