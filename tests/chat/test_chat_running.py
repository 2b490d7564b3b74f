"""Running answers as they are known everywhere: followed, stopped from another web process, told to whoever listens."""

import threading
import time

import pytest

from tests.chat.conftest import Heard, WatchedEcho, ask, shown
from tests.engines.conftest import until
from webbot.channel import Channels
from webbot.errors import Conflict, NotFound, Unavailable
from webbot.messages import Cancelled, Delta, Finished, Message, Started
from webbot.news import Changed
from webbot.reply import Reply, Unheard, follow

LONG = "word " * 2000


@pytest.fixture
def two(make):
    """Two chats as in two web processes: each has its own replies, the channels and the store are shared."""
    channels, engine = Channels(), WatchedEcho(pause=0.01)
    return [make(engine, channels=channels) for _ in range(2)]


def test_an_answer_is_known_and_stopped_elsewhere(two, store):
    here, there = two
    key = here.create("ann", "").id
    reply = here.ask("ann", key, LONG)
    until(lambda: there.running("ann", key).text, 10)
    running = there.running("ann", key)
    assert (running.began.question.text, running.began.answer.id) == (LONG, reply.answer.id)
    assert running.window == reply.window
    assert there.running("bob", key) is None and not there.stop("bob", key)
    with pytest.raises(Conflict):
        there.ask("ann", key, "now me")
    assert there.stop("ann", key)
    assert store.messages("ann", key)[1].status == "stopped", "stored when stop returns"
    assert reply.wait(5) and isinstance(reply.last, Cancelled)
    assert there.running("ann", key) is None and not there.stop("ann", key)
    assert there.ask("ann", key, "now me").wait(5)
    assert len(shown(store, key)) == 4


def test_what_changes_a_conversation_keeps_turns_out_and_is_kept_out(two, store):
    here, there = two
    key = here.create("ann", "").id
    first = ask(here, key, "one")
    reply = here.ask("ann", key, LONG)
    for call in (lambda: there.show("ann", key, first.answer.id), lambda: there.share("ann", key),
                 lambda: there.again("ann", key), lambda: there.go_on("ann", key),
                 lambda: there.edit("ann", key, first.question.id, "x")):
        with pytest.raises(Conflict, match="still being written"):
            call()
    assert here.stop("ann", key) and reply.wait(5)
    assert there.share("ann", key).tip == reply.answer.id
    assert ask(here, key, "and two").window.kept[:2] == (first.question.id, first.answer.id)


