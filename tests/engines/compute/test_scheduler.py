"""What is computed next: pure policy, no model."""

import pytest

from webbot.engines.compute.answer import Answer
from webbot.engines.compute.pages import Pages
from webbot.engines.compute.scheduler import Scheduler
from webbot.errors import NoMemory, TooMany

SIZE = 4


def make(rows=4, pages=64, queue=8, queue_owner=8):
    return Scheduler(rows, Pages(pages, SIZE), queue, queue_owner)


def answer(prompt=(1, 2, 3), owner="", limit=50, **more):
    return Answer(prompt=list(prompt), owner=owner, limit=limit, **more)


def submit(scheduler, *answers):
    for one in answers:
        scheduler.submit(one)
    return answers[0]


def step(scheduler, budget=1000, token=7):
    """Does one step, in which each answer writes `token`: what was computed of which answer."""
    made = scheduler.next(budget)
    if made is None:
        return {}
    scheduler.advance(made)
    for part in made.parts:
        scheduler.settle(part, [token] if part.chooses else [])
    return {part.answer: part.size for part in made.parts}


def done(scheduler, one, steps=1):
    for _ in range(steps):
        step(scheduler)
    scheduler.finish(one)
    return one


# Who waits

def test_owners_that_wait_are_served_in_turn():
    scheduler = make(rows=1)
    submit(scheduler, *[answer(owner="alice") for _ in range(5)], answer(owner="bob"))
    served = []
    for _ in range(6):
        step(scheduler)
        served.append(scheduler.active[0].owner)
        scheduler.finish(scheduler.active[0])
    assert served.index("bob") == 1


def test_a_full_queue_refuses_at_once():
    scheduler = make(rows=2, queue=1, queue_owner=1)
    submit(scheduler, answer(), answer())
    step(scheduler)
    submit(scheduler, answer())
    with pytest.raises(TooMany) as refusal:
        scheduler.submit(answer())
    assert refusal.value.retry_after


def test_one_owner_cannot_fill_the_queue():
    scheduler = make(rows=1, queue=10, queue_owner=2)
    submit(scheduler, answer(owner="alice"))
    step(scheduler)
    submit(scheduler, answer(owner="alice"), answer(owner="alice"))
    with pytest.raises(TooMany):
        scheduler.submit(answer(owner="alice"))
    submit(scheduler, answer(owner="bob"))


def test_without_a_queue_the_free_rows_still_serve():
    scheduler = make(rows=2, queue=0, queue_owner=1)
    submit(scheduler, answer(), answer())
    with pytest.raises(TooMany):
        scheduler.submit(answer())


def test_what_follows_an_answer_finds_its_place_in_a_full_queue():
    scheduler = make(rows=1, queue=0)
    submit(scheduler, answer(reads=True, limit=0))
    scheduler.submit(answer(reads=True, limit=0), again=True)
    assert scheduler.waiting == 2


def test_a_prompt_that_never_fits_is_refused():
    scheduler = make(pages=2)
    with pytest.raises(NoMemory):
        scheduler.submit(answer(range(9)))
    assert scheduler.waiting == 0


def test_an_answer_ends_where_all_pages_end():
    scheduler = make(pages=2)
    one = submit(scheduler, answer(range(6), limit=50))
    assert one.limit == 3  # the last token is not computed any more
    for _ in range(3):
        step(scheduler)
    assert len(one.written) == 3
    assert scheduler.next(10) is None


def test_cancelled_answers_leave_the_queue_and_their_pages():
    scheduler = make(rows=1)
    working, waiting = answer(), answer()
    submit(scheduler, working, waiting)
    step(scheduler)
    waiting.cancelled = working.cancelled = True
    assert scheduler.next(10) is None
    assert (scheduler.active, scheduler.waiting, scheduler.pages.used) == ([], 0, 0)


# What a step computes

def test_prompts_are_read_beside_answers_that_write():
    scheduler = make()
    writing = submit(scheduler, answer())
    step(scheduler)
    reading = submit(scheduler, answer(range(30)))
    assert [step(scheduler, 10) for _ in range(4)] == [
        {writing: 1, reading: 10}, {writing: 1, reading: 10}, {writing: 1, reading: 10}, {writing: 1, reading: 1},
    ]


