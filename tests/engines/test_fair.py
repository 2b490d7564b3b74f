"""The line in front of an engine: who works, who waits and is told so, who is refused."""

import subprocess
import sys
import threading
import time

import pytest

from tests.engines.conftest import messages, until
from webbot.engines import fair_line
from webbot.engines.base import Embeddings, EngineState
from webbot.engines.echo import EchoEngine
from webbot.engines.fair import SHORT_CHARACTERS, FairEngine
from webbot.engines.fair_line import Pace
from webbot.engines.ondemand import OnDemandEngine
from webbot.errors import TooLong, TooMany, Unavailable
from webbot.messages import Delta, Finished, Options, Queued

LONG = "word " * (SHORT_CHARACTERS // 4)


class Held(EchoEngine):
    """An echo that answers each owner once it is let go, and makes vectors. `began` are the owners in their order."""

    def __init__(self, status="ready", parallel=0):
        super().__init__()
        self.began, self.free, self.status, self.together = [], threading.Event(), status, parallel
        self.closed = False

    def state(self):
        return EngineState(name="held", status=self.status, context=8192, tokenizer="echo", parallel=self.together,
                           abilities=super().state().abilities)

    def answer(self, messages, options, *, owner=""):
        self.began.append(owner)
        with self._working():
            while not self.free.is_set():
                yield Delta("")
        yield from super().answer(messages, options, owner=owner)

    def embedding(self, texts, *, owner=""):
        self.began.append(owner)
        yield None
        yield Embeddings([[1.0]] * len(texts), 3)

    def close(self):
        self.closed = True


@pytest.fixture
def held():
    return Held()


@pytest.fixture(autouse=True)
def nobody_left():
    yield
    while ASKING:
        ASKING.pop().leave()


def fair(engine, parallel=1, queue=64, queue_owner=8, **given):
    return FairEngine(engine, parallel, queue, queue_owner, **given)


ASKING = []


class Asking:
    """One that asks and has its place from now on, until the end of the test."""

    def __init__(self, engine, owner, text="Hello", **options):
        self.parts = engine.answer(messages(text, role=""), Options(**options), owner=owner)
        self.first = next(self.parts)
        ASKING.append(self)

    def step(self):
        return next(self.parts)

    def leave(self):
        self.parts.close()

    def rest(self):
        found = list(self.parts)
        assert isinstance(found[-1], Finished)
        return "".join(part.text for part in found if isinstance(part, Delta))


def began(held, askers):
    """The owners in the order in which they are answered, once the model is let go."""
    held.free.set()
    threads = [threading.Thread(target=asking.rest, daemon=True) for asking in askers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return held.began


def test_whoever_waits_is_told_its_position_and_that_the_wait_is_over(held):
    engine = fair(held)
    one, two, three = (Asking(engine, owner, LONG) for owner in "ABC")
    assert one.first == Delta("")
    assert (two.first, three.first) == (Queued(1, 5.0), Queued(2, 10.0))
    assert two.step() == Delta(""), "a sign of life, for nothing has changed"
    one.leave()
    found = [two.step() for _ in range(3)]
    assert Queued(0, 0.0) in found and held.began == ["A", "B"]
    assert any(part.position == 1 for part in (three.step() for _ in range(3)) if isinstance(part, Queued))
    state = engine.state()
    assert (state.working, state.waiting, engine.busy(), state.name) == (1, 1, 2, "held")
    held.free.set()
    assert two.rest() == LONG and three.rest() == LONG
    assert (engine.state().working, engine.state().waiting, engine.busy()) == (0, 0, 0)


def test_an_answer_that_need_not_wait_is_as_the_engine_gives_it(held):
    held.free.set()
    found = list(fair(held).answer(messages("Hello there", role=""), Options(), owner="A"))
    assert [part.text for part in found[:-1]] == ["Hello", " there"] and isinstance(found[-1], Finished)


def test_owners_take_turns(held):
    engine = fair(held)
    askers = [Asking(engine, owner, LONG) for owner in "AAABBC"]
    assert began(held, askers) == list("ABCABA")


def test_what_was_spoken_and_what_is_short_goes_before_long_texts(held):
    engine = fair(held)
    askers = [Asking(engine, "A", LONG), Asking(engine, "B", LONG), Asking(engine, "B", LONG, spoken=True)]
    askers += [Asking(engine, "C"), Asking(engine, "D", LONG)]
    assert askers[2].first.position == 1, "in its own line, too"
    assert began(held, askers) == list("ABCDB")


def test_background_work_waits_for_everybody(held):
    engine = fair(held, background={"titles"})
    askers = [Asking(engine, "A"), Asking(engine, "titles"), Asking(engine, "B", LONG), Asking(engine, "A", LONG)]
    assert began(held, askers) == ["A", "B", "A", "titles"]


def test_the_bounds_of_an_owner_and_of_all(held):
    engine = fair(held, queue=3, queue_owner=2)
    Asking(engine, "A")
    waiting = [Asking(engine, "A"), Asking(engine, "A")]
    with pytest.raises(TooMany, match="2 questions of yours") as own:
        Asking(engine, "A")
    assert (own.value.code, own.value.retry_after, own.value.status) == ("queue_full", 5, 429)
    waiting.append(Asking(engine, "B"))
    with pytest.raises(TooMany, match="Too many answers") as everybody:
        Asking(engine, "C")
    assert (everybody.value.code, everybody.value.retry_after) == ("queue_full", 20)
    for ask in (lambda: engine.room("A"), lambda: engine.room("C"), lambda: next(engine.embedding(["x"], owner="C"))):
        with pytest.raises(TooMany):
            ask()
    waiting.pop().leave()
    engine.room("C")
    with pytest.raises(TooMany):
        engine.room("D")  # the place is kept
    Asking(engine, "C")


def test_a_kept_place_counts_until_it_is_taken_or_too_old(held, monkeypatch):
    engine = fair(held, queue_owner=1)
    for _ in range(2):  # one to work, one to wait
        engine.room("A")
    with pytest.raises(TooMany):
        engine.room("A")
    Asking(engine, "A")
    with pytest.raises(TooMany):
        engine.room("A")
    monkeypatch.setattr(fair_line.time, "monotonic", lambda: time.perf_counter() + 1e6)
    engine.room("A")


def test_places_stay_kept_while_the_model_loads(monkeypatch):
    held = Held("loading")
    engine = fair(held, queue_owner=1)
    for _ in range(2):
        engine.room("A")
    monkeypatch.setattr(fair_line, "KEPT_SECONDS", -1)
    engine.line._kept = [(0.0, owner) for _, owner in engine.line._kept]
    with pytest.raises(TooMany):
        engine.room("A")
    held.status = "ready"
    engine.room("A")


def test_ten_thousand_are_refused_and_leave_nothing_behind(held):
    engine = fair(held)
    askers = [Asking(engine, "alice") for _ in range(9)]
    took = []
    for _ in range(10_000):
        begun = time.perf_counter()
        with pytest.raises(TooMany):
            next(engine.answer(messages("x"), Options(), owner="alice"))
        took.append(time.perf_counter() - begun)
    assert sorted(took)[9_900] < 0.1
    assert (engine.state().working, engine.state().waiting, len(engine.line._kept)) == (1, 8, 0)
    bob = Asking(engine, "bob")
    assert bob.first.position == 1, "and bob waits for the one answer that is in work"
    assert began(held, [*askers, bob])[:3] == ["alice", "bob", "alice"]


def test_whoever_leaves_makes_room_at_once(held):
    engine = fair(held)
    one, two, three = (Asking(engine, owner) for owner in "ABC")
    two.leave()
    assert engine.state().waiting == 1
    one.leave()
    assert Queued(0, 0.0) in [three.step() for _ in range(3)] and engine.state().waiting == 0
    three.leave()
    assert engine.busy() == 0 and held.busy() == 0


def test_a_slow_reader_of_the_end_holds_nobody_up(held):
    held.free.set()
    engine = fair(held)
    one = engine.answer(messages("x", role=""), Options(), owner="A")
    while not isinstance(next(one), Finished):
        pass
    assert engine.state().working == 0
    assert "".join(part.text for part in list(engine.answer(messages("y", role=""), Options(), owner="B"))[:-1]) == "y"
    one.close()
    assert engine.state().working == 0


def test_closing_sends_away_who_waits(held):
    engine = fair(held)
    Asking(engine, "A")
    waiting = Asking(engine, "B")
    engine.close()
    assert held.closed
    with pytest.raises(Unavailable) as gone:
        waiting.rest()
    assert gone.value.retry_after and held.began == ["A"]
    for ask in (lambda: engine.room("C"), lambda: Asking(engine, "C")):
        with pytest.raises(Unavailable):
            ask()


def test_vectors_and_plain_texts_stand_in_the_same_line(held):
    engine = fair(held)
    Asking(engine, "A").leave()
    one = Asking(engine, "A")
    vectors, text = engine.embedding(["x"], owner="B"), engine.complete("x", Options(), owner="C")
    assert next(vectors) is None and next(text).position == 2
    assert next(vectors) is None
    one.leave()
    assert [part for part in vectors if part] == [Embeddings([[1.0]], 3)]
    assert held.began == ["A", "A", "B"]
    assert isinstance(list(text)[-1], Finished)


def test_an_engine_with_less_room_is_given_less():
    held = Held(parallel=2)
    engine = fair(held, parallel=8)
    assert [type(Asking(engine, owner).first) for owner in "ABC"] == [Delta, Delta, Queued]


def test_a_model_that_is_lost_while_others_wait_is_awaited(held):
    engine = fair(held)
    one, two = Asking(engine, "A"), Asking(engine, "B")
    held.status = "loading"
    one.leave()
    assert Queued(0, 0.0) in [two.step() for _ in range(3)]
    assert [two.step(), held.began] == [Delta(""), ["A"]]
    held.status = "ready"
    held.free.set()
    assert two.rest() == "Hello"


def test_a_model_stays_awake_while_somebody_waits_for_it(held):
    engine = OnDemandEngine(lambda: fair(held), EngineState(name="held", status="sleeping"))
    engine.room("A")  # it sleeps: nobody waits
    one, two = Asking(engine, "A"), Asking(engine, "B")
    assert not engine.sleep() and engine.state().waiting == 1
    one.leave()
    assert not engine.sleep()
    two.leave()
    assert engine.sleep() and held.closed


def test_the_pace_follows_what_jobs_take():
    pace = Pace()
    assert (pace.of("answer"), pace.of("embedding")) == (5.0, 1.0)
    pace.note("answer", 20.0)
    assert (pace.of("answer"), pace.of("embedding")) == (20.0, 1.0)
    for _ in range(40):
        pace.note("answer", 2.0)
    assert pace.of("answer") == pytest.approx(2.0, rel=0.01)
    assert pace.of("embedding") == 1.0


def test_what_fails_says_nothing_of_how_long_jobs_take(held):
    held.free.set()
    engine = fair(held)
    with pytest.raises(TooLong):
        list(engine.answer(messages("word " * 9000), Options(), owner="A"))
    assert (engine.state().working, engine.line._pace.of("answer")) == (0, 5.0)
    list(engine.answer(messages("x"), Options(), owner="A"))
    assert engine.line._pace.of("answer") < 1


def test_the_wait_is_shared_by_those_who_work_together(held):
    engine = fair(held, parallel=4)
    for owner in "ABCD":
        Asking(engine, owner)
    assert [Asking(engine, owner).first for owner in "EFGH"] == [Queued(n, round(n * 1.25, 1)) for n in (1, 2, 3, 4)]


GREENLETS = """
from gevent import monkey; monkey.patch_all()
import threading
import gevent
from tests.engines.conftest import messages
from webbot.engines.echo import EchoEngine
from webbot.engines.fair import FairEngine
from webbot.errors import TooMany
from webbot.messages import Finished, Options, Queued
everybody = threading.Event()
class Held(EchoEngine):
    def answer(self, *given, **more):
        everybody.wait()  # has asked before anything ends, however slow the machine is
        yield from super().answer(*given, **more)
engine, order, asked = FairEngine(Held(pause=0.001), 1, 64, 8), [], []
def ask(owner):
    asked.append(owner)
    try:
        parts = list(engine.answer(messages("one two three"), Options(), owner=owner))
    except TooMany:
        return "refused"
    assert isinstance(parts[-1], Finished)
    order.append(owner)
    return "waited" if any(isinstance(part, Queued) for part in parts) else "at once"
jobs = [gevent.spawn(ask, "alice") for _ in range(500)] + [gevent.spawn(ask, "bob")]
while len(asked) < 501 or engine.line.waiting < 9:
    gevent.sleep(0.01)
everybody.set()
gevent.joinall(jobs, raise_error=True)
found = [job.value for job in jobs]
print(found.count("at once"), found.count("waited"), found.count("refused"), order.index("bob"))
"""


@pytest.mark.slow
def test_the_line_serves_greenlets():
    ran = subprocess.run([sys.executable, "-c", GREENLETS], capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout.split() == ["1", "9", "491", "1"], ran.stderr


def test_threads_all_come_to_their_end():
    engine, ended = fair(EchoEngine(pause=0.001), parallel=3, queue_owner=64), []

    def ask(number):
        ended.append(list(engine.answer(messages("one two"), Options(), owner=str(number % 5)))[-1])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    until(lambda: len(ended) == 40, 20)
    for thread in threads:
        thread.join()
    assert (engine.state().working, engine.state().waiting, engine.busy()) == (0, 0, 0)
