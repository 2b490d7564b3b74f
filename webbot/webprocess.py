"""The web process: thousands of connections in greenlets, each with a deadline for whatever its client does.

Takes gunicorn's parser and responses; the accept loop, the conversation and the end are its own. The services are opened after
the fork and closed at the end, which also comes when the master is gone. HTTP/2 stays off: gunicorn would serve the streams
of one connection one after another.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

import gevent
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn import util
from gunicorn.http import errors, get_parser
from gunicorn.workers.ggevent import GeventWorker

from webbot import certs, metrics
from webbot.connection import FIRST_SECONDS, KEEP_SECONDS, UNREAD, Connection, Guests, HandedOver
from webbot.forwarding import trust
from webbot.settings import Settings

MOST_OF_ONE_ADDRESS = 400
CLOSING_SECONDS = 20.0  # for running answers, after the services were told to close
DRAIN_SECONDS = 2.0  # for the rest of a refused upload, so that the refusal arrives
TICK = 0.25
SOCKET_ADDRESS = ("unix", 0)  # of whoever comes by the Unix socket
RENEWAL_SECONDS = 3600.0
RENEWAL_APART_SECONDS = 20.0
WSGI = Callable[[dict, Callable], Any]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Apps:
    """What is served: `pages` over HTTPS, each of `plain` over plain HTTP on the port of that number or the Unix socket of
    that path.

    `close` ends what they use.
    """

    pages: WSGI
    plain: Mapping[int | str, WSGI] = field(default_factory=dict)
    close: Callable[[], None] = lambda: None


class Worker(GeventWorker):
    """The web process. gunicorn's parser and responses, with an accept loop, a conversation and an end of our own."""

    def load_wsgi(self) -> None:
        if self.cfg.workers > 1:
            metrics.process = str(self.age)
        self.app.replaces = self.age > self.cfg.workers
        super().load_wsgi()

    def run(self) -> None:
        settings: Settings = self.app.settings
        self.current = certs.Current(self.app.files)
        self.guests = Guests(min(MOST_OF_ONE_ADDRESS, self.worker_connections // 2))
        self.pages: WSGI = self.app.wsgi()
        self.wsgi = self.answer
        self.plain: Mapping[int | str, WSGI] = self.app.apps.plain
        self.trust = trust(settings)
        pool = Pool(self.worker_connections)
        servers = []
        for listener in self.sockets:
            listener.setblocking(1)
            plain = _place(listener) in self.plain
            servers.append(StreamServer(listener, handle=partial(self.meet, listener, plain), spawn=pool))
            servers[-1].start()
        keeper = gevent.spawn(self.keep_certificate, settings)
        log.info("ready")
        while self.alive:
            self.notify()
            gevent.sleep(TICK)
        keeper.kill(block=False)
        self.finish(servers, pool)

    def finish(self, servers: list[StreamServer], pool: Pool) -> None:
        """Stops accepting, lets the services end the running answers, and waits for what is still on its way out."""
        until = monotonic() + CLOSING_SECONDS
        for server in servers:
            server.close()
        closing = gevent.spawn(self.close_services)
        while monotonic() < until and not (closing.ready() and not len(pool)):
            self.guests.send_idle_home()
            self.notify()
            gevent.sleep(TICK / 5)
        pool.kill(block=True, timeout=1)
        closing.join(timeout=1)

    def close_services(self) -> None:
        try:
            self.app.apps.close()
        except Exception:
            log.exception("the services did not close cleanly")

    def notify(self) -> None:
        self.tmp.notify()
        if self.ppid != os.getppid():
            self.alive = False

    def init_signals(self) -> None:
        super().init_signals()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the master decides

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Ctrl-C reaches every process of the terminal: end as with SIGTERM."""
        self.alive = False

    def keep_certificate(self, settings: Settings) -> None:
        """Takes over replaced files within seconds, renews the own certificate and warns of an end within the hour."""
        among = self.age % self.cfg.workers  # several web processes do this one after another
        renewal = monotonic() + RENEWAL_SECONDS + among * RENEWAL_APART_SECONDS
        while True:
            gevent.sleep(2)
            try:
                if monotonic() >= renewal:
                    renewal += RENEWAL_SECONDS
                    if sentence := certs.warning(certs.ensure(settings)):
                        log.warning(sentence)
                self.current.refresh()
            except Exception as error:  # the certificate in use goes on
                log.error("the certificate could not be renewed: %s", error)

    def meet(self, listener: Any, plain: bool, sock: Any, address: tuple) -> None:
        """A new connection, in a greenlet of its own."""
        address = address or SOCKET_ADDRESS
        shared = address == SOCKET_ADDRESS or self.trust.lists(address[0])  # a proxy comes for everybody
        with self.guests.admitted("" if shared else address[0]) as welcome:
            if not welcome:
                return
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD)
            if address != SOCKET_ADDRESS:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(sock, plain)
            with self.guests.listed(connection):
                try:
                    if plain or connection.encrypt(self.current.context):
                        self.converse(listener, connection, address)
                        connection.talk_over()
                finally:
                    util.close(connection)

    def converse(self, listener: Any, connection: Connection, address: tuple) -> None:
        """Requests and answers, one after another, until either side ends it."""
        parser = get_parser(self.cfg, connection, address)
        request, patience = None, FIRST_SECONDS
        try:
            while self.alive:
                request = None
                connection.await_request(patience)
                request, patience = next(parser), KEEP_SECONDS
                connection.await_body()
                last = self.is_last(listener, connection, request, address)
                connection.await_rest(DRAIN_SECONDS)
                if not parser.finish_body(monotonic() + DRAIN_SECONDS):
                    self.part(connection)
                    return
                if last:
                    connection.early = parser.unreader.take_buffered()
                    return
        except (StopIteration, errors.NoMoreData):
            pass
        except OSError as error:
            log.debug("a connection of %s ended: %s", address[0], error)
        except Exception as error:
            self.handle_error(request, connection, address, error)

    def is_last(self, listener: Any, connection: Connection, request: Any, address: tuple) -> bool:
        """Answers a request; whether the connection ends with it."""
        try:
            name = listener.getsockname()
            self.handle_request(SOCKET_ADDRESS if isinstance(name, str) else name, request, connection, address)
        except StopIteration:
            return True
        return False

    def is_already_handled(self, respiter: Any) -> bool:
        """Whether the application takes the connection over: then HTTP ends on it without a response."""
        if isinstance(respiter, HandedOver):
            raise StopIteration
        return False

    def part(self, connection: Connection) -> None:
        """Ends a connection whose client still sends, so that the answer is read before the reset."""
        connection.shutdown(socket.SHUT_WR)
        gevent.sleep(DRAIN_SECONDS / 2)

    def answer(self, environ: dict, start_response: Callable) -> Any:
        connection = environ["gunicorn.socket"]
        environ["webbot.gone"] = connection.gone
        app = self.plain[_place(connection)] if connection.plain else self.pages
        gevent.sleep(0)  # a connection whose next request is there already must not be served before all others
        return app(environ, start_response)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """A request that is not HTTP, or over a limit: the bare status, and nothing of it in the log."""
        status, reason = next((answer for kind, *answer in REFUSALS if isinstance(exc, kind)), FAILURE)
        if status == FAILURE[0]:
            log.error("a request failed outside of the application", exc_info=exc)
        else:
            log.info("refused a request from %s: %s", addr[0], type(exc).__name__)
        try:
            util.write_error(client, status, reason, "")
            self.part(client)
        except OSError:
            pass


def _place(sock: Any) -> int | str:
    """A socket's port; of a Unix socket its path."""
    name = sock.getsockname()
    return name if isinstance(name, str) else name[1]


FAILURE = (500, "Internal Server Error")
REFUSALS = (
    (errors.LimitRequestLine, 414, "URI Too Long"),
    (errors.LimitRequestHeaders, 431, "Request Header Fields Too Large"),
    (errors.ExpectationFailed, 417, "Expectation Failed"),
    (errors.UnsupportedTransferCoding, 501, "Not Implemented"),
    (errors.ParseException, 400, "Bad Request"),
)
