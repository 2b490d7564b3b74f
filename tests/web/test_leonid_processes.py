"""Leonid's users by way of two web processes: one conversation each, nothing of what is injected lost, turns that wait."""

import threading
from functools import partial

import pytest

from webbot.channel import Channels
from webbot.chat import Chat
from webbot.chat.line import Dismissed, Place
from webbot.engines.echo import EchoEngine
from webbot.errors import NotFound, TooLong
from webbot.store.sql import SqlStore
from webbot.web.leonid import Users, owner_of


@pytest.fixture
def two(tmp_path):
    """The users as two web processes know them: the store and the channels are shared."""
    store, channels, engine = SqlStore(f"sqlite:///{tmp_path / 'webbot.db'}"), Channels(), EchoEngine()
    chats = [Chat(engine, store, channels=channels) for _ in range(2)]
    yield [Users(chat, store, "Be kind.") for chat in chats]
    for chat in chats:
        chat.close()
    store.close()


def at_once(*calls):
    """What each of the calls raised, None for most."""
    gate, raised = threading.Barrier(len(calls)), [None] * len(calls)

    def run(number, call):
        gate.wait(10)
        try:
            call()
        except Exception as error:
            raised[number] = error

    threads = [threading.Thread(target=run, args=given) for given in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return raised


def test_a_user_that_comes_twice_at_once_has_one_conversation(two):
    for number in range(5):
        name, found = f"ann {number}", []

        def come(users, name=name, found=found):
            found.append(users.conversation(name, Place()).id)

        calls = [partial(come, users) for users in two * 2]
        assert at_once(*calls) == [None] * 4
        assert len(set(found)) == 1
        assert [about.title for about in two[0].store.conversations(owner_of(name))] == [name]


def test_nothing_that_is_injected_is_lost(two):
    calls = [lambda users=users, word=word: users.inject("ann", word)
             for users, word in zip(two * 3, ("one", "two", "three", "four", "five", "six"), strict=True)]
    assert at_once(*calls) == [None] * 6
    (about,) = two[0].store.conversations(owner_of("ann"))
    role = about.role.split("\n\n")
    assert role[0] == "Be kind." and sorted(role[1:]) == ["five", "four", "one", "six", "three", "two"]


def test_what_does_not_fit_makes_no_conversation(two):
    with pytest.raises(TooLong):
        two[0].inject("ann", "word " * 3000)
    assert not two[0].store.conversations(owner_of("ann"))


def test_who_is_disconnected_leaves_nothing_to_restore(two):
    about = two[0].conversation("ann", Place())
    reply = two[0].chat.ask(about.owner, about.id, "hello")
    two[1].forget("ann")
    assert reply.wait(5)
    assert not two[0].store.conversations(owner_of("ann"))
    with pytest.raises(NotFound):
        two[0].store.restore_conversation(about.owner, about.id)


def test_a_turn_of_another_process_is_waited_for(make_app):
    app = make_app(leonid_secret="a secret of Leonid's clients, 32+ bytes")
    door, services = app.extensions["leonid"], app.extensions["services"]
    services.fleet.engine().inner.pause = 0
    words = door._answer("ann", "first")
    assert "".join(word or "" for word in words) == "first"
    (about,) = services.store.conversations(owner_of("ann"))
    services.chat.channels.claim(about.id)  # as the other process does
    words = door._answer("ann", "second")
    assert [next(words) for _ in range(3)] == [None] * 3
    services.chat.channels.release(about.id)
    assert "".join(word or "" for word in words) == "second"
    assert door.lines._lines == {}


def test_who_is_disconnected_elsewhere_is_told_so(make_app):
    app = make_app(leonid_secret="a secret of Leonid's clients, 32+ bytes")
    door, services = app.extensions["leonid"], app.extensions["services"]
    services.fleet.engine().inner.pause = 0.02
    words = door._answer("ann", "word " * 200)
    while next(words) is None:
        pass
    (about,) = services.store.conversations(owner_of("ann"))
    services.chat.delete(about.owner, about.id, at_once=True)  # as the other process does
    with pytest.raises(Dismissed, match="disconnected"):
        list(words)
    assert services.fleet.engine().busy() == 0
