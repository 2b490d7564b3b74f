"""One client's WebSocket: its messages within limits, what is sent to it, whether it is still there, and its end.

Covered: text only, in UTF-8, of a bounded length; a bounded number of frames of whatever kind in a time; a bounded buffer for a
client that does not read; nothing is ever compressed, so that nothing can be inflated. Not covered: who the client is, and what
the messages say. One thread (a greenlet in the server) reads for as long as the socket is there, another one writes while there
is something to write: a socket on which nothing happens costs one of them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Message, Ping, Pong, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, generate_accept_token

from webbot.channel import Lagging
from webbot.web.brake import Bucket

SIGNED_OUT = 4401  # the code of the end for whoever may not be here any more
RESTART, LATER, LOST = CloseReason.SERVICE_RESTART, CloseReason.TRY_AGAIN_LATER, CloseReason.INTERNAL_ERROR
PIECE = 16384  # bytes that are read at once
BYTES_A_FRAME = 8192  # a longer frame counts as several
LINGER_SECONDS = 0.5  # the writer waits so long for more before it ends
DEAF_SECONDS = 0.01  # between two looks at what is thrown away
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`message_bytes` of a message; `unsent_bytes` that wait for a client that does not read; `frames` at once, and
    `frames_a_second` in the long run; a ping every `ping_seconds`, and the end after `missed_pongs` without an answer;
    `closing_seconds` for the client's part of an end."""

    message_bytes: int
    unsent_bytes: int = 262_144
    frames: float = 200.0
    frames_a_second: float = 20.0
    ping_seconds: float = 20.0
    missed_pongs: int = 2
    closing_seconds: float = 2.0


class Line(Protocol):
    """What a socket asks of its connection."""

    def receive(self, size: int) -> bytes: ...
    def sendall(self, data: bytes) -> None: ...
    def cut(self) -> None: ...


class Talk(Protocol):
    """Who the socket is for."""

    def begin(self) -> None:
        """The socket is there. Called in the thread that reads, as `hear` is."""

    def hear(self, text: str) -> None:
        """A message came."""

    def next(self) -> str | None:
        """The next message to send, None where there is none now; it is asked again after `Socket.wake`. Raises Lagging."""

    def speaks(self) -> bool:
        """Whether there is more to say, now or soon."""

    def close(self) -> None:
        """The socket is gone."""


def accepted(key: str, headers: Sequence[tuple[str, str]]) -> bytes:
    """The response that opens a WebSocket for the client's `key`, with more `headers`."""
    token = generate_accept_token(key.encode("ascii")).decode()
    own = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", token)]
    lines = [f"{name}: {value}" for name, value in (*own, *headers)]
    return "\r\n".join(["HTTP/1.1 101 Switching Protocols", *lines, "", ""]).encode("latin-1")