def test_a_long_prompt_and_short_ones_both_get_on():
    scheduler = make(rows=8)
    long = submit(scheduler, answer(range(100)))
    step(scheduler, 20)
    middle, short = answer(range(200, 290)), answer(range(300, 306))
    submit(scheduler, middle, short)
    assert step(scheduler, 20) == {long: 10, short: 6, middle: 4}
    assert step(scheduler, 20) == {short: 1, long: 10, middle: 10}


def test_a_part_chooses_at_the_end_of_the_prompt():
    scheduler = make()
    submit(scheduler, answer(range(10)))
    parts = []
    for _ in range(3):
        made = scheduler.next(6)
        scheduler.advance(made)
        (part,) = made.parts
        scheduler.settle(part, [7] if part.chooses else [])
        parts.append((part.start, part.stop, part.chooses, made.decodes))
    assert parts == [(0, 6, False, False), (6, 10, True, False), (10, 11, True, True)]


def test_a_step_can_be_launched_before_the_tokens_of_the_last_one_are_known():
    scheduler = make()
    one = submit(scheduler, answer(limit=3))
    steps = []
    for number in range(3):
        made = scheduler.next(10)
        scheduler.advance(made)
        steps.append(made)
        if number:
            scheduler.settle(steps[-2].parts[0], [10 + number])
    assert [(made.parts[0].start, made.parts[0].stop) for made in steps] == [(0, 3), (3, 4), (4, 5)]
    assert scheduler.next(10) is None  # its limit is reached with what is in flight
    scheduler.settle(steps[-1].parts[0], [13])
    assert (one.written, one.pending, one.cached) == ([11, 12, 13], 0, 5)


def test_what_settles_after_the_end_is_ignored():
    scheduler = make()
    one = submit(scheduler, answer())
    step(scheduler)
    late = scheduler.next(10)
    scheduler.advance(late)
    scheduler.finish(one)
    scheduler.settle(late.parts[0], [9])
    scheduler.finish(one)
    assert (one.written, scheduler.pages.used, scheduler.active) == ([7], 0, [])


# What is shared

def test_the_next_turn_finds_what_was_computed_and_computes_its_last_token():
    scheduler = make()
    first = done(scheduler, submit(scheduler, answer(range(8), owner="alice")), 5)
    second = submit(scheduler, answer([*first.prompt, *first.written], owner="alice"))
    assert step(scheduler) == {second: 1}
    assert second.found == 12
    again = submit(scheduler, answer(range(8), owner="alice"))
    assert step(scheduler) == {second: 1, again: 4}
    assert (scheduler.pages.asked, scheduler.pages.found) == (8 + 13 + 8, 12 + 4)


def test_nothing_is_found_by_others_but_what_is_common():
    scheduler = make()
    done(scheduler, submit(scheduler, answer(range(10), owner="alice", common=5)))
    bob = submit(scheduler, answer(range(10), owner="bob", common=5))
    step(scheduler)
    assert bob.found == 4


@pytest.mark.parametrize("kind", [{"shares": False}, {"reads": True, "limit": 0}], ids=["not shared", "read"])
def test_some_answers_leave_nothing_and_find_nothing(kind):
    scheduler = make()
    done(scheduler, submit(scheduler, answer(range(10), **kind)))
    assert (scheduler.pages.used, scheduler.pages.kept) == (0, 0)
    done(scheduler, submit(scheduler, answer(range(10))))
    again = submit(scheduler, answer(range(10), **kind))
    step(scheduler)
    assert again.found == 0


def test_what_two_read_at_the_same_time_is_kept_once():
    scheduler = make()
    first, second = answer(range(9)), answer(range(9))
    submit(scheduler, first, second)
    step(scheduler)
    assert not set(first.pages) & set(second.pages)
    scheduler.finish(first)
    scheduler.finish(second)
    assert scheduler.pages.kept == 2


