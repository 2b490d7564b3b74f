"""`python -m webbot store copy|backup|restore|check`: everything that a store keeps, moved, saved, brought back and looked at.

A store is written as in the setting WEBBOT_STORE; `-` is the one that is set, and `@FILE` reads the address from a file, so that
other users of the machine do not see a password in the list of processes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from webbot import __version__, folder, makers
from webbot.errors import Conflict, NotFound, SettingsError, Unusable
from webbot.progress import Progress, size_text
from webbot.settings import Settings
from webbot.store import address, backup, sums
from webbot.store.address import StoreAddress
from webbot.store.base import Kind, Record, Store
from webbot.store.sums import Sum, Sums

CONFIGURED = "-"
KINDS: Mapping[Kind, str] = {
    "conversation": "conversations", "message": "messages", "request": "requests of programs", "file": "files",
    "share": "shares", "session": "sessions", "entry": "entries of people", "counter": "counters",
}
TELL_SECONDS, TELL_PLAIN_SECONDS = 0.5, 30.0  # at a terminal, and in a log
EMPTY_FIRST = "{store} is not empty. Please name an empty one."
UNEQUAL = ("What arrived in {store} is not what was sent ({kinds}), so it was emptied again. The other side is as it was. "
           "Please run `store check`.")


def run(given: argparse.Namespace, settings: Settings) -> int:
    """The exit status. Raises Problems."""
    if given.action == "copy":
        return _copy(_address(given.source, settings), _address(given.target, settings), settings)
    if given.action == "backup":
        return _backup(given.file, _address(given.source, settings))
    if given.action == "restore":
        return _restore(given.file, _address(given.target, settings), settings, replace=given.replace)
    return _check(_address(given.store, settings))


# which store


def _address(text: str, settings: Settings) -> StoreAddress:
    if text == CONFIGURED:
        return makers.store_address(settings)
    if text.startswith("@"):
        try:
            text = Path(text[1:]).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise SettingsError("{file} cannot be read: {reason}.", file=text[1:], reason=error) from None
    return address.read(text)


@contextlib.contextmanager
def _opened(at: StoreAddress, *, there: bool = True) -> Iterator[Store]:
    """The store, opened. With `there` it must be there already: looking makes no new one. Raises what opening it raises."""
    if there and at.path is not None and not at.path.is_file():
        raise NotFound("There is no store {store}.", store=at.shown)
    store = makers.open_store(at)
    try:
        yield store
    finally:
        store.close()


@contextlib.contextmanager
def _filled_alone(at: StoreAddress, settings: Settings) -> Iterator[None]:
    """No server uses that store, or begins to, while this lasts. Raises SettingsError when one does."""
    folders = set()
    if at == makers.store_address(settings):
        folders.add(settings.data)
    if at.path is not None and (at.path.parent == settings.data or (at.path.parent / "lock").exists()):
        folders.add(at.path.parent)
    with contextlib.ExitStack() as held:
        for place in folders:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                held.enter_context(folder.hold(place))
            except SettingsError:
                raise SettingsError("A running webbot uses {store}. Please stop it first.", store=at.shown) from None
        yield


def _is_held(data: Path) -> bool:
    """Whether a server runs with that data folder."""
    if not (data / "lock").exists():
        return False
    try:
        folder.hold(data).close()
    except SettingsError:
        return True
    return False


# copy


def _copy(source: StoreAddress, target: StoreAddress, settings: Settings) -> int:
    if source == target:
        raise SettingsError("Both are {store}. Please name two stores.", store=source.shown)
    print(f"from  {source}\nto    {target}")
    with _filled_alone(target, settings), _opened(source) as giving, _opened(target, there=False) as taking:
        sent = _fill(taking, giving.records(), target)
        running = source == makers.store_address(settings) and _is_held(settings.data)
    _table(sent)
    print(f"\nEverything is in {target}, compared with what was read. Set WEBBOT_STORE to it and start webbot again.")
    if running:
        print(f"A running webbot uses {source}: what it writes from now on is not in the copy.")
    return 0


def _fill(store: Store, records: Iterable[Record], at: StoreAddress) -> Sums:
    """Fills the empty store and compares what is in it then. What fails leaves it empty."""
    with contextlib.closing(store.records()) as there:  # type: ignore[type-var]
        if next(there, None) is not None:
            raise Conflict(EMPTY_FIRST, store=at.shown)
    sent = Sums()
    with _Telling("copied") as telling:
        store.take(telling.passing(sent.passing(records)))
    try:
        with _Telling("compared") as telling:
            arrived = sums.of(telling.passing(store.records()))
        if wrong := sums.differences(sent, arrived):
            raise Unusable(UNEQUAL, store=at.shown, kinds=", ".join(KINDS[kind] for kind in wrong))
    except BaseException:
        _empty(store)
        raise
    return sent


def _empty(store: Store) -> None:
    """Deletes everything."""
    for record in list(_without_contents(store.records())):
        if record.kind == "session":
            store.delete_session(record.id)
        elif record.kind == "entry":
            store.delete_entry(record.fields["kind"], record.fields["id"])
        elif record.kind == "counter":
            store.add_up(record.fields["key"], 0, 0.0)  # it has ended then
        elif record.fields.get("deleted_at") is None:
            store.delete_conversation(record.fields["owner"], record.id, at_once=True)
    store.purge(time.time() + 1)


def _without_contents(records: Iterable[Record]) -> Iterator[Record]:
    return (record for record in records if record.kind in ("conversation", "session", "entry", "counter"))


# backup and restore


def _backup(name: str, source: StoreAddress) -> int:
    file = Path(name).expanduser().resolve()
    if name.endswith("/"):
        _make_folder(file)
    if file.is_dir():
        file /= time.strftime("webbot-%Y%m%d-%H%M%S.backup")
    with _opened(source) as store, _Telling("saved") as telling:
        kept = backup.write(file, telling.passing(store.records()), {"by": __version__, "store": source.kind})
    _table(kept)
    print(f"\n{file} ({size_text(file.stat().st_size)}) holds everything in {source}.")
    return 0


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError("{file} cannot be written: {reason}.", file=folder, reason=error.strerror) from None


def _restore(file: Path, target: StoreAddress, settings: Settings, *, replace: bool) -> int:
    file = file.expanduser().resolve()
    if replace and target.path is None:
        raise SettingsError("Only a SQLite file can be replaced. Please empty {store} with its own tools first.",
                            store=target.shown)
    print(f"from  {file}\nto    {target}")
    with _Telling("checked") as telling:
        sums.of(telling.passing(backup.read(file)))
    print(f"The backup is whole; it was made {_when(backup.head(file).get('made_at'))}.")
    with _filled_alone(target, settings):
        if replace and target.path is not None and target.path.exists():
            came, aside = _replaced(file, target, target.path)
            print(f"What was there is now {aside}.")
        else:
            with _opened(target, there=False) as store:
                came = _fill_from(store, file, target)
    _table(came)
    print(f"\nEverything is in {target}, compared with the backup.")
    return 0


def _fill_from(store: Store, file: Path, at: StoreAddress) -> Sums:
    try:
        return _fill(store, backup.read(file), at)
    except (KeyError, TypeError, ValueError, AttributeError) as error:  # fields that a store cannot take
        raise Unusable("{file} holds what this webbot does not know ({reason}).", file=file, reason=repr(error)[:100]) from error


def _replaced(file: Path, target: StoreAddress, place: Path) -> tuple[Sums, Path]:
    """Builds the new file beside the old one, and changes places when it is whole. Returns where the old one is now."""
    beside = address.in_folder(place.parent, f"{place.name}.restoring")
    assert beside.path is not None
    _remove(beside.path)
    try:
        with _opened(beside, there=False) as store:
            came = _fill_from(store, file, target)
        if _part(beside.path, "-wal").exists():
            raise Unusable("{file} is still open somewhere.", file=beside.path)
        aside = place.with_name(time.strftime(f"{place.name}.before-%Y%m%d-%H%M%S"))
        for end in ("-wal", "-shm", ""):
            if _part(place, end).exists():
                _part(place, end).rename(_part(aside, end))
        beside.path.rename(place)
    finally:
        _remove(beside.path)
    descriptor = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return came, aside


def _part(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def _remove(path: Path) -> None:
    for end in ("-wal", "-shm", ".reserve", ""):
        _part(path, end).unlink(missing_ok=True)


# check


def _check(at: StoreAddress) -> int:
    try:
        with _opened(at) as store:
            wrong = store.verify()
    except SettingsError as problem:  # so damaged that it cannot be opened, or no store at all
        wrong = [str(problem)]
    for sentence in wrong:
        print(sentence)
    print(f"{at}: " + ("all is well." if not wrong else "see above."))
    return 1 if wrong else 0


# what is shown


class _Telling:
    """Counts what passes and tells it now and then."""

    def __init__(self, done: str) -> None:
        self.done, self.count = done, 0
        self._progress = Progress()
        self._next = time.monotonic() + self._pause

    @property
    def _pause(self) -> float:
        return TELL_SECONDS if self._progress.live else TELL_PLAIN_SECONDS

    def __enter__(self) -> _Telling:
        self._progress.__enter__()
        return self

    def __exit__(self, *left: object) -> None:
        self._progress.__exit__(None, None, None)

    def passing(self, records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            yield record
            self.count += 1
            if time.monotonic() >= self._next:
                self._progress.tell(None, f"{self.count:,} {self.done}")
                self._next = time.monotonic() + self._pause


def _table(counted: Sums) -> None:
    """What there is of each kind, and its hash."""
    found: Mapping[Kind, Sum] = counted.at(time.time())
    width = max(len(name) for name in KINDS.values())
    print()
    for kind, name in KINDS.items():
        print(f"{name:<{width}}  {found[kind].count:>10,}  {found[kind].hash[:16]}")


def _when(made_at: object) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(made_at)) if isinstance(made_at, (int, float)) else "at some time"
