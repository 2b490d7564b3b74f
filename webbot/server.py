"""The server: gunicorn's master, which holds the listening sockets and starts a web process again when it dies. With several of
them it also keeps the process of the models that they share.

Knows the settings, the ports and the order of the start; what a client does is the web process's business. Whatever cannot
work is said in one line before anything heavy is started.
"""

from __future__ import annotations

import errno
import logging
import os
import resource
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gunicorn import glogging
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from webbot import certs, folder, logs, makers, safety
from webbot.auth import token_secret
from webbot.connection import KEEP_SECONDS
from webbot.errors import Problem, SettingsError
from webbot.local_socket import listen_at, socket_path
from webbot.settings import Settings
from webbot.shared.keeping import Keeping
from webbot.webprocess import CLOSING_SECONDS, WSGI, Apps, Worker

MOST_CONNECTIONS = 2000  # of a web process
AGAIN_SECONDS = 2.0
LOOPBACK = ("127.0.0.1", "::1")
MakeApp = Callable[[Settings], Apps]  # called in the web process

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Port:
    """A port to listen on, and the option that changes its number."""

    number: int
    addresses: tuple[str, ...]
    option: str


def open_app(settings: Settings, shared: Path | None = None) -> Apps:
    """webbot itself: the services of the settings and their doors. `shared` is where the keeper of the models listens."""
    from webbot.factory import create_app, create_plain_apps
    from webbot.services import Services

    services = Services.open(settings, shared)
    pages = create_app(services)
    return Apps(pages, create_plain_apps(settings, pages), services.close)


def run(
    settings: Settings, *, make_app: MakeApp | None = None, announce: Callable[[Settings], None] = lambda _: None,
) -> None:
    """Serves webbot, or what `make_app` makes, until SIGTERM or Ctrl-C, then leaves with SystemExit: 0, or 2 when the application
    cannot be built.

    Raises SettingsError before anything heavy is started: a taken port, an unusable certificate, files open to others.
    `announce` is called when the sockets listen.
    """
    os.umask(0o077)
    logs.configure(settings.log_level)
    token_secret(settings)
    safety.check_access(settings)
    makers.check(settings)
    check_workers(settings)
    chosen = ports(settings)
    refuse_open_data(settings)
    lock = folder.hold(settings.data)
    if settings.workers == 1:
        lock.close()  # said before anything is announced; the web process then holds it
    files = certs.ensure(settings)
    if sentence := certs.warning(files):
        log.warning(sentence)
    sockets = [sock for port in chosen for sock in listen(port)]
    if settings.socket:
        sockets.append(listen_at(socket_path(settings)))
    keeping = None
    if make_app is None:
        keeping = kept_models(settings)
        make_app = partial(open_app, shared=keeping.path) if keeping is not None else open_app
    announce(settings)
    for sentence in remarks(settings):
        log.warning(sentence)
    Application(settings, files, sockets, make_app, keeping).run()


def check_workers(settings: Settings) -> None:
    """Raises SettingsError for several web processes that could not hear of one another."""
    if not makers.relay_url(settings) and settings.workers > 1:
        raise SettingsError("{count} web processes need a Redis to tell one another what happens. Set "
                            "WEBBOT_REDIS=redis://HOST/0, or WEBBOT_WORKERS=1.", count=settings.workers)


def kept_models(settings: Settings) -> Keeping | None:
    """The keeper of the models that several web processes share, started; None for a single one. Raises SettingsError."""
    if settings.workers == 1:
        return None
    shutil.rmtree(settings.data / "run" / "speaking", ignore_errors=True)  # of web processes that were killed
    keeping = Keeping(settings)
    keeping.start()
    return keeping


def addresses(settings: Settings) -> list[str]:
    """What to bind to."""
    if settings.lan or settings.host == "0.0.0.0":  # noqa: S104
        return ["0.0.0.0", "::"]  # noqa: S104
    return list(LOOPBACK) if settings.host in ("127.0.0.1", "localhost") else [settings.host]


def ports(settings: Settings) -> list[Port]:
    """The HTTPS port first, then those over plain HTTP. Raises SettingsError when two of them have one number."""
    everywhere = tuple(addresses(settings))
    found = [Port(settings.port, everywhere, "--port")]
    if settings.lan:
        found.append(Port(settings.lan_port, everywhere, "--lan-port"))
    if settings.leonid_port:
        found.append(Port(settings.leonid_port, LOOPBACK, "--leonid-port"))
    if settings.proxy_port:
        found.append(Port(settings.proxy_port, everywhere, "--proxy-port"))
    taken: dict[int, Port] = {}
    for port in found:
        if port.number in taken:
            raise SettingsError("{option} and {other} are both {number}: each needs a port of its own.", number=port.number,
                                option=taken[port.number].option, other=port.option)
        taken[port.number] = port
    return found


def listen(port: Port) -> list[socket.socket]:
    """Listening sockets on `port`. Raises SettingsError with the remedy when that cannot be."""
    sockets: list[socket.socket] = []
    for address in port.addresses:
        try:
            sockets.append(_bound(address, port.number))
        except OSError as error:
            if sockets and not isinstance(error, PermissionError) and error.errno != errno.EADDRINUSE:  # a machine without IPv6
                continue
            raise SettingsError("Port {port} on {address} cannot be used: {why}. Choose another one with {option}.",
                                port=port.number, address=address, why=(error.strerror or str(error)).lower(),
                                option=port.option) from None
    return sockets