def test_a_beginning_that_two_had_read_is_kept_as_long_as_what_follows_it():
    scheduler = make(pages=10)
    first, second = answer(range(9)), answer(range(13))
    submit(scheduler, first, second)
    step(scheduler)
    scheduler.finish(first)
    scheduler.finish(second)
    scheduler.pages.take(8)
    again = submit(scheduler, answer(range(6)))
    step(scheduler)
    assert again.found == 4


# Where pages run out

def test_who_does_not_fit_beside_the_others_waits():
    scheduler = make(pages=8)
    writing = submit(scheduler, answer(range(12)))
    step(scheduler)
    waiting = submit(scheduler, answer(range(100, 120)))
    assert list(step(scheduler)) == [writing]
    assert (scheduler.active, scheduler.waiting) == ([writing], 1)
    scheduler.finish(writing)
    assert list(step(scheduler)) == [waiting]


def test_the_youngest_gives_way_and_goes_on_first():
    scheduler = make(pages=6)
    old, young, later = answer(range(6), limit=16), answer(range(100, 106), limit=8), answer(range(200, 203), limit=2)
    submit(scheduler, old, young, later)
    order, written = [], {}
    while scheduler.active or scheduler.waiting:
        step(scheduler, token=len(order))
        for one in scheduler.active:
            if len(one.written) == one.limit:
                order.append(one)
                scheduler.finish(one)
                written[one] = len(one.written)
        assert old in scheduler.active or old in order
    assert scheduler.preempted
    assert order == [old, young, later]
    assert scheduler.pages.used == 0


def test_no_older_one_gives_way():
    scheduler = make(pages=9)
    ages = [answer(range(start, start + 6)) for start in (0, 100, 200)]
    submit(scheduler, *ages)
    while not scheduler.preempted:
        step(scheduler)
    assert [len(one.pages) > 0 for one in ages] == [True, True, False]
    while scheduler.preempted < 2:
        step(scheduler)
    assert scheduler._put_off == ages[1:]


def test_who_gave_way_finds_its_pages_again():
    scheduler = make(pages=8)
    old, young = answer(range(11), limit=20), answer(range(100, 110), limit=20)
    submit(scheduler, old, young)
    while not scheduler.preempted:
        step(scheduler)
    assert young.pages == []
    scheduler.finish(old)
    age = young.age
    before = young.total
    (part,) = scheduler.next(100).parts
    assert part.answer is young
    assert part.start >= 8 and part.stop == before
    assert (young.age, young.found, scheduler.pages.asked) == (age, 0, 21)  # it has begun once


def test_what_was_in_flight_when_an_answer_gave_way_still_counts():
    scheduler = make(pages=5)
    old, young = answer(range(7)), answer([100, 101])
    submit(scheduler, old, young)
    flight, written = None, 0
    while not scheduler.preempted:
        before, flight = flight, scheduler.next(100)
        scheduler.advance(flight)
        written += len(flight.parts) == 2
        for part in before.parts if before is not None and not scheduler.preempted else []:
            scheduler.settle(part, [8])
    (late,) = [part for part in before.parts if part.answer is young]
    assert young.pending == 1
    scheduler.settle(late, [9])
    assert young.written == [8] * (written - 1) + [9]
    assert (young.cached, young.pages, young.pending) == (0, [], 0)


def test_what_the_pages_hold_can_be_void_while_answers_go_on():
    scheduler = make()
    one = submit(scheduler, answer(range(10)))
    step(scheduler)
    scheduler.forget()
    assert scheduler.pages.kept == 0
    assert step(scheduler) == {one: 11}


# What only fills the cache, and what is read for its meaning

def test_the_background_yields_at_once_and_goes_on_where_it_was():
    scheduler = make()
    filling = submit(scheduler, *[answer(range(40), limit=0, background=True) for _ in range(2)])
    assert step(scheduler, 10) == {filling: 10}
    asked = submit(scheduler, answer(range(100, 103)))
    assert step(scheduler, 10) == {asked: 3}
    assert scheduler.pages.used == 1
    scheduler.finish(asked)
    made = scheduler.next(100)
    assert [(part.answer, part.start, part.stop, part.chooses) for part in made.parts] == [(filling, 8, 40, False)]


