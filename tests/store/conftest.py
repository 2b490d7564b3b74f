import time

import pytest

from tests.servers import free_postgres
from tests.store.stores import STORES


@pytest.fixture(params=list(STORES))
def opened(request, tmp_path):
    """Opens the store: with another name another, empty one, with the same name the same once more."""
    stores = []

    def open_one(name="data"):
        stores.append(STORES[request.param](tmp_path / name))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()
    free_postgres(tmp_path)


@pytest.fixture
def store(opened):
    return opened()


@pytest.fixture
def talk(store):
    return store.create_conversation("ann", title="Trees", role="You are a gardener.")


@pytest.fixture
def clock(monkeypatch):
    """Sets the clock so many seconds ahead of the true one."""
    true = time.time

    def jump(seconds):
        monkeypatch.setattr(time, "time", lambda: true() + seconds)

    return jump
