"""Chats over a database of the module and echo engines."""

import pytest

from webbot.channel import Channels
from webbot.chat import Chat, Limits
from webbot.engines.echo import EchoEngine
from webbot.news import list_of
from webbot.store.sql import SqlStore


class WatchedEcho(EchoEngine):
    """The echo engine, which notes what it was sent."""

    def __init__(self, **given):
        super().__init__(**given)
        self.sent = []

    def answer(self, messages, options, *, owner=""):
        self.sent.append([message.text for message in messages])
        yield from super().answer(messages, options, owner=owner)


class Heard:
    """Everything that was told in a conversation, and of its owner's list."""

    def __init__(self, chat, owner, key):
        self.place, self.list, self.both = key, list_of(owner), []
        post = chat.channels.post

        def note(to, news):
            if to in (self.place, self.list):
                self.both.append(news)
            post(to, news)

        chat.channels.post = note

    def names(self):
        return [type(news).__name__ for news in self.both]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = SqlStore(f"sqlite:///{tmp_path_factory.mktemp('chat') / 'webbot.db'}")
    yield store
    store.close()


@pytest.fixture
def make(store):
    chats = []

    def make(engine=None, *, channels=None, titles=False, **limits):
        made = Chat(engine or WatchedEcho(), store, channels=channels or Channels(), limits=Limits(**limits), titles=titles)
        chats.append(made)
        return made

    yield make
    for chat in chats:
        chat.close()


def ask(chat, key, text, **more):
    reply = chat.ask("ann", key, text, **more)
    assert reply.wait(10)
    return reply


def shown(store, key, owner="ann"):
    return [message.text for message in store.messages(owner, key)]
