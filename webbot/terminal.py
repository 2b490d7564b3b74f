"""The terminal as a door: a conversation, or the words of a recording, without a server.

The services are opened over a folder of their own that is gone at the end, so that a running server's conversations are not
touched.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from webbot import logs
from webbot.errors import Problem, SettingsError, Unavailable
from webbot.messages import Delta, Failed, Queued
from webbot.reply import follow
from webbot.services import Services
from webbot.settings import Settings

PATIENCE_SECONDS = 300.0  # for a model that loads


def chat(chosen: Settings) -> int:
    """A conversation in a store of its own that is gone at the end: a running server's is not touched."""
    with tempfile.TemporaryDirectory(prefix="webbot-") as folder, _opened(chosen, folder, speech=False) as services:
        _await(services.engine.state)
        print(f"{services.engine.state().name}. Ctrl-C stops an answer, Ctrl-D ends.")
        about = services.chat.create("terminal", chosen.role)
        while (question := _ask()) is not None:
            if question.strip():
                _tell(services.chat, about.id, question)
    return 0


def _opened(chosen: Settings, folder: str, **changes: Any) -> closing[Services]:
    """Services over a folder of their own."""
    logs.configure("debug" if chosen.log_level == "debug" else "error")
    return closing(Services.open(dataclasses.replace(chosen, data=Path(folder), access_code="", **changes)))


def _ask() -> str | None:
    """A line of the person; None at the end."""
    try:
        return input("> ")
    except (EOFError, KeyboardInterrupt):
        print()
        return None


def _tell(talk: Any, conversation: str, question: str) -> None:
    """Prints an answer as it grows; Ctrl-C stops it."""
    try:
        reply = talk.ask("terminal", conversation, question)
    except Problem as problem:
        print(problem)
        return
    events = follow(reply)
    while True:
        try:
            for event in events:
                if isinstance(event, Delta):
                    print(event.text, end="", flush=True)
                elif isinstance(event, Queued) and event.position:
                    print(f"({event.position - 1} before this one, about {event.seconds:.0f} s)")
                elif isinstance(event, Failed):
                    print(f"\n{event.sentence}", end="")
            break
        except KeyboardInterrupt:
            reply.stop()
            reply.wait(5)
            break
    print("\n")


def transcribe(chosen: Settings, path: Path) -> int:
    """Prints the words of a recording."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SettingsError("{path} cannot be read: {why}.", path=path, why=error.strerror) from None
    alone = {"engine": "echo", "speech": True, "offline": True}
    with tempfile.TemporaryDirectory(prefix="webbot-") as folder, _opened(chosen, folder, **alone) as services:
        _await(lambda: services.speech and services.speech.current.state())
        transcript = services.transcribe(data, chosen.speech_language)
    print(transcript.text)
    if not transcript.text:
        print("There are no words in it.", file=sys.stderr)
    return 0


def _await(state: Any) -> None:
    """Waits for a model. Raises Unavailable when it fails."""
    until = time.monotonic() + PATIENCE_SECONDS
    while (now := state()).status != "ready":
        if now.status == "failed" or time.monotonic() > until:
            raise Unavailable(now.sentence or "The model did not load in time.")
        time.sleep(0.1)