@pytest.mark.parametrize("ways", [2, 8])
def test_of_all_who_send_at_once_one_is_asked_and_rows_are_never_mixed(two, store, ways):
    """Two tabs, two web processes: exactly one wins each time, the others are told so."""
    key = two[0].create("ann", "").id
    two[0].engines.pause = 0.002
    wins, refused, odd = [], [], []
    gate = threading.Barrier(ways)

    def send(number):
        chat = two[number % 2]
        for turn in range(4):
            gate.wait(20)
            try:
                reply = chat.ask("ann", key, f"turn {turn} of {number} " + "w " * 20)
                wins.append((turn, reply.question.text))
                reply.wait(20)
            except Conflict:
                refused.append(turn)
            except Exception as error:
                odd.append(error)

    senders = [threading.Thread(target=send, args=(number,)) for number in range(ways)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(60)
    assert not odd
    assert sorted(turn for turn, _ in wins) == [0, 1, 2, 3]
    assert len(refused) == 4 * (ways - 1)
    messages = store.messages("ann", key)
    assert [message.text for message in messages[::2]] == [text for _, text in sorted(wins)]
    for question, answer in zip(messages[::2], messages[1::2], strict=True):
        assert (answer.parent, answer.text, answer.status) == (question.id, question.text, "complete")
    assert len(store.tree("ann", key)) == 8


def test_everything_is_told_in_order(make, store):
    chat = make()
    key = chat.create("ann", "").id
    heard = Heard(chat, "ann", key)
    reply = ask(chat, key, "one two")
    assert heard.names() == ["Changed", "Listed", "Began", "Listed", "Heard", "Heard", "Heard", "Heard", "Listed"]
    events = [news.event for news in heard.both if type(news).__name__ == "Heard"]
    assert [type(event) for event in events] == [Started, Delta, Delta, Finished]
    assert {news.answer for news in heard.both if type(news).__name__ == "Heard"} == {reply.answer.id}
    for call, told in (
        (lambda: chat.change("ann", key, title="new"), ["Changed", "Listed"]),
        (lambda: chat.change("ann", key, pinned=True), ["Changed", "Listed"]),
        (lambda: chat.judge("ann", key, reply.answer.id, "down"), ["Changed"]),
        (lambda: chat.pin("ann", key, reply.answer.id, True), ["Changed"]),
        (lambda: chat.show("ann", key, reply.answer.id), ["Changed"]),
        (lambda: chat.delete("ann", key), ["Gone", "Listed"]),
        (lambda: chat.restore("ann", key), ["Changed", "Listed"]),
        (lambda: chat.clear("ann", key), ["Changed", "Listed"]),
        (lambda: chat.create("ann", ""), ["Listed"]),
    ):
        heard.both.clear()
        call()
        assert heard.names() == told
    assert Changed(cleared=True) not in heard.both


def test_the_answer_of_a_deleted_conversation(two, store):
    here, there = two
    key = here.create("ann", "").id
    reply = here.ask("ann", key, LONG)
    until(lambda: reply.text, 10)
    there.delete("ann", key)
    assert reply.wait(5) and here.engines.busy() == 0
    for call in (lambda: store.messages("ann", key), lambda: here.ask("ann", key, "still there?"),
                 lambda: here.stop("ann", key) or here.delete("ann", key)):
        with pytest.raises(NotFound):
            call()
    assert there.restore("ann", key).id == key
    assert [message.status for message in store.messages("ann", key)] == ["complete", "stopped"]
    assert here.ask("ann", key, "still there").wait(5)


def test_a_conversation_deleted_behind_its_answer(make, store):
    """Another program of the store deletes it: the answer ends by itself and brings nothing back."""
    chat = make(WatchedEcho(pause=0.01))
    key = chat.create("ann", "").id
    reply = chat.ask("ann", key, LONG)
    until(lambda: reply.text, 10)
    store.delete_conversation("ann", key, at_once=True)
    assert reply.wait(10)
    assert chat.engines.busy() == 0 and chat.running("ann", key) is None
    with pytest.raises(NotFound):
        store.restore_conversation("ann", key)


class AwayChannels(Channels):
    """Channels whose server cannot be reached while `away`."""

    away = False

    def post(self, key, news):
        self.check()
        super().post(key, news)

    def count(self, key):
        self.check()
        return super().count(key)

    def claim(self, key):
        self.check()
        super().claim(key)

    def check(self):
        if self.away:
            raise Unavailable("Redis does not answer.")


def test_an_answer_goes_on_where_nobody_can_be_told(make, store):
    chat = make(WatchedEcho(pause=0.01), channels=AwayChannels(), grace=0.2)
    key = chat.create("ann", "").id
    reply = chat.ask("ann", key, "word " * 60)
    chat.channels.away = True
    assert "".join(event.text for event in follow(reply) if isinstance(event, Delta)) == "word " * 60
    assert reply.wait(5)
    assert store.messages("ann", key)[1].status == "complete"
    with pytest.raises(Unavailable):
        chat.ask("ann", key, "and now?")
    assert len(store.messages("ann", key)) == 2
    chat.channels.away = False
    assert ask(chat, key, "and now?").text == "and now?"


def test_whoever_follows_is_heard_and_misses_nothing(make):
    chat = make(WatchedEcho(pause=0.01), grace=0.15)
    key = chat.create("ann", "").id
    text = " ".join(str(number) for number in range(40))
    reply = chat.ask("ann", key, text)
    events = []
    for event in follow(reply, 0.05):
        events.append(event)
        if len(events) == 5:
            time.sleep(0.1)
    assert isinstance(events[-1], Finished), "who follows listens: it was not stopped"
    assert "".join(event.text for event in events if isinstance(event, Delta)) == text
    assert reply.wait(5)
    assert [event for event in follow(reply) if event is not None] == [event for event in events if event is not None]


def test_whether_somebody_listens_is_asked_once_a_second():
    asked = []
    unheard = Unheard(300, lambda: bool(asked.append(1)))
    until_then = time.monotonic() + 0.3
    while time.monotonic() < until_then:
        assert not unheard.too_long()
    assert not asked
    unheard.asked -= 1
    unheard.too_long()
    unheard.too_long()
    assert len(asked) == 1
    unheard.heard -= 301
    assert unheard.too_long()


def test_a_turn_that_breaks_ends_and_is_told():
    reply = Reply("ann", "talk", Message(role="user", text="q", id="q"), Message(role="assistant", text="", id="a"))
    channels, done = Channels(), []
    channels.claim("talk")

    def events(reply):
        yield Delta("one")
        raise RuntimeError("odd")

    reply.run(events, channels, done.append)
    assert reply.wait(5)
    assert (reply.text, reply.last.status, done) == ("one", 500, [reply])
    assert channels.running("talk") is None
    channels.claim("talk")


class Preparing(WatchedEcho):
    """The echo engine, which notes what it may compute before it is asked."""

    def __init__(self, **given):
        super().__init__(**given)
        self.prepared = []

    def prepare(self, messages, *, owner="", common=False):
        self.prepared.append(([message.text for message in messages], owner, common))


def test_only_after_a_cut_the_model_may_read_what_the_next_question_comes_after(make, store):
    engine = Preparing(context=200)
    chat = make(engine)
    chat.common = lambda role: role == "You are short."
    key = chat.create("ann", role="You are short.").id
    while not engine.prepared:
        ask(chat, key, "word " * 20)
        assert len(engine.sent) < 10
    (begun, owner, common), *more = engine.prepared
    assert not more and owner == "ann" and common
    assert len(engine.sent) > 2 and len(begun) < 1 + 2 * len(engine.sent)  # the memory was cut, and not before it was full
    ask(chat, key, "word")
    assert engine.sent[-1] == [*begun, "word"]
