"""What the terminal says when the server begins to listen: where it is, and by which link its first visitor comes in.

The addresses are kept in the data folder while the server runs, so that `webbot people` makes links that lead there whatever
options the server was started with. Not known here: how many web processes there will be; nothing that is opened here is open
after the fork.
"""

from __future__ import annotations

import io
import json
import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from webbot import __version__
from webbot.addresses import in_url, lan_addresses
from webbot.auth import access_code, entry_link
from webbot.errors import Problem
from webbot.settings import Settings

PATIENCE_SECONDS = 5.0  # for a store that is away; the web process waits for it longer
LONGEST_SECONDS = 60.0  # with the changes that an older database needs
LOOPBACK = ("127.0.0.1", "localhost", "::1", "0.0.0.0", "::")  # noqa: S104
AGAIN = "./run_webbot.sh people invite NAME --owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the server is reached, https://HOST:PORT, and what that is for the reader."""

    url: str
    said: str


def announce(settings: Settings) -> None:
    """Says where the server is, with what its first visitor needs to come in."""
    places = list(addresses(settings))
    keep(settings, places)
    token = owner_token(settings) if settings.mode == "invite" else None
    code = access_code(settings)

    def link(place: Address) -> str:
        return f"{place.url}/join/{token}" if token else entry_link(place.url, code)

    first, *others = places
    if token:
        print(f"\nwebbot {__version__} has no owner yet. Whoever opens this link becomes it; it works once.   (Ctrl-C ends it)")
        print(link(first))
    else:
        print(f"\nwebbot {__version__}: {link(first)}   (Ctrl-C ends it)")
    for place in others:
        print(f"{place.said}: {link(place)}")
    if settings.mode == "invite" and token == "":
        print(f"The store did not answer in time. If this server has no owner yet, this makes a link: {AGAIN}")
    elif settings.mode == "invite" and token is None:
        print("People come in by their invitations; ./run_webbot.sh people list shows who is there.")
    if settings.leonid_port:
        print(f"Leonid's clients: http://127.0.0.1:{settings.leonid_port}/")
    if settings.lan:
        outside = best(places)
        print(f"phones first get the certificate here: http://{_host(outside)}:{settings.lan_port}/")
        show_code(link(outside))
    elif not settings.certificate:
        print("The browser warns once of the certificate made on this machine; certs/README.md says how to trust it.")
    print(flush=True)


def addresses(settings: Settings) -> Iterator[Address]:
    """This machine's first."""
    yield Address(url=f"https://localhost:{settings.port}", said="here")
    if settings.host not in LOOPBACK:
        yield Address(url=f"https://{in_url(settings.host)}:{settings.port}", said="also")
    for host in settings.hosts:
        yield Address(url=f"https://{host}:{settings.port}", said="by the tunnel's name, if it keeps the port")
    if settings.lan:
        for address in lan_addresses():
            yield Address(url=f"https://{in_url(address)}:{settings.port}", said="from other machines")


def best(places: Sequence[Address]) -> Address:
    """The one for a phone: an address of the local network, else a name, else this machine's."""
    return next((place for place in places if place.said == "from other machines"), places[-1])


def show_code(link: str) -> None:
    """The link as a QR code."""
    import segno

    drawn = io.StringIO()
    segno.make(link, micro=False).terminal(drawn, compact=True)
    try:
        print(drawn.getvalue())
    except UnicodeEncodeError:  # a terminal without block characters
        print("(this terminal cannot show the QR code; open the link instead)")


# the addresses of a server that runs


def keep(settings: Settings, places: Sequence[Address]) -> None:
    """For `webbot people`: how the server that runs is reached, and who may come in."""
    path = _path(settings)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    told = {"mode": settings.mode, "addresses": [[place.url, place.said] for place in places]}
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(told), encoding="utf-8")
    draft.replace(path)


def kept(settings: Settings) -> tuple[str, Sequence[Address]] | None:
    """(mode, addresses) of the server that last ran on this data folder; None where there was none."""
    try:
        told = json.loads(_path(settings).read_text(encoding="utf-8"))
        return told["mode"], [Address(url=url, said=said) for url, said in told["addresses"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _path(settings: Settings) -> Path:
    return settings.data / "run" / "reached.json"


def _host(place: Address) -> str:
    return place.url.removeprefix("https://").rsplit(":", 1)[0]


# the first owner


def owner_token(settings: Settings) -> str | None:
    """The token of a new link for the owner; None where there is an owner, "" where the store could not be asked.

    A process of its own asks the store: neither an open database nor a package that must be imported after gevent has changed
    its parts stays behind in this one, which is going to fork.
    """
    fork = multiprocessing.get_context("fork")
    asking, answering = fork.Pipe(duplex=False)
    process = fork.Process(target=_ask, args=(settings, answering), daemon=True)
    process.start()
    answering.close()
    with closing(asking):
        try:
            return asking.recv() if asking.poll(LONGEST_SECONDS) else ""
        except EOFError:
            return ""
        finally:
            process.join(PATIENCE_SECONDS)  # the store closes
            process.kill()
            process.join()


def _ask(settings: Settings, answering: Connection) -> None:
    from webbot.people import People
    from webbot.services import opened_store

    try:
        store = opened_store(settings, patience=PATIENCE_SECONDS)
    except Problem:  # the web process says what is wrong with it, in one line
        answering.send("")
        return
    with closing(store):
        people = People(store, settings)
        answering.send(None if people.has_owner() else people.invitations.owner_link())
