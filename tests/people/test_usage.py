"""Limits a person: counted in the store by who somebody is, for a minute and for a day."""

import time

import pytest

from webbot.errors import TooMany
from webbot.people import People
from webbot.settings import load

NOON = 1_800_000_000 // 86_400 * 86_400 + 43_200.0  # a Friday at 12:00:00 UTC


@pytest.fixture
def clock(monkeypatch):
    """Sets the clock of everybody."""
    moment = [NOON]
    monkeypatch.setattr(time, "time", lambda: moment[0])
    return lambda seconds: moment.__setitem__(0, NOON + seconds)


def people(store, **settings):
    return People(store, load({}, access="invite", **settings))


def refused(usage, owner):
    with pytest.raises(TooMany) as problem:
        usage.ask(owner)
    return problem.value


def test_turns_of_a_minute(store, clock):
    known = people(store, turns_a_minute=2)
    ann = known.add("Ann of the minute")
    clock(20)
    known.usage.ask(ann.id)
    known.usage.ask(ann.id)
    problem = refused(known.usage, ann.id)
    assert problem.retry_after == 40
    assert str(problem) == "You may ask 2 questions in a minute; please go on in 40 s."
    clock(59.5)
    assert refused(known.usage, ann.id).retry_after == 1
    clock(60)
    known.usage.ask(ann.id)


def test_nobody_takes_another_ones_turns(store, clock):
    known = people(store, turns_a_minute=1)
    known.usage.ask("p-one")
    known.usage.ask("p-two")
    refused(known.usage, "p-one")


def test_another_web_process_counts_on(store, clock):
    people(store, turns_a_minute=1).usage.ask("p-everywhere")
    refused(people(store, turns_a_minute=1).usage, "p-everywhere")


def test_tokens_of_a_day(store, clock):
    known = people(store, tokens_a_day=100)
    ann = known.add("Ann of the day")
    known.usage.ask(ann.id)
    known.usage.used(ann.id, 60)
    known.usage.ask(ann.id)
    known.usage.used(ann.id, 60)
    assert known.usage.tokens_today(ann.id) == 120
    assert refused(known.usage, ann.id).retry_after == 43_200
    clock(43_200)
    known.usage.ask(ann.id)
    assert known.usage.tokens_today(ann.id) == 0


@pytest.mark.parametrize(("of_person", "held"), [(None, True), (0, False), (3, False), (1, True)])
def test_a_limit_of_a_person_comes_before_the_servers(store, clock, of_person, held):
    known = people(store, turns_a_minute=1)
    person = known.change(known.add(f"Person with {of_person}").id, turns_a_minute=of_person)
    known.usage.ask(person.id)
    if held:
        refused(known.usage, person.id)
    else:
        known.usage.ask(person.id)


def test_without_persons_each_session_has_the_servers_limit(store, clock):
    known = People(store, load({}, turns_a_minute=1))
    known.usage.ask("s-one")
    known.usage.ask("s-two")
    refused(known.usage, "s-one")


def test_without_limits_nothing_is_counted_but_the_tokens(store, clock, monkeypatch):
    known, added = people(store), []
    monkeypatch.setattr(store, "add_up", lambda key, amount, ends_at: added.append((amount, ends_at)) or amount)
    known.usage.ask("p-free")
    known.usage.used("p-free", 0)
    assert added == []
    known.usage.used("p-free", 7)
    assert added == [(7, NOON + 43_200)]
