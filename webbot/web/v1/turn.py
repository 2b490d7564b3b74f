"""A turn of a stored conversation that a program makes: an open page shows it as it grows."""

from __future__ import annotations

from collections.abc import Iterator

from webbot.chat.waiting import ready
from webbot.engines.base import Engine, refuse_unable
from webbot.errors import BadInput, Problem, TooLong
from webbot.messages import Cancelled, Conversation, Delta, Failed, Finished, Options, Usage
from webbot.reply import Reply, follow, problem_of
from webbot.services import Services

TICK_SECONDS = 0.1


def turn(
    services: Services, about: Conversation, text: str, options: Options, model: str | None = None
) -> Iterator[tuple[int, Delta | Finished]]:
    """Asks `text` in the conversation: (0, part) as the answer grows, by `model` where it is not the
    conversation's own, an empty Delta at least every 0.1 s, then Finished.

    It begins when it is first advanced. Closing it stops the answer; Stop on the page ends it with the reason "stop".
    Raises Conflict while another answer of the conversation runs, what the answer fails with, and what Chat.ask raises.
    """
    engine = services.fleet.engine(about.model if model is None else model)
    refuse_unable(options, ready(engine))
    try:
        reply = services.chat.ask(about.owner, about.id, text, options=options, model=model)
    except (BadInput, TooLong) as problem:
        problem.parameter = problem.parameter or "messages"
        raise
    try:
        for event in follow(reply, TICK_SECONDS):
            if isinstance(event, Failed):
                raise problem_of(event)
            if isinstance(event, Delta | Finished):
                yield 0, event
            else:
                yield 0, _stopped(engine, reply) if isinstance(event, Cancelled) else Delta("")
    finally:
        reply.stop()


def _stopped(engine: Engine, reply: Reply) -> Finished:
    """The end of an answer that somebody stopped, with what it took as far as that can be told."""
    window = reply.window
    prompt = window.context - window.reserve if window else 0
    try:
        return Finished("stop", Usage(prompt_tokens=prompt, answer_tokens=engine.count([reply.text])[0]))
    except Problem:
        return Finished("stop", Usage(prompt_tokens=prompt))
