"""A program at the doors of /v1, over the real application and the echo engine."""

import pytest
from v1_client import Program


@pytest.fixture
def program(app):
    return Program(app)
