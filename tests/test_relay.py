"""One contract for both kinds of channels; two RelayedChannels on one real Redis are two web processes."""

import dataclasses
import itertools
import random
import threading
import time
from contextlib import ExitStack, closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers import redis_server
from webbot import values
from webbot.channel import Channels, Lagging
from webbot.errors import Conflict, Unavailable
from webbot.messages import (
    Called,
    Cancelled,
    Delta,
    Failed,
    Finished,
    Message,
    Preparing,
    Queued,
    SeenFile,
    Started,
    Token,
    ToolCall,
    Usage,
    Window,
)
from webbot.news import Began, Changed, Gone, Heard, Listed, News, list_of
from webbot.relay import RelayedChannels, keys
from webbot.relay.connection import Health

SECONDS = 15.0
WINDOW = Window(context=512, role=3, memory=10, question=4, reserve=495, memory_limit=100, first=1, kept=("a", "b"),
                seen_files=(SeenFile(id="f", name="x.md", tokens=1, whole=2),))
numbers = itertools.count()


@pytest.fixture(scope="module")
def server():
    with redis_server() as running:
        yield running


@pytest.fixture
def open_process(server):
    """Opens the channels of one more web process."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(RelayedChannels(server.url())))


@pytest.fixture(params=["in one process", "relayed, in one", "relayed, in two"])
def pair(request, open_process):
    """(of the process that writes, of the one that listens)"""
    if request.param == "in one process":
        channels = Channels()
        return channels, channels
    writer = open_process()
    return (writer, open_process()) if request.param == "relayed, in two" else (writer, writer)


@pytest.fixture
def key():
    return f"conversation {next(numbers)} {random.random()}"


def began(answer="a1", text="", owner="me"):
    question = Message(role="user", text="Why?", id=f"q of {answer}", number=1, spoken={"seconds": 1.5})
    return Began(owner, question, Message(role="assistant", text=text, id=answer, number=2, status="streaming"), 0)


def until(condition, seconds=SECONDS):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def heard(listener, count=None, last=None):
    """The next news: so many, or up to the one `last` is true of. Pieces of an answer that came together are one."""
    found, end = [], time.monotonic() + SECONDS
    while (count is None or len(found) < count) and not (last and found and last(found[-1])):
        news = listener.next(0.2)
        if news is not None:
            found.append(news)
        assert time.monotonic() < end, found
    return found


def is_end(news):
    return isinstance(news, Heard) and isinstance(news.event, Finished | Failed | Cancelled)


def text_of(found, answer="a1"):
    return "".join(n.event.text for n in found if isinstance(n, Heard) and n.answer == answer and isinstance(n.event, Delta))


def finished(answer="a1"):
    return Heard(answer, Finished("stop", Usage(prompt_tokens=3, seconds=0.5)))


def write(channels, key, pieces, answer="a1"):
    """A whole turn as a reply tells it."""
    channels.claim(key)
    channels.post(key, began(answer))
    channels.post(key, Heard(answer, Started(WINDOW)))
    for piece in pieces:
        channels.post(key, Heard(answer, Delta(piece)))
    channels.release(key)
    channels.post(key, finished(answer))


# the contract


def test_whoever_listens_hears_everything_in_order(pair, key):
    writer, other = pair
    with other.listen(key) as (listener, running):
        assert running is None
        write(writer, key, ["On", "ce ", "upon ", "a time"])
        found = heard(listener, last=is_end)
    assert found[:2] == [began(), Heard("a1", Started(WINDOW))]
    assert text_of(found) == "Once upon a time"
    assert found[-1] == finished()
    until(lambda: writer.running(key) is None and other.running(key) is None)


def test_a_newcomer_gets_the_answer_as_it_stands_and_everything_after(pair, key):
    writer, other = pair
    writer.claim(key)
    writer.post(key, began(text="Before. "))
    writer.post(key, Heard("a1", Preparing("Llama", 0.5, "Loading.")))
    until(lambda: (found := other.running(key)) is not None and found.preparing == Preparing("Llama", 0.5, "Loading."))
    writer.post(key, Heard("a1", Started(WINDOW)))
    writer.post(key, Heard("a1", Queued(2, 10.0)))
    until(lambda: (found := other.running(key)) is not None and found.queued == Queued(2, 10.0))
    writer.post(key, Heard("a1", Queued(0, 0.0)))
    until(lambda: (found := other.running(key)) is not None and found.queued is None and found.window == WINDOW)
    pieces, told = [f"word{number} " for number in range(300)], []

    def tell():
        for piece in pieces:
            writer.post(key, Heard("a1", Delta(piece)))
            time.sleep(0.001)
        writer.release(key)
        writer.post(key, finished())

    thread = threading.Thread(target=tell)
    thread.start()
    for _ in range(8):
        with other.listen(key) as (listener, running):
            if running is None:
                break
            assert running.began == began(text="Before. ")
            told.append(running.text + text_of(heard(listener, last=is_end) if len(told) == 3 else heard(listener, 1)))
    thread.join()
    whole = "Before. " + "".join(pieces)
    assert told[3] == whole
    assert all(whole.startswith(part) for part in told)


def test_answers_follow_one_another_from_changing_processes(pair, key):
    """Whoever has heard the end may ask at once, through another process, and nobody hears the two mixed."""
    with pair[0].listen(key) as (one, _), pair[1].listen(key) as (other, _):
        for number in range(12):
            write(pair[number % 2], key, ["x", "y"], answer=f"a{number}")
            listener = (one, other)[(number + 1) % 2]
            found = heard(listener, last=is_end)
            assert {news.answer.id if isinstance(news, Began) else news.answer for news in found} == {f"a{number}"}
            heard((one, other)[number % 2], last=is_end)


def test_there_is_one_turn_at_a_time(pair, key):
    one, other = pair
    one.claim(key)
    for channels in (one, other):
        with pytest.raises(Conflict):
            channels.claim(key)
        assert key in channels.claimed()
    one.release(key)
    one.claim(key)  # at once
    one.release(key)
    until(lambda: key not in other.claimed())
    other.claim(key)
    other.release(key)


def test_many_who_want_a_turn_get_an_order(pair, key):
    inside, most, done = [], [], []

    def take(channels):
        while not done or len(done) < 20:
            try:
                channels.claim(key)
            except Conflict:
                time.sleep(0.002)
                continue
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.002)
            inside.pop()
            done.append(1)
            channels.release(key)

    threads = [threading.Thread(target=take, args=(channels,)) for channels in pair * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert len(done) >= 20 and max(most) == 1


def test_stop_reaches_the_process_that_writes(pair, key):
    writer, other = pair
    stopped = threading.Event()
    other.ask_stop(key)  # nobody writes: nothing happens
    writer.claim(key)
    writer.on_stop(key, stopped.set)
    writer.post(key, began())
    until(lambda: other.running(key) is not None)
    assert not stopped.is_set()
    other.ask_stop(key)
    assert stopped.wait(SECONDS)
    writer.release(key)
    writer.post(key, Heard("a1", Cancelled()))


def test_all_listeners_are_counted(pair, key):
    writer, other = pair
    assert writer.count(key) == 0
    with other.listen(key), other.listen(key), writer.listen(key):
        until(lambda: writer.count(key) == 3)
        until(lambda: other.count(key) == 3)
    until(lambda: writer.count(key) == 0 and other.count(key) == 0)


def test_changes_are_told_whoever_makes_them(pair, key):
    one, other = pair
    with one.listen(key) as (listener, _), other.listen(list_of("me")) as (lists, _), other.listen("another") as (foreign, _):
        for news in (Changed(), Changed(cleared=True), Gone()):
            other.post(key, news)
            assert heard(listener, 1) == [news]
        one.post(list_of("me"), Listed())
        assert heard(lists, 1) == [Listed()]
        assert foreign.next(0) is None


def test_who_does_not_read_is_cut_off(pair, key, monkeypatch):
    monkeypatch.setattr("webbot.channel.MOST_UNREAD", 20)
    _, other = pair
    with other.listen(key) as (lazy, _):
        for number in range(30):
            other.post(key, Changed(cleared=bool(number % 2)))
        with pytest.raises(Lagging):
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                if not lazy.cut:
                    time.sleep(0.01)
                    continue
                lazy.next(0)


# what only several processes have


def test_a_fast_model_makes_few_calls(server, open_process, key):
    writer = open_process()
    before = server.client().info("stats")["total_commands_processed"]
    write(writer, key, ["x"] * 2000)
    until(lambda: not server.client().exists(keys.lease(key)))
    assert server.client().info("stats")["total_commands_processed"] - before < 400


def test_a_hundred_listeners_cost_no_more_connections(server, open_process):
    channels, other = open_process(), open_process()
    connections = channels._client.connection_pool
    with ExitStack() as stack:
        listeners = [stack.enter_context(channels.listen(f"many {number}"))[0] for number in range(100)]
        assert len(connections._connections) <= 8
        for number in range(100):
            other.post(f"many {number}", Changed())
        assert all(heard(listener, 1) == [Changed()] for listener in listeners)


def killed(channels):
    """As kill -9: nothing of it is said any more, and nothing is heard."""
    channels._writer._send = lambda batch: True
    for part in (channels._beat, channels._reader):
        part._closing.set()
    channels._beat._beat = lambda: None


@pytest.mark.slow
def test_the_answer_of_a_process_that_is_gone_ends_once_and_its_turn_too(open_process, key, monkeypatch):
    monkeypatch.setattr(keys, "LEASE_SECONDS", 3.0)
    dying, one, other = open_process(), open_process(), open_process()
    dying.claim(key)
    dying.post(key, began())
    dying.post(key, Heard("a1", Delta("Half of")))
    with one.listen(key) as (listener, _), other.listen(key) as (second, _):
        until(lambda: (found := other.running(key)) is not None and found.text == "Half of")
        for channels in (one, other):
            channels._health._trusted_from = 0.0
        killed(dying)
        for each in (listener, second):
            found = heard(each, last=is_end)
            assert isinstance(found[-1].event, Failed)
        until(lambda: one.died.is_set() or other.died.is_set())
        assert one.running(key) is None and other.running(key) is None
        write(one, key, ["new"], answer="a2")
        assert text_of(heard(second, last=is_end), "a2") == "new"
        assert text_of(heard(listener, last=is_end), "a2") == "new"
        assert listener.next(0) is None and second.next(0) is None
    with open_process().listen(key) as (_, running):
        assert running is None


def test_who_takes_over_a_lost_turn_ends_its_answer(server, open_process, key):
    dying, other = open_process(), open_process()
    dying.claim(key)
    dying.post(key, began())
    with other.listen(key) as (listener, _):
        until(lambda: other.running(key) is not None)
        killed(dying)
        server.client().delete(keys.lease(key))  # in place of waiting for its end
        other.claim(key)
        assert any(is_end(news) for news in heard(listener, last=is_end))
        assert other.running(key) is None
        other.release(key)


def test_nobody_begins_while_what_was_lost_is_looked_for(open_process, key):
    one, other = open_process(), open_process()
    for channels in (one, other):
        channels._health._trusted_from = 0.0
    one.claim(key)
    with other.settled() as claimed:
        assert key in claimed
        with one.settled() as second:
            assert second is None
        began_at = []
        thread = threading.Thread(target=lambda: (one.claim(key + "2"), began_at.append(1), one.release(key + "2")))
        thread.start()
        time.sleep(0.2)
        assert not began_at
    thread.join(SECONDS)
    assert began_at
    one.release(key)


def test_what_is_known_of_turns_is_believed_after_a_while_only():
    health = Health(60.0)
    assert not health.trusted
    health.old(uptime=3600.0)
    assert health.trusted
    health.bad(OSError())
    health.good()
    assert not health.trusted


@pytest.mark.slow
@pytest.mark.parametrize("kept", [True, False], ids=["restarted", "restarted and empty"])
def test_an_answer_goes_on_while_redis_is_away(key, kept):
    with redis_server(appendonly="yes" if kept else "no", appendfsync="always") as server, ExitStack() as stack:
        writer, other = (stack.enter_context(closing(RelayedChannels(server.url()))) for _ in range(2))
        own, _ = stack.enter_context(writer.listen(key))
        far, _ = stack.enter_context(other.listen(key))
        writer.claim(key)
        writer.post(key, began())
        writer.post(key, Heard("a1", Delta("one ")))
        assert text_of(heard(far, last=lambda news: text_of([news]))) == "one "
        server.kill()
        writer.post(key, Heard("a1", Delta("two ")))
        assert text_of(heard(own, 3)) == "one two "  # at once
        with pytest.raises(Unavailable):
            other.claim(key + "2")
        with other.listen(key + "3") as (late, running):
            assert running is None
            server.start()
            other.post(key + "3", Changed())
            assert heard(late, last=lambda news: isinstance(news, Changed))
        writer.post(key, Heard("a1", Delta("three")))
        assert text_of(heard(far, last=lambda news: text_of([news]).endswith("three"))) == "two three"
        until(lambda: (found := other.running(key)) is not None and found.text == "one two three")
        with stack.enter_context(closing(RelayedChannels(server.url()))).listen(key) as (_, running):
            assert running.text == "one two three"
        until(lambda: key in other.claimed())
        writer.release(key)
        writer.post(key, finished())
        assert heard(far, last=is_end)[-1] == finished()
        other.claim(key)
        other.release(key)


def test_a_redis_that_never_was_there_hinders_nobody_but_turns(tmp_path, key):
    with closing(RelayedChannels(f"unix://{tmp_path / 'none.sock'}")) as channels, channels.listen(key) as (listener, running):
        assert running is None and channels.count(key) == 1 and channels.running(key) is None and not channels.claimed()
        channels.post(key, Changed())
        assert heard(listener, 1) == [Changed()]
        with pytest.raises(Unavailable):
            channels.claim(key)
        with pytest.raises(Unavailable):
            channels.check()


# how values cross


TOKENS = st.tuples(st.builds(Token, st.binary(), st.floats(allow_nan=False)))


@given(st.from_type(Message) | st.from_type(Window) | st.from_type(Preparing) | st.builds(Delta, st.text(), TOKENS))
def test_values_cross_whole(value):
    assert values.unpack(type(value), values.pack(value)) == value


@pytest.mark.parametrize("news", [
    began(), Changed(True), Gone(), Listed(), finished(), Heard("a", Failed("Nothing {x}", 507)), Heard("a", Cancelled()),
    Heard("a", Started(WINDOW)), Heard("a", Preparing("x")), Heard("a", Queued(1, 2.5)),
    Heard("a", Called(ToolCall(name="f", arguments="{}"))),
    Heard("a", Delta("\ud83c ä", (Token(b"\xff", -0.5, ((b"x", -1.0),)),))),
], ids=lambda news: type(news).__name__)
def test_all_news_cross_whole(news):
    assert values.unpack(News, values.pack(news)) == news
    assert dataclasses.is_dataclass(news)


@pytest.mark.parametrize("broken", [None, 3, {"is": "Nothing"}, {"is": "Heard", "answer": 1}, {"is": "Changed", "cleared": "yes"},
                                    {"is": "Changed", "unknown": 1}])
def test_what_is_no_news_is_refused(broken):
    with pytest.raises(ValueError):
        values.unpack(News, broken)
