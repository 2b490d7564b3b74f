"""People without doors: what belongs to them, over a database of the module's own."""

import pytest

from webbot.people import People, devices, invitations, keys, library, passkeys
from webbot.people import people as persons
from webbot.settings import load
from webbot.store.sql import SqlStore

KINDS = (persons.KIND, persons.BAR, devices.KIND, invitations.KIND, keys.KIND, passkeys.KIND, library.KIND, library.SHARED)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    store = SqlStore(f"sqlite:///{tmp_path_factory.mktemp('people') / 'webbot.db'}")
    yield store
    store.close()


@pytest.fixture
def store(opened):
    """Nobody is there yet, and nothing of theirs."""
    for kind in KINDS:
        for entry in opened.entries(kind):
            opened.delete_entry(kind, entry.id)
    return opened


@pytest.fixture
def people(store):
    return People(store, load({}, access="invite"))
