import pytest
from stores import STORES


@pytest.fixture(params=list(STORES))
def store(request, tmp_path):
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()
