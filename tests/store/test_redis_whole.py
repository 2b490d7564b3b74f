"""Everything in a Redis store: read while others write, filled by a process that is killed, looked over for damage."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from dataclasses import replace

import pytest
from redis import Redis

from tests.servers import redis_url, shared_redis
from tests.store.turning import again, ask, turn
from webbot.errors import Conflict, Unavailable, Unusable
from webbot.messages import File
from webbot.store import redis_filling as filling
from webbot.store import redis_talks, sums
from webbot.store.base import Entry, Record
from webbot.store.redis import RedisStore


@pytest.fixture
def url(tmp_path):
    return redis_url(tmp_path)


@pytest.fixture
def client(url):
    with Redis(unix_socket_path=str(shared_redis().socket), db=int(url.rpartition("=")[2])) as opened:
        yield opened


@pytest.fixture
def store(url):
    opened = RedisStore(url)
    yield opened
    opened.close()


@pytest.fixture
def talk(store):
    made = store.create_conversation("ann", title="Trees")
    question, _ = turn(store, made, "one", "first")
    turn(store, made, "two", "second")
    again(store, made, question, "other")
    store.change_message("ann", made.id, question.id, pinned=True)
    store.add_file("ann", made.id, File(name="f", media_type="text/plain", size=4), "text", b"text")
    store.share("ann", made.id)
    store.write_session("k", b"v", 3600)
    store.put_entry(Entry(kind="person", id="p", owner="ann", ends_at=time.time() + 3600))
    store.add_up("c", 1, time.time() + 3600)
    return made


class TestReading:
    def test_it_is_one_moment_while_others_write(self, store):
        """Two conversations are written in turns: whatever is read of the second, the first had before."""
        first, second = store.create_conversation("ann"), store.create_conversation("ann")
        more = [store.create_conversation("bob", title=str(n)) for n in range(40)]
        ending = threading.Event()

        def write():
            for n in itertools.count():
                if ending.is_set():
                    return
                turn(store, first, str(n))
                turn(store, second, str(n))
                store.change_conversation("bob", more[n % 40].id, title=f"again {n}")

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(5):
                told = list(store.records())
                said = {id: [r.fields["text"] for r in told if r.kind == "message" and r.fields["conversation"] == id
                             and r.fields["role"] == "user"] for id in (first.id, second.id)}
                assert len(said[second.id]) <= len(said[first.id]) <= len(said[second.id]) + 1
                assert len({r.id for r in told if r.kind == "conversation"}) == 42
        finally:
            ending.set()
            writer.join()

    def test_writers_wait_for_the_end_of_it_and_then_write(self, store, talk, client, monkeypatch):
        client.set("webbot:hold", "somebody", px=300)
        turn(store, talk, "three")
        client.set("webbot:hold", "somebody", px=60_000)
        monkeypatch.setattr(redis_talks, "PATIENCE", 0.2)
        with pytest.raises(Unavailable, match="being read"):
            turn(store, talk, "four")
        client.delete("webbot:hold")


class TestFilling:
    def test_what_a_killed_process_left_is_deleted_at_the_next_start(self, store, talk, url, tmp_path, client):
        records = list(store.records())
        other_url = redis_url(tmp_path / "other")
        other = RedisStore(other_url)

        def killed():
            yield from records[:-2]
            # Nobody is told that this process ends here: not even its own clean-up runs.
            left.append(RedisStoreState(other_url))
            raise KeyboardInterrupt

        left: list[RedisStoreState] = []
        with pytest.raises(KeyboardInterrupt):
            other.take(killed())
        assert list(other.records()) == []
        left[0].put_back()
        with pytest.raises(Unavailable, match="filled with a copy"):
            other.create_conversation("ann")
        with pytest.raises(Unavailable, match="filled with a copy"):
            RedisStore(other_url)  # somebody may still be at it
        left[0].client.delete("webbot:hold")
        reopened = RedisStore(other_url)
        assert list(reopened.records()) == []
        assert left[0].client.get("another program's") == b"1"
        reopened.take(records)
        assert sums.differences(sums.of(reopened.records()), sums.of(records)) == []
        assert reopened.verify() == []
        reopened.close()
        other.close()

    @pytest.mark.parametrize("wrong", [
        Record("message", "m", {"id": "m", "conversation": "elsewhere", "role": "user", "text": "", "number": 1, "parent": ""}),
        Record("message", "m", {"id": "m"}), Record("request", "m", {"message": "m", "value": {}}),
        Record("conversation", "c", {}), Record("file", "f", {}), Record("session", "s", {"key": "s"}),
        Record("entry", "k/1", {"kind": "k"}), Record("entry", "k/1", {"spell": 1}), Record("counter", "c", {"key": "c"}),
    ])
    def test_records_that_are_none_leave_it_empty(self, store, talk, tmp_path, wrong):
        other = RedisStore(redis_url(tmp_path / "other"))
        records = [record for record in store.records() if record.kind == "conversation"]
        with pytest.raises(Unusable):
            other.take([*records, wrong])
        assert list(other.records()) == []
        other.create_conversation("ann")
        with pytest.raises(Conflict):
            other.take(records)
        other.close()

    def test_only_our_keys_are_deleted(self, store, talk, client):
        client.set("another program's", "1")
        client.set("webbot:relay:something", "1")
        filling.empty(store._server, "")
        assert sorted(client.keys()) == [b"another program's", b"webbot:about", b"webbot:relay:something"]
        assert store.conversations("ann") == []


class RedisStoreState:
    """All keys of a store as they are now, to put them back."""

    def __init__(self, url):
        self.client = Redis(unix_socket_path=str(shared_redis().socket), db=int(url.rpartition("=")[2]))
        self.client.set("another program's", "1")
        self.keys = {key: self.client.dump(key) for key in self.client.scan_iter()}

    def put_back(self):
        for key, value in self.keys.items():
            self.client.restore(key, 0, value, replace=True)


class TestDamage:
    """Each kind of damage, made by hand, has its sentence."""

    CASES = {  # noqa: RUF012 - a table
        "cannot be read": lambda c, base, m: c.hset(base, "about", "{"),
        "follow one that is not there": lambda c, base, m: c.hdel(base + ":messages", m[0].id),
        "another order": lambda c, base, m: c.hdel(base + ":children", m[0].id),
        "show other messages": lambda c, base, m: c.zrem(base + ":branch", m[0].id),
        "hold other messages": lambda c, base, m: c.delete(base + ":pinned"),
        "another running answer": lambda c, base, m: c.sadd("webbot:running", base[8:-1]),
        "files are not whole": lambda c, base, m: c.delete(next(c.scan_iter(base + ":data:*"))),
        "belong to no message": lambda c, base, m: c.hset(base + ":requests", "nowhere", "{}"),
        "in their owner's list": lambda c, base, m: c.delete("webbot:owner:ann:list"),
        "keys belong to no conversation": lambda c, base, m: c.hset("webbot:{gone}:messages", "m", "{}"),
        "entries of lists": lambda c, base, m: c.zadd("webbot:owner:eve:list", {"gone": 1}),
        "1 entries of people cannot be read": lambda c, base, m: c.hset("webbot:entries:person", "p", "1 x 3:ann{"),
        "1 entries of people are missing": lambda c, base, m: c.delete("webbot:owned:6:personann"),
        "3 entries of people are missing": lambda c, base, m: (
            c.hset("webbot:entries:person", mapping={"q": "?", "r": "?"}), c.delete("webbot:owned:6:personann")),
        "2 lines of lists": lambda c, base, m: c.hdel("webbot:entries:person", "p"),
    }

    @pytest.mark.parametrize("sentence", CASES)
    def test_it_is_found(self, store, talk, client, sentence):
        assert store.verify() == []
        self.CASES[sentence](client, f"webbot:{{{talk.id}}}", store.messages("ann", talk.id))
        assert sentence in " ".join(store.verify())

    def test_what_is_being_laid_down_is_no_damage(self, store, client):
        client.hset("webbot:{new}:messages", "m", "{}")
        client.pexpire("webbot:{new}:messages", 60_000)
        assert store.verify() == []

    def test_it_may_look_while_others_write(self, store, talk):
        ending = threading.Event()

        def write():
            while not ending.is_set():
                turn(store, talk, "on")
                made = store.create_conversation("bob")
                store.delete_conversation("bob", made.id, at_once=True)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            assert [store.verify() for _ in range(5)] == [[]] * 5
        finally:
            ending.set()
            writer.join()


@pytest.fixture
def break_next(monkeypatch):
    """Lets the connection break after the next script that writes ran; what it gives says how often it broke."""
    from webbot.store.redis_connections import Lent

    asked, wanted, broken = Lent.ask, [], []

    def breaking(lent, commands, until):
        replies = asked(lent, commands, until)
        known = not any(isinstance(reply, Exception) for reply in replies)
        if wanted and known and commands[0][0] in ("EVALSHA", "EVAL") and b"webbot:hold" in commands[0]:
            broken.append(wanted.pop())
            raise ConnectionResetError
        return replies

    monkeypatch.setattr(Lent, "ask", breaking)
    return lambda: (wanted.append(1), broken)[1]


def test_a_commit_that_was_not_heard_of_is_not_done_twice(store, talk, break_next):
    """The connection breaks after the script ran: it is asked again, and answers that it is done."""
    before = len(store.messages("ann", talk.id))
    broken = break_next()
    ask(store, talk)
    assert len(broken) == 1
    assert len(store.messages("ann", talk.id)) == before + 2


def test_what_was_done_to_entries_unheard_is_not_done_twice(store, talk, break_next):
    broken = break_next()
    made = store.put_entry(Entry(kind="k", id="1", owner="ann"))
    assert (made.version, len(broken)) == (1, 1)
    break_next()
    made = store.put_entry(replace(made, value={"a": 1}))
    assert (made.version, store.entry("k", "1"), len(broken)) == (2, made, 2)
    break_next()
    assert store.delete_entry("k", "1") is True
    assert (store.delete_entry("k", "1"), len(broken)) == (False, 3)
    for n in range(1, 3):
        break_next()
        assert store.add_up("n", 1, time.time() + 60) == n
    break_next()
    assert (store.hand_over("ann", "bob"), len(broken)) == (1, 6)
    assert store.verify() == []


def test_clocks_that_go_apart_are_measured_again(store, talk):
    lent = store._server._connections._free[-1]
    lent.ahead -= 3600
    turn(store, talk)
    with contextlib.suppress(IndexError):
        assert abs(store._server._connections._free[-1].ahead + time.monotonic() - time.time()) < 60
