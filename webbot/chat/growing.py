"""An answer on its way into the store."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time

from webbot.errors import NotFound, Problem
from webbot.messages import Message
from webbot.reply import Reply
from webbot.store.base import Store

SAVE_SECONDS = 1.0  # a growing answer is saved this often

log = logging.getLogger(__name__)


class Growing:
    """An answer on its way into the store: saved as it grows, and once at its end. One that is gone on with has text already."""

    def __init__(self, store: Store, reply: Reply) -> None:
        self.store, self.reply = store, reply
        # Whatever was counted or went wrong before the answer was gone on with is no longer so.
        self.answer = dataclasses.replace(reply.answer, tokens=None, counted_by="", error="")
        self.parts = [reply.answer.text]
        self.saved = time.monotonic()

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def grow(self, text: str) -> None:
        if not text:
            return
        self.parts.append(text)
        if time.monotonic() - self.saved > SAVE_SECONDS:
            self._save(status="streaming")
            self.saved = time.monotonic()

    def end(self, status: str, **fields: object) -> None:
        self._save(status=status, **fields)

    def _save(self, **fields: object) -> None:
        answer = dataclasses.replace(self.answer, text=self.text, **fields)  # type: ignore[arg-type]
        try:
            self.store.save_answer(self.reply.owner, self.reply.conversation, answer)
        except NotFound:
            self.reply.stop()  # the conversation was deleted meanwhile
        except Problem as problem:
            log.error("an answer could not be saved: %s", problem)  # it goes on: the person still reads it
            if fields["status"] != "streaming":
                self._retry(answer)

    def _retry(self, answer: Message) -> None:
        """The end of an answer must not be lost to a full disk or a lock that soon goes away."""

        def save() -> None:
            for pause in (1, 2, 4, 8, 15, 30, 60):
                time.sleep(pause)
                try:
                    return self.store.save_answer(self.reply.owner, self.reply.conversation, answer)
                except NotFound:
                    return None
                except Problem:
                    continue
            return None

        threading.Thread(target=save, daemon=True, name="save again").start()
