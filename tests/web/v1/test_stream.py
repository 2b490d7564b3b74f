"""Answers that grow: what a client gets of them, and that they end when it leaves, at whatever moment."""

import json

import pytest

from webbot.errors import TooMany
from webbot.web.leaving import Left
from webbot.web.v1 import stream as module
from webbot.web.v1.stream import stream, whole


class Chunks:
    """What a door yields: the items, an exception among them is raised. `closed` tells that it was ended."""

    def __init__(self, *items):
        self.closed = False
        self.items = self._run(items)

    def _run(self, items):
        try:
            for item in items:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.closed = True


@pytest.fixture
def request_of(app):
    """A request whose client has left or not."""

    def make(gone=lambda: False):
        return app.test_request_context("/v1/x", environ_overrides={"webbot.gone": gone})

    return make


def test_objects_named_ones_and_lines_that_a_door_wrote(request_of):
    chunks = Chunks(None, {"a": 1}, ("named", {"b": "\u00e9\n"}), b"data: {}\n\n", None)
    with request_of():
        text = stream(chunks.items).get_data(as_text=True)
    assert text == 'data: {"a":1}\n\nevent: named\ndata: {"b":"\\u00e9\\n"}\n\ndata: {}\n\ndata: [DONE]\n\n'
    assert chunks.closed


def test_a_problem_before_the_first_chunk_is_raised_and_a_later_one_is_told(request_of):
    early = Chunks(None, TooMany("Too many."))
    with request_of(), pytest.raises(TooMany):
        stream(early.items)
    with request_of():
        lines = stream(Chunks({"a": 1}, TooMany("Too many.")).items).get_data(as_text=True).strip().split("\n\n")
    assert lines[0] == 'data: {"a":1}'
    assert json.loads(lines[1].removeprefix("data: "))["error"]["type"] == "rate_limit_error"
    assert len(lines) == 2  # no [DONE] behind an answer that broke off


def test_a_client_that_leaves_before_anything_came(request_of):
    chunks = Chunks(*[None] * 1000)
    with request_of(lambda: True), pytest.raises(Left):
        stream(chunks.items)
    assert chunks.closed


def test_a_client_that_leaves_while_nothing_comes(request_of):
    left = []
    chunks = Chunks({"a": 1}, *[None] * 1000)
    with request_of(lambda: bool(left)):
        lines = stream(chunks.items).iter_encoded()
        next(lines)
        left.append(True)
        assert list(lines) == []
    assert chunks.closed


def test_a_response_that_is_never_read(request_of):
    chunks = Chunks({"a": 1}, {"b": 2})
    with request_of():
        response = stream(chunks.items)
        assert not chunks.closed
        response.close()
    assert chunks.closed


def test_a_whole_answer_ends_with_its_client_whether_or_not_something_comes(request_of, monkeypatch):
    monkeypatch.setattr(module, "LEFT_SECONDS", 0.0)
    for item in (None, {"a": 1}):
        chunks = Chunks(*[item] * 1000)
        with request_of(lambda: True), pytest.raises(Left):
            whole(chunks.items)
        assert chunks.closed
    with request_of():
        assert whole(Chunks(None, 1, None, 2).items) == [1, 2]


def test_a_silent_stream_is_kept_alive(request_of, monkeypatch):
    monkeypatch.setattr(module, "ALIVE_SECONDS", 0.0)
    monkeypatch.setattr(module, "FIRST_SECONDS", 0.0)
    with request_of():
        text = stream(Chunks(None, None, {"a": 1}).items).get_data(as_text=True)
    assert text == ': alive\n\n: alive\n\ndata: {"a":1}\n\ndata: [DONE]\n\n'
