"""The echo engine: answers with the question, word by word. A true small engine for tests, demonstrations and load.

A token is a word with the white space before it. It remembers like a model: "what did I say" is answered from the messages
it was given, so that a test can see what the model saw. A plain text goes on with the text itself, an answer that was cut with
what was left of it. The word CLOCK is answered with the time at which it is said, in seconds of the monotonic clock: whoever
reads it knows how long it was on its way.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from webbot.engines.base import Engine, EngineState, refuse_unable
from webbot.engines.compute.figures import Figures
from webbot.engines.stops import Stops
from webbot.errors import BadInput, TooLong
from webbot.messages import Called, Delta, Finished, Message, Options, Usage

TOKEN = re.compile(r"\s*\S+|\s+")
OPENING, FRAME = 2, 3
CLOCK = "<clock>"
ABILITIES = frozenset({"sampling", "top_k", "min_p", "stop", "go_on", "complete"})  # every seed gives the same answer


class EchoEngine(Engine):
    """`context` is the window in tokens, `pause` the seconds between two words."""

    def __init__(self, context: int = 8192, pause: float = 0.0) -> None:
        self.context, self.pause = context, pause
        self._busy = 0
        self._figures = Figures(lambda: {"running": self._busy, "waiting": 0})

    def state(self) -> EngineState:
        return EngineState(
            name="echo", status="ready", progress=1.0, context=self.context, opening=OPENING, frame=FRAME, tokenizer="echo",
            abilities=ABILITIES,
        )

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(TOKEN.findall(text)) for text in texts]

    def answer(self, messages: Sequence[Message], options: Options, *, owner: str = "") -> Iterator[Delta | Called | Finished]:
        for message in messages:
            if message.role not in ("system", "user", "assistant"):
                raise BadInput("The role {role} is not known.", role=repr(message.role)[:40])
        prompt = OPENING + sum(FRAME + count for count in self.count([message.text for message in messages]))
        if messages[-1].role != "assistant":
            yield from self._speak(_reply(messages), options, prompt)
        elif len(messages) > 1:  # the opening of an answer is its frame
            yield from self._speak(_reply(messages[:-1]).removeprefix(messages[-1].text), options, prompt - FRAME)
        else:
            raise BadInput("There is no question before the answer that is to be gone on with.", parameter="messages")

    def complete(self, prompt: str | Sequence[int], options: Options, *, owner: str = "") -> Iterator[Delta | Called | Finished]:
        if not isinstance(prompt, str):
            raise BadInput("The echo has no numbers for its tokens. Please send text.", parameter="prompt")
        if not prompt:
            raise BadInput("The text is empty.", parameter="prompt")
        yield from self._speak(prompt, options, len(TOKEN.findall(prompt)))

    def _speak(self, text: str, options: Options, prompt: int) -> Iterator[Delta | Called | Finished]:
        """Says the words of a text after a prompt of so many tokens."""
        refuse_unable(options, self.state())
        if prompt >= self.context:
            raise TooLong("The prompt has {count} tokens, the model reads {limit}.", count=prompt, limit=self.context)
        started = time.monotonic()
        words, stops = TOKEN.findall(text), Stops(options.stop)
        limit = min(options.max_tokens or self.context, self.context - prompt)
        first, written = 0.0, 0
        with self._working():
            for word in words[:limit]:
                if self.pause:
                    time.sleep(self.pause)
                first = first or time.monotonic() - started
                written += 1
                self._figures.step(self.pause, read=0 if written > 1 else prompt, written=1)
                yield Delta(stops.push(word.replace(CLOCK, f"{time.monotonic():.6f}")))
                if stops.found:
                    break
            if rest := stops.finish():
                yield Delta(rest)
            usage = Usage(
                prompt_tokens=prompt, answer_tokens=written, first_token_seconds=first, seconds=time.monotonic() - started
            )
            self._figures.answer(prompt=prompt, found=0, submitted=started, began=started, first=started + first,
                                 ended=started + usage.seconds)
            yield Finished("length" if limit < len(words) and not stops.found else "stop", usage)

    @contextmanager
    def _working(self) -> Iterator[None]:
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1

    def busy(self) -> int:
        return self._busy

    def figures(self) -> dict[str, Any]:
        return self._figures.taken()


def _reply(messages: Sequence[Message]) -> str:
    question = messages[-1].text
    if question.strip().lower().startswith("what did i say"):
        said = [message.text for message in messages[:-1] if message.role == "user"]
        return "You said: " + " | ".join(said) if said else "You said nothing that I remember."
    return question or "(nothing)"