def remarks(settings: Settings) -> Iterator[str]:
    """What whoever starts the server should know of the settings, one line each."""
    yield from safety.remarks(settings)
    if settings.openai_key:
        yield "What programs ask of models that are not here goes to OpenAI, because OPENAI_API_KEY is set."
    if settings.leonid_port and not settings.leonid_secret:
        if settings.private:
            yield "Leonid's clients are believed without proof: no signature is verified. Set WEBBOT_LEONID_SECRET."
        else:
            yield "Leonid's port is open, but nobody is let in: others reach this server. Set WEBBOT_LEONID_SECRET."


def refuse_open_data(settings: Settings) -> None:
    """Raises SettingsError when others on this machine can read the conversations; makes the folder when it is missing."""
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        exposed = settings.data.stat().st_mode & 0o001 and [
            path for path in settings.data.iterdir() if path.is_file() and path.stat().st_mode & 0o006
        ]
    except OSError as error:
        raise SettingsError("The data folder {folder} cannot be used: {why}. Set WEBBOT_DATA to another one.",
                            folder=settings.data, why=error.strerror) from None
    if exposed:
        raise SettingsError("{path} can be read by other users of this machine. Run: chmod -R go= {folder}",
                            path=exposed[0], folder=settings.data)


def _bound(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(1024)
    except OSError:
        sock.close()
        raise
    return sock


class Log(glogging.Logger):
    """gunicorn's messages as lines of our log; its small talk only at debug."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self.error_log.propagate = True
        self.error_log.setLevel(logging.DEBUG if cfg.loglevel == "debug" else logging.WARNING)

    def access(self, resp: Any, req: Any, environ: dict, request_time: Any) -> None:
        log.debug("%s %s %s in %d ms", environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"), resp.status,
                  request_time.total_seconds() * 1000)


class Application(BaseApplication):
    """What gunicorn asks for: the configuration, and the application once the worker has been forked. `replaces` is whether that
    worker takes the place of one that was lost."""

    def __init__(
        self, settings: Settings, files: certs.Files, sockets: list[socket.socket], make_app: MakeApp, keeping: Keeping | None,
    ) -> None:
        self.settings, self.files, self.sockets, self.make_app = settings, files, sockets, make_app
        self.keeping, self.replaces = keeping, False
        self.apps = Apps(_nothing)
        super().__init__()

    def load_config(self) -> None:
        most = _most_connections()
        chosen = {
            "bind": [f"fd://{sock.detach()}" for sock in self.sockets], "workers": self.settings.workers,
            "worker_class": Worker, "worker_connections": most, "timeout": 120, "graceful_timeout": int(CLOSING_SECONDS) + 3,
            "keepalive": int(KEEP_SECONDS),
            "certfile": str(self.files.chain), "keyfile": str(self.files.key), "http_protocols": "h1",
            "limit_request_line": 8190, "limit_request_fields": 64, "limit_request_field_size": 8190,
            "forwarded_allow_ips": "", "secure_scheme_headers": {}, "forwarder_headers": "", "header_map": "drop",
            "proxy_protocol": "off", "preload_app": False, "reload": False, "accesslog": None, "errorlog": "-",
            "loglevel": self.settings.log_level, "logger_class": Log, "control_socket_disable": True, "pidfile": None,
            "proc_name": "webbot",
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> WSGI:
        try:
            self.apps = self.make_app(self.settings)
        except Problem as problem:
            log.error("%s", problem)
            if not self.replaces:
                sys.exit(Arbiter.APP_LOAD_ERROR)
            time.sleep(AGAIN_SECONDS)  # it could be built before: the store may be away, and the master tries again
            sys.exit(1)
        return self.apps.pages

    def run(self) -> None:
        Master(self).run()


class Master(Arbiter):
    """As many workers as the settings say, always; signals end it gracefully or mean nothing."""

    ending = 0.0  # when the workers were told to end

    def manage_workers(self) -> None:
        super().manage_workers()
        if self.app.keeping is not None:
            self.app.keeping.look()

    def stop(self, graceful: bool = True) -> None:
        self.ending = time.monotonic()
        for listener in [one for one in self.LISTENERS if isinstance(one.getsockname(), str)]:
            self.LISTENERS.remove(listener)  # gunicorn's own removal fails where the file is gone
            Path(listener.getsockname()).unlink(missing_ok=True)
            listener.close()
        super().stop(graceful)
        if self.app.keeping is not None:
            self.app.keeping.close()

    def reap_workers(self) -> None:
        """A worker that had just been forked when the others were told to end has not heard it: it is told again."""
        super().reap_workers()
        if self.ending and time.monotonic() - self.ending > AGAIN_SECONDS:
            self.ending = time.monotonic()
            self.kill_workers(signal.SIGTERM)

    def handle_int(self) -> None:
        raise StopIteration

    handle_quit = handle_int

    def handle_hup(self) -> None:
        """A closed terminal ends the server; otherwise there is nothing to load again, certificates come by themselves."""
        if os.isatty(0):
            raise StopIteration

    def _nothing(self) -> None:
        """Other numbers of workers are a matter of the settings; a second master would open the same models again."""

    handle_ttin = handle_ttou = handle_usr2 = handle_winch = _nothing

    def halt(self, reason: str | None = None, exit_status: int = 0) -> None:
        super().halt(None, 2 if exit_status == self.APP_LOAD_ERROR else exit_status)


def _nothing(environ: dict, start_response: Callable) -> Any:
    """Stands in until the worker has built the applications."""
    raise RuntimeError("there is no application yet")


def _most_connections() -> int:
    """As many as the system's limit on open files leaves, raised as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST_CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, 2 * MOST_CONNECTIONS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return min(MOST_CONNECTIONS, max(32, soft - 128)) if soft != resource.RLIM_INFINITY else MOST_CONNECTIONS
