"""Has answers computed by llama.cpp: a thread for each, which waits for its slot and then passes on what comes."""

from __future__ import annotations

import logging
import queue
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from webbot.engines.compute.figures import Figures
from webbot.engines.llama_cpp.asked import Asked
from webbot.engines.llama_cpp.line import Line, Seated
from webbot.engines.llama_cpp.server import Server
from webbot.engines.outgoing import Piece, wire
from webbot.errors import Problem, TooLong, Unavailable

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True, kw_only=True)
class Request(Seated):
    """An answer with what it asks. `events` receives a Piece for each token, then "stop", "length" or a Problem. The moments are
    those of the monotonic clock, None for what has not come."""

    asked: Asked
    submitted: float = field(default_factory=time.monotonic)
    began: float | None = None
    first: float | None = None
    events: queue.SimpleQueue[Piece | str | Problem] = field(default_factory=queue.SimpleQueue)


class Runner:
    """`steps` counts what came from llama.cpp: it stands still when it hangs or nothing is asked."""

    def __init__(self, server: Server, line: Line) -> None:
        self._server, self._line = server, line
        self._changed = threading.Condition()
        self.steps, self._moved = 0, time.monotonic()
        self.figures = Figures(lambda: dict(zip(("running", "waiting"), self.load(), strict=True)))

    def submit(self, request: Request) -> None:
        """Queues a request. Raises TooMany."""
        with self._changed:
            self._line.submit(request)
            if not self._line.active:
                self._moved = time.monotonic()
        threading.Thread(target=self._work, args=(request,), daemon=True, name="answer").start()

    def cancel(self, request: Request) -> None:
        """Frees the slot at the next step, at once when the request still waits. Harmless for a finished one."""
        with self._changed:
            request.cancelled = True
            self._changed.notify_all()

    def load(self) -> tuple[int, int]:
        """How many answers are in work, and how many wait."""
        with self._changed:
            return len(self._line.active), self._line.waiting

    def idle_seconds(self) -> float:
        """How long llama.cpp has been silent while an answer is in work; 0 when none is."""
        with self._changed:
            return time.monotonic() - self._moved if self._line.active else 0.0

    def _work(self, request: Request) -> None:
        try:
            if self._seated(request):
                request.began = time.monotonic()
                end = self._single(request) if request.asked.single else self._stream(request)
                request.events.put(end)
        except Exception:
            log.exception("an answer failed")
            request.events.put(Unavailable("The model failed on this request. Please try again."))
        finally:
            with self._changed:
                self._line.finish(request)
                self._changed.notify_all()
                self._measure(request)

    def _measure(self, request: Request) -> None:
        self.figures.wrote(read=len(request.prompt) - request.found if request.first is not None else 0)
        self.figures.answer(
            prompt=len(request.prompt), found=request.found, submitted=request.submitted, began=request.began,
            first=request.first, ended=time.monotonic(),
            failed=request.began is not None and request.first is None and not request.cancelled,
        )

    def _seated(self, request: Request) -> bool:
        """Waits for a slot; false when the request was cancelled before."""
        with self._changed:
            while not request.cancelled:
                self._line.seat()
                if request.slot is not None:
                    self._changed.notify_all()  # others may have been seated, too
                    return True
                self._changed.wait()
            return False

    def _stream(self, request: Request) -> str | Problem:
        """All tokens of an answer in one go."""
        ending: list[str | Problem] = []
        passed, empty = 0, 0  # tokens passed on; tokens without text of which it is not known whether others follow

        def take(event: dict[str, Any]) -> bool:
            nonlocal passed, empty
            self._move()
            if "error" in event:
                ending.append(_problem(event["error"]))
            elif "prompt_progress" not in event:
                choice = event["choices"][0]
                if choice["finish_reason"] is not None:
                    usage = event["usage"]
                    request.found = usage["prompt_tokens_details"]["cached_tokens"]
                    written = usage["completion_tokens"] - (choice["finish_reason"] == "stop")
                    self._pass(request, written - passed, choice["text"])
                    ending.append(choice["finish_reason"])
                elif choice["text"]:
                    self._pass(request, empty + 1, choice["text"])
                    passed, empty = passed + empty + 1, 0
                else:
                    empty += 1
            return request.cancelled

        body = request.asked.body(request.prompt, request.limit)
        self._complete(request, body | {"stream": True, "return_progress": True}, take)
        return ending[0] if ending else Unavailable("The model failed on this request. Please try again.")

    def _pass(self, request: Request, tokens: int, text: str) -> None:
        """So many tokens have made this text."""
        for _ in range(tokens - 1):
            request.events.put(Piece(""))
        if tokens > 0 or text:
            self._put(request, Piece(text), tokens)

    def _put(self, request: Request, piece: Piece, tokens: int = 1) -> None:
        request.first = request.first or time.monotonic()
        request.events.put(piece)
        with self._changed:
            self.figures.wrote(written=max(tokens, 0))

    def _single(self, request: Request) -> str | Problem:
        """One token after the other."""
        held = b""
        for number in range(request.limit):
            events: list[dict[str, Any]] = []
            prompt = [*request.prompt, *request.written]
            body = request.asked.body(prompt, 1) | {"stream": False, "n_probs": max(request.asked.likeliest or 0, 1)}
            self._complete(request, body, lambda event, events=events: bool(events.append(event)))
            if request.cancelled:
                return "stop"
            if not events or "error" in events[0]:
                return _problem(events[0]["error"] if events else {})
            self._move()
            if not number:
                request.found = events[0]["usage"]["prompt_tokens_details"]["cached_tokens"]
            choice = events[0]["choices"][0]
            if choice["finish_reason"] == "stop":
                break
            token = choice["logprobs"]["content"][0]
            request.written.append(token["id"])
            request.asked.note(token["id"])
            request.keeps = True
            text, held = _whole(held + bytes(token["bytes"]))
            self._put(request, Piece(text, _scored(token, request.asked.likeliest)))
        else:
            return "length"
        return "stop"

    def _complete(self, request: Request, body: dict[str, Any], take: Any) -> None:
        self._server.complete(body | {"id_slot": request.slot, "cache_prompt": request.keeps}, take)

    def _move(self) -> None:
        self.steps += 1
        self._moved = time.monotonic()


def _whole(data: bytes) -> tuple[str, bytes]:
    """The text of the bytes, and those at their end that are a character not whole yet."""
    for size in range(min(3, len(data)) + 1):
        end = len(data) - size
        try:
            return data[:end].decode(), data[end:]
        except UnicodeDecodeError as error:
            if error.reason not in ("unexpected end of data", "invalid continuation byte", "invalid start byte"):
                raise
    return data.decode(errors="replace"), b""


def _scored(token: dict[str, Any], likeliest: int | None) -> list[Any] | None:
    if likeliest is None:
        return None
    others = [[wire(bytes(other["bytes"])), other["logprob"]] for other in token["top_logprobs"][:likeliest]]
    return [wire(bytes(token["bytes"])), token["logprob"], others]


def _problem(error: dict[str, Any]) -> Problem:
    log.error("llama.cpp refused a request: %s", str(error)[:300])
    if error.get("type") == "exceed_context_size_error":
        return TooLong("The prompt has {count} tokens, the model reads {limit}.", count=error.get("n_prompt_tokens", 0),
                       limit=error.get("n_ctx", 0))
    return Unavailable("The model failed on this request. Please try again.")
