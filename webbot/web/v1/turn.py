"""A turn of a stored conversation that a program makes: an open page shows it as it grows."""

from __future__ import annotations

from collections.abc import Iterator

from webbot.errors import BadInput, Problem, TooLong
from webbot.messages import Cancelled, Conversation, Delta, Event, Failed, Finished, Options, Usage
from webbot.reply import Lagging, Reply, follow
from webbot.services import Services

TICK_SECONDS = 0.1


class Ended(Problem):
    """The turn failed; what was written of its answer is stored."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.sentence)
        self.status = failed.status


def turn(services: Services, about: Conversation, text: str, options: Options) -> Iterator[tuple[int, Delta | Finished]]:
    """Asks `text` in the conversation: (0, part) as the answer grows, an empty Delta at least every 0.1 s, then Finished.

    It begins when it is first advanced. Closing it stops the answer; Stop on the page ends it with the reason "stop".
    Raises Conflict while another answer of the conversation runs, Ended when the answer fails, and what Chat.ask raises.
    """
    services.chat.programs.check(options)
    try:
        reply = services.chat.ask(about.owner, about.id, text, options=options)
    except (BadInput, TooLong) as problem:
        problem.parameter = problem.parameter or "messages"
        raise
    try:
        for event in _events(reply, services):
            if isinstance(event, Failed):
                raise Ended(event)
            if isinstance(event, Delta | Finished):
                yield 0, event
            else:
                yield 0, _stopped(services, reply) if isinstance(event, Cancelled) else Delta("")
    finally:
        reply.stop()


def _events(reply: Reply, services: Services) -> Iterator[Event | None]:
    """What `follow` gives, for as slow a reader as there may be: one that was cut off goes on where it was."""
    told = 0
    while True:
        seen = 0
        try:
            for event in follow(reply, services.chat.channels, TICK_SECONDS):
                if isinstance(event, Delta):
                    fresh = event.text[max(0, told - seen):]
                    seen += len(event.text)
                    told = max(told, seen)
                    yield Delta(fresh)
                else:
                    yield event
            return
        except Lagging:
            continue


def _stopped(services: Services, reply: Reply) -> Finished:
    """The end of an answer that somebody stopped, with what it took as far as that can be told."""
    window = reply.window
    prompt = window.role + window.memory + window.question if window else 0
    try:
        return Finished("stop", Usage(prompt_tokens=prompt, answer_tokens=services.engine.count([reply.text])[0]))
    except Problem:
        return Finished("stop", Usage(prompt_tokens=prompt))
