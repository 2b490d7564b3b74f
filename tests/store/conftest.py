"""The stores that the contract is tested over; a new store is one more entry."""

from __future__ import annotations

import pytest

from webbot.store.sql import SqlStore

STORES = {"sql": lambda folder: SqlStore(f"sqlite:///{folder}/data/webbot.db")}


@pytest.fixture(params=list(STORES))
def store(request, tmp_path):
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()
