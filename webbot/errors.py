"""The handful of errors that reach a person: each has a status and a sentence with the remedy.

`Problem("... {limit} ...", limit=8)` keeps the sentence and its values apart, so that a door can translate the sentence.
"""

from __future__ import annotations

CONTEXT_EXCEEDED = "context_length_exceeded"  # the code of a prompt or a text that the model's window cannot hold


class Problem(Exception):
    """Something that a person is told. `status` is an HTTP status, `retry_after` seconds for a later try, if any.

    `parameter` names the part of a program's request that is wrong, `code` is a word by which programs tell problems apart.
    """

    status = 500

    def __init__(
        self, sentence: str, *, retry_after: int | None = None, parameter: str = "", code: str = "", **values: object
    ) -> None:
        super().__init__(sentence.format(**values) if values else sentence)
        self.sentence = sentence
        self.values = values
        self.retry_after = retry_after
        self.parameter, self.code = parameter, code


class BadInput(Problem):
    """What was sent cannot be read: the wrong type, an invalid character, an unknown field."""

    status = 400


class NotAllowed(Problem):
    """Another site's page, a foreign host name, a missing access code."""

    status = 403


class NotFound(Problem):
    """No such thing, or somebody else's: the two are not told apart."""

    status = 404


class Conflict(Problem):
    """The conversation is busy with another answer, or changed meanwhile."""

    status = 409


class TooLong(Problem):
    """More than the limit that the sentence names."""

    status = 413


class Unusable(Problem):
    """Well formed but of no use: audio that nothing can decode, a model folder that is not one."""

    status = 422


class TooMany(Problem):
    """The queue is full."""

    status = 429


class Unavailable(Problem):
    """A model that loads, has failed, or has crashed in mid-answer; a locked database."""

    status = 503


class DiskFull(Problem):
    """Nothing can be written. What is stored stays readable."""

    status = 507


class NoMemory(Problem):
    """A model's memory does not hold what one request needs. Shorter requests go on."""

    status = 507


class SettingsError(Problem):
    """A setting or a file that the start-up needs is wrong: one line on the terminal, exit status 2."""