def test_a_question_finds_what_the_background_has_read():
    scheduler = make()
    done(scheduler, submit(scheduler, answer(range(16), limit=0, background=True)))
    asked = submit(scheduler, answer(range(20)))
    assert step(scheduler) == {asked: 4}


def test_a_full_background_takes_no_place_from_answers():
    scheduler = make(rows=1, queue=0)
    submit(scheduler, answer(limit=0, background=True))
    with pytest.raises(TooMany):
        scheduler.submit(answer(limit=0, background=True))
    submit(scheduler, answer())


def test_texts_that_are_read_take_turns_with_answers():
    scheduler = make()
    writing, first, second = answer(), answer(range(10), reads=True, limit=0), answer(range(30), reads=True, limit=0)
    submit(scheduler, writing, first, second)
    steps = []
    for _ in range(4):
        made = scheduler.next(20)
        scheduler.advance(made)
        for part in made.parts:
            scheduler.settle(part, [7] if part.chooses else [])
        steps.append((made.reads, {part.answer for part in made.parts}))
    assert steps == [(True, {first, second}), (False, {writing}), (True, {second}), (False, {writing})]


def test_a_text_that_is_read_does_not_give_way():
    scheduler = make(pages=6)
    old, text = answer(range(7), limit=17), answer(range(9), reads=True, limit=0)
    submit(scheduler, old)
    step(scheduler)
    submit(scheduler, text)
    seen = []
    while text.cached < 9:
        seen.append(step(scheduler, 1).get(text, 0))
    assert sum(seen) == 9
    assert scheduler.next(1) is None  # the other one has no room to go on
    scheduler.finish(text)
    assert list(step(scheduler, 1)) == [old]


# Guesses

def guessing(scheduler, limit=50, drafts=4):
    one = submit(scheduler, answer([1, 2, 3, 4, 5, 6, 1, 2], limit=limit, drafts=drafts))
    step(scheduler, token=3)
    made = scheduler.next(100)
    scheduler.advance(made)
    return one, made.parts[0]


def test_guesses_that_are_right_are_computed():
    scheduler = make()
    one, part = guessing(scheduler)
    assert (part.draft, part.size) == ((4, 5, 6, 1), 5)
    assert scheduler.next(100) is None  # where it goes on is not known yet
    scheduler.settle(part, [4, 5, 9])
    assert (one.written, one.cached) == ([3, 4, 5, 9], 11)
    assert scheduler.next(100).parts[0].start == 11


def test_guesses_in_flight_are_given_up_with_what_the_pages_hold():
    scheduler = make()
    one, _ = guessing(scheduler)
    scheduler.forget()
    assert step(scheduler)[one] == 9


def test_guesses_in_flight_count_where_their_pages_are_gone():
    scheduler = make()
    one, part = guessing(scheduler)
    scheduler._preempt(one)
    scheduler.pages.forget()
    scheduler.settle(part, [4, 5, 9])
    assert (one.written, one.cached) == ([3, 4, 5, 9], 0)
    assert step(scheduler)[one] == 12


def test_no_more_is_guessed_than_can_be_written():
    assert guessing(make(), limit=3)[1].draft == (4,)


def test_nobody_gives_way_for_guesses():
    scheduler = make(pages=4)
    scheduler.pages.take(1)
    one, part = guessing(scheduler)
    assert part.draft == (4, 5, 6)
    assert len(one.pages) == 3


def test_rows_share_what_may_be_guessed_and_nothing_is_guessed_beside_a_prompt():
    scheduler = make()
    several = [answer([1, 2, 3, 4, 5, 6, owner, 1, 2], drafts=5) for owner in (7, 8)]
    submit(scheduler, *several)
    step(scheduler, token=3)
    assert [len(part.draft) for part in scheduler.next(100).parts] == [2, 2]
    submit(scheduler, answer(range(20)))
    assert [len(part.draft) for part in scheduler.next(100).parts] == [0, 0, 0]
