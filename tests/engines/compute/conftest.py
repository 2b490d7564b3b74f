"""What the tests of the engine share."""

import pytest

from webbot.models.catalog import STARTER


@pytest.fixture(scope="session")
def starter():
    """The starter in float32 as the server loads it. Whoever computes with it merges its weights: `running` takes a copy."""
    from webbot.engines.llama import loading

    return loading.load(STARTER, "cpu", "float32", lambda progress, sentence: None).model
