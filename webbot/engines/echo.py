"""The echo engine: answers with the question, word by word. A true small engine for tests, demonstrations and load.

A token is a word with the white space before it. It remembers like a model: "what did I say" is answered from the messages
it was given, so that a test can see what the model saw.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence

from webbot.engines.base import Engine, EngineState
from webbot.errors import BadInput, TooLong
from webbot.messages import Called, Delta, Finished, Message, Options, Usage

TOKEN = re.compile(r"\s*\S+|\s+")
OPENING, FRAME = 2, 3


class EchoEngine(Engine):
    """`context` is the window in tokens, `pause` the seconds between two words."""

    def __init__(self, context: int = 8192, pause: float = 0.0) -> None:
        self.context, self.pause = context, pause
        self._busy = 0

    def state(self) -> EngineState:
        return EngineState(
            name="echo", status="ready", progress=1.0, context=self.context, opening=OPENING, frame=FRAME, tokenizer="echo"
        )

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(TOKEN.findall(text)) for text in texts]

    def answer(self, messages: Sequence[Message], options: Options, *, owner: str = "") -> Iterator[Delta | Called | Finished]:
        for message in messages:
            if message.role not in ("system", "user", "assistant"):
                raise BadInput("The role {role} is not known.", role=repr(message.role)[:40])
        prompt = OPENING + sum(FRAME + count for count in self.count([message.text for message in messages]))
        if prompt >= self.context:
            raise TooLong("The prompt has {count} tokens, the model reads {limit}.", count=prompt, limit=self.context)
        self._busy += 1
        try:
            yield from self._speak(messages, min(options.max_tokens or self.context, self.context - prompt), prompt)
        finally:
            self._busy -= 1

    def _speak(self, messages: Sequence[Message], limit: int, prompt: int) -> Iterator[Delta | Called | Finished]:
        started = time.monotonic()
        words = TOKEN.findall(_reply(messages))
        first = 0.0
        for written, word in enumerate(words[:limit], start=1):
            if self.pause:
                time.sleep(self.pause)
            first = first or time.monotonic() - started
            yield Delta(word)
            if written == limit < len(words):
                break
        usage = Usage(
            prompt_tokens=prompt, answer_tokens=min(limit, len(words)), first_token_seconds=first,
            seconds=time.monotonic() - started,
        )
        yield Finished("length" if limit < len(words) else "stop", usage)

    def busy(self) -> int:
        return self._busy


def _reply(messages: Sequence[Message]) -> str:
    question = messages[-1].text
    if question.strip().lower().startswith("what did i say"):
        said = [message.text for message in messages[:-1] if message.role == "user"]
        return "You said: " + " | ".join(said) if said else "You said nothing that I remember."
    return question or "(nothing)"
