"""Frozen values as entries of the store. Of a value's fields `id`, `created_at` and `version` are the entry's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from webbot import values
from webbot.errors import Conflict
from webbot.store.base import Entry, Store

OWN = ("id", "created_at", "version")
ATTEMPTS = 5  # at a change that others come before
Value = TypeVar("Value")


def entry(kind: str, value: Any, *, owner: str = "", ends_at: float | None = None) -> Entry:
    """The entry that holds a dataclass with id, created_at and version."""
    packed = {name: part for name, part in values.pack(value).items() if name not in (*OWN, values.IS)}
    return Entry(kind=kind, id=value.id, owner=owner, value=packed, version=value.version, created_at=value.created_at,
                 ends_at=ends_at)


def read(kind: type[Value], found: Entry) -> Value:
    """The value that an entry holds; what a newer webbot added to it is left out."""
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    packed = {name: part for name, part in found.value.items() if name in known}
    own = {"id": found.id, "created_at": found.created_at, "version": found.version}
    return values.unpack(kind, {values.IS: kind.__name__, **packed, **own})


def change(store: Store, changed: Callable[[], Entry]) -> Entry:
    """Writes what `changed` makes of what is there; it looks anew where another change came first. Raises Conflict where one
    always does."""
    for _ in range(ATTEMPTS - 1):
        made = changed()
        with suppress(Conflict):
            return store.put_entry(made)
    return store.put_entry(changed())


def put(store: Store, new: Entry) -> None:
    """Writes a new entry where there is none yet."""
    with suppress(Conflict):
        store.put_entry(new)
