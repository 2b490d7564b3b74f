"""Answers as plain text: statuses before the first word, a cut after it, and nobody who reads."""

import pytest
from flask import Flask

from webbot.errors import TooMany, Unavailable
from webbot.web.leaving import Left
from webbot.web.plain_text import plain_text


class Pieces:
    """An answer that is made piece by piece, and knows whether it was closed; an exception among the pieces is raised."""

    def __init__(self, *pieces):
        self.pieces, self.closed, self.told = pieces, False, 0

    def run(self):
        try:
            for piece in self.pieces:
                self.told += 1
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed = True


def response(pieces, gone=lambda: False):
    with Flask("test").test_request_context("/", environ_overrides={"webbot.gone": gone}):
        return plain_text(pieces.run())


def test_pieces_go_out_as_they_are():
    pieces = Pieces(None, "", "a", None, "", "é")
    answer = response(pieces)
    assert answer.status_code == 200 and list(answer.response) == [b"a", "é".encode()] and pieces.closed


@pytest.mark.parametrize("pieces", [Pieces(), Pieces(None, ""), Pieces("")])
def test_an_answer_without_words_has_no_piece_that_would_end_the_body(pieces):
    assert list(response(pieces).response) == [] and pieces.closed


def test_a_problem_before_the_first_word_is_raised():
    pieces = Pieces(None, TooMany("full"))
    with pytest.raises(TooMany):
        response(pieces)
    assert pieces.closed


def test_a_later_problem_cuts_the_connection():
    pieces = Pieces("a", "b", Unavailable("The model is gone."))
    parts = iter(response(pieces).response)
    assert [next(parts), next(parts)] == [b"a", b"b"]
    with pytest.raises(ConnectionAbortedError):
        next(parts)
    assert pieces.closed


def test_a_client_that_left_before_the_first_word():
    pieces = Pieces(None, None, "never")
    with pytest.raises(Left):
        response(pieces, gone=lambda: True)
    assert pieces.closed and pieces.told == 1


def test_a_client_that_leaves_while_nothing_comes():
    left = []
    pieces = Pieces("a", None, None, "never")
    parts = iter(response(pieces, gone=lambda: bool(left)).response)
    assert next(parts) == b"a"
    left.append(True)
    assert list(parts) == [] and pieces.closed and pieces.told == 2


@pytest.mark.parametrize("read", [0, 1])
def test_an_answer_that_the_server_drops_is_closed(read):
    pieces = Pieces("a", "b")
    answer = response(pieces)
    parts = iter(answer.response)
    for _ in range(read):
        next(parts)
    answer.close()
    del answer, parts
    assert pieces.closed
