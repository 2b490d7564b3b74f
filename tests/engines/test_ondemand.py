"""A model that is loaded when it is asked, and leaves the memory when nobody asks."""

import threading
from contextlib import contextmanager

import pytest

from tests.engines.conftest import messages
from webbot.engines.base import EngineState
from webbot.engines.echo import EchoEngine
from webbot.engines.ondemand import OnDemandEngine
from webbot.errors import Unavailable
from webbot.messages import Delta, Options


class Counted(EchoEngine):
    """Knows how many of it are open."""

    opened = closed = 0

    def __init__(self, pause=0.0):
        super().__init__(pause=pause)
        type(self).opened += 1

    def close(self):
        type(self).closed += 1


@pytest.fixture
def made():
    class Own(Counted):
        opened = closed = 0

    return Own


@pytest.fixture
def sleeper(made):
    return OnDemandEngine(made, EngineState(name="Echo", status="sleeping"))


def text(events):
    return "".join(event.text for event in events if isinstance(event, Delta))


def test_it_sleeps_until_it_is_asked(sleeper, made):
    assert sleeper.state() == EngineState(name="Echo", status="sleeping")
    assert (made.opened, sleeper.busy(), sleeper.awake) == (0, 0, False)
    assert text(sleeper.answer(messages("Hello there"), Options())) == "Hello there"
    assert (made.opened, sleeper.state().status) == (1, "ready")


@pytest.mark.parametrize("ask", [
    lambda engine: engine.wake(), lambda engine: engine.count(["one two"]),
    lambda engine: list(engine.complete("one two", Options())), lambda engine: list(engine.answer(messages("one"), Options())),
])
def test_every_question_wakes_it_once(sleeper, made, ask):
    ask(sleeper)
    ask(sleeper)
    assert made.opened == 1


def test_it_sleeps_again_and_nothing_is_left(sleeper, made):
    sleeper.wake()
    assert sleeper.sleep()
    assert (made.closed, sleeper.state().status) == (1, "sleeping")
    assert text(sleeper.answer(messages("Hello"), Options())) == "Hello"
    assert made.opened == 2


def test_it_does_not_sleep_in_mid_answer(sleeper, made):
    answer = sleeper.answer(messages("one two three"), Options())
    next(answer)
    assert not sleeper.sleep()
    assert sleeper.idle_for() == 0
    answer.close()
    assert sleeper.sleep()
    assert made.closed == 1


def test_it_does_not_wait_for_who_is_being_woken(made):
    """Two models that make room for each other must not wait for each other."""
    waking, go_on = threading.Event(), threading.Event()

    @contextmanager
    def slowly():
        waking.set()
        go_on.wait(5)
        yield

    engine = OnDemandEngine(made, EngineState(name="Echo", status="sleeping"), slowly)
    thread = threading.Thread(target=engine.wake)
    thread.start()
    waking.wait(5)
    assert not engine.sleep()
    go_on.set()
    thread.join(5)
    assert engine.state().status == "ready"


@pytest.mark.parametrize(("later", "status"), [(5, "sleeping"), (None, "failed")])
def test_what_speaks_against_it_is_said_each_time(made, later, status):
    def refuse():
        raise Unavailable("No room.", retry_after=later)

    engine = OnDemandEngine(made, EngineState(name="Echo", status="sleeping"), refuse)
    for ask in (engine.wake, lambda: engine.count(["a"]), lambda: next(engine.answer(messages("a"), Options()))):
        with pytest.raises(Unavailable, match="No room"):
            ask()
    assert made.opened == 0 and engine.state().status == status
    assert engine.state().sentence == ("No room." if status == "failed" else "")


def test_a_closed_one_is_not_woken(sleeper, made):
    sleeper.wake()
    sleeper.close()
    assert made.closed == 1
    with pytest.raises(Unavailable):
        sleeper.wake()
    assert made.opened == 1
