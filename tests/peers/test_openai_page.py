"""A turn that a program makes in a stored conversation is on the open page at once."""

from __future__ import annotations

import json
import re
import time

import openai
import pytest
from playwright.sync_api import expect

from tests.peers.packages import MODEL, asked, client_of

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def plain(echo):
    return client_of(echo)



def test_a_turn_of_a_program_is_on_the_pages_stream(plain, echo):
    visitor = echo.visitor()
    key, _, _ = visitor.answer("hello from the page")
    events = visitor.events(key)
    first = next(events)
    assert first
    plain.chat.completions.create(model=MODEL, messages=asked("hello from a program"), metadata={"conversation_id": key})
    until = time.monotonic() + 10
    for _, data in events:
        if "hello from a program" in json.dumps(data):
            break
        assert time.monotonic() < until
    assert "hello from a program" in visitor.page(key)
    told = client_of(echo, default_headers={"X-Conversation-Id": key}).chat.completions.create(
        model=MODEL, messages=asked("what did I say"))
    assert "hello from the page | hello from a program" in told.choices[0].message.content
    with pytest.raises(openai.NotFoundError):
        plain.chat.completions.create(model=MODEL, messages=asked(), metadata={"conversation_id": "0" * len(key)})


def test_a_turn_of_a_program_is_on_an_open_page(plain, echo, visit):
    talk = visit(echo)
    talk.ask("hello from the page")
    key = talk.moved().rsplit("/c/", 1)[1].split("?")[0]
    stream = plain.chat.completions.create(model=MODEL, messages=asked("a program says " + "word " * 60),
                                           metadata={"conversation_id": key}, stream=True)
    next(iter(stream))
    expect(talk.turns).to_have_count(2)
    expect(talk.last).to_have_class(re.compile(r"\bstreaming\b"))
    for _ in stream:
        pass
    assert "a program says word" in talk.answer()
    assert talk.questions()[0] == "hello from the page"
    assert talk.ask("what did I say").startswith("You said: hello from the page | a program says word")