class Socket:
    """A WebSocket that `opening`, the response to its request, opens. `run` reads until its end; everything else may be called
    from any thread, and returns at once."""

    def __init__(self, line: Line, opening: bytes, limits: Limits, make_talk: Callable[[Socket], Talk]) -> None:
        self.line, self.limits = line, limits
        self.talk = make_talk(self)
        self._frames = Frames(ConnectionType.SERVER)
        self._bucket = Bucket(limits.frames, limits.frames_a_second)
        self._parts: list[str] = []
        self._length = 0
        self._unsent: deque[bytes] = deque([opening])
        self._unsent_bytes = len(opening)
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._due = self._writes = self._deaf = self._over = False
        self._ended_at = 0.0
        self._asked_at, self._unanswered = time.monotonic(), 0

    def run(self) -> None:
        """Opens the socket and reads until its end. Raises nothing."""
        try:
            self.wake()
            self.talk.begin()
            while data := self.line.receive(PIECE):
                self._read(data)
        except OSError as error:
            log.debug("a socket ended: %s", error)
        except Exception:
            log.exception("a socket failed")
        finally:
            with self._lock:
                self._over, self._ended_at = True, self._ended_at or time.monotonic()
            self.talk.close()
            self.line.cut()

    # what comes

    def _read(self, data: bytes) -> None:
        self._unanswered = 0
        if self._deaf:
            time.sleep(DEAF_SECONDS)  # whoever floods gets no more of this process than that
            return
        self._frames.receive_data(data)
        for event in self._frames.events():
            if isinstance(event, CloseConnection):
                self._part(event)
                return
            if not self._bucket.takes(_cost(event)):
                self._refuse(CloseReason.POLICY_VIOLATION, "too many frames in a short time")
                return
            if not self._ended_at:
                self._meet(event)

    def _meet(self, event: Event) -> None:
        if isinstance(event, Ping):
            self._queue(event.response())
        elif isinstance(event, BytesMessage):
            self._refuse(CloseReason.UNSUPPORTED_DATA, "text is read here, nothing else")
        elif isinstance(event, TextMessage):
            self._parts.append(event.data)
            self._length += len(event.data.encode())
            if self._length > self.limits.message_bytes:
                self._refuse(CloseReason.MESSAGE_TOO_BIG, f"a message has at most {self.limits.message_bytes} bytes")
            elif event.message_finished:
                text = "".join(self._parts)
                self._parts, self._length = [], 0
                self.talk.hear(text)

    def _part(self, event: CloseConnection) -> None:
        """The client ends the socket, answers its end, or has broken the protocol."""
        if self._frames.state is ConnectionState.REMOTE_CLOSING:
            self._end(event.response())
        elif self._frames.state is ConnectionState.OPEN:
            self._refuse(event.code, event.reason or "")
        self._deaf = True
        self.wake()

    def _refuse(self, code: int, reason: str) -> None:
        """Ends the socket; what else the client sends is not looked at."""
        self._deaf = True
        self._parts = []
        self.end(code, reason)

    # what goes

    def send(self, text: str) -> None:
        """Sends a message soon, before what the talk has to say. Nothing is sent after the end."""
        self._queue(TextMessage(data=text))

    def wake(self) -> None:
        """The talk may have more to say."""
        with self._lock:
            if self._over:
                return
            self._due = True
            writes, self._writes = self._writes, True
        if writes:
            self._woken.set()
        else:
            threading.Thread(target=self._write, daemon=True, name="socket").start()

    def end(self, code: int, reason: str = "") -> None:
        """Ends the socket after what waits to be sent; a client that does not do its part is cut by `look`."""
        self._end(CloseConnection(code=code, reason=reason))

    def _end(self, event: CloseConnection) -> None:
        with self._lock:
            if self._ended_at:
                return
            self._ended_at = time.monotonic()
            self._unsent.append(bytes(self._frames.send(event)))
        self.wake()

    def _queue(self, event: Message | Pong | Ping) -> None:
        with self._lock:
            if self._ended_at:
                return
            try:
                data = bytes(self._frames.send(event))
            except LocalProtocolError:  # the client has ended it
                return
            full = self._unsent_bytes + len(data) > self.limits.unsent_bytes
            if full:
                self._unsent.clear()
                self._unsent_bytes = 0
            else:
                self._unsent.append(data)
                self._unsent_bytes += len(data)
        if full:
            self.end(LATER, "too much was not read")
        else:
            self.wake()

    def _write(self) -> None:
        try:
            while True:
                self._due = False
                self._woken.clear()
                while (data := self._next()) is not None:
                    self.line.sendall(data)
                if self._frames.state is ConnectionState.CLOSED:
                    self.line.cut()
                if not self._woken.wait(LINGER_SECONDS):
                    with self._lock:
                        if not self._due:
                            self._writes = False
                            return
        except OSError as error:
            log.debug("a socket cannot be written to: %s", error)
            self.line.cut()
        except Exception:
            log.exception("a socket cannot be written to")
            self.line.cut()

    def _next(self) -> bytes | None:
        """The next bytes to send. Messages of the talk are asked for only where the last one is on its way."""
        with self._lock:
            if self._unsent:
                data = self._unsent.popleft()
                self._unsent_bytes -= min(len(data), self._unsent_bytes)
                return data
        if self._ended_at:
            return None
        try:
            text = self.talk.next()
        except Lagging:
            self.end(LATER, "too much was not read")
            return self._next()
        with self._lock:
            if text is None or self._ended_at:
                return self._unsent.popleft() if self._unsent else None
            return bytes(self._frames.send(TextMessage(data=text)))

    # from time to time

    def look(self, now: float) -> None:
        """Pings a client that is due for it, and cuts one that is not there any more. `now` is of the monotonic clock."""
        if self._ended_at:
            if now - self._ended_at > self.limits.closing_seconds:
                self.line.cut()
        elif now - self._asked_at >= self.limits.ping_seconds:
            self._asked_at = now
            if self._unanswered >= self.limits.missed_pongs:
                self.end(LOST, "no answer to pings")
            else:
                self._unanswered += 1
                self._queue(Ping())


def _cost(event: Event) -> float:
    """What an event of the protocol counts: a frame is one, a long one several, and a piece of one its part."""
    if isinstance(event, Message):
        return (1.0 if event.frame_finished else 0.0) + len(event.data) / BYTES_A_FRAME
    return 1.0
