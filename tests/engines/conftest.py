"""The starter for the tests of the engines: in this process (`loaded`) for the arithmetic, in its own (`local`) for the rest."""

import time

import pytest

from webbot.engines.local import LocalEngine
from webbot.messages import Message
from webbot.models.catalog import STARTER


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def messages(*texts, role="You are a helpful, friendly assistant."):
    """A system message, then questions and answers by turns."""
    asked = [Message(role="system", text=role)] if role else []
    return asked + [Message(role=("user", "assistant")[number % 2], text=text) for number, text in enumerate(texts)]


@pytest.fixture(scope="session")
def loaded():
    from webbot.engines.llama import loading

    return loading.load(STARTER, "cpu", "float32", lambda progress, sentence: None)


@pytest.fixture
def make_local(tmp_path_factory):
    made = []

    def make(model=STARTER, **options):
        engine = LocalEngine(model, runtime=tmp_path_factory.mktemp("run"), **options)
        made.append(engine)
        until(lambda: engine.state().status != "loading")
        return engine

    yield make
    for engine in made:
        engine.close()


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    engine = LocalEngine(STARTER, runtime=tmp_path_factory.mktemp("run"), starter=True, precision="float32", token_timeout=20)
    until(lambda: engine.state().status != "loading")
    yield engine
    engine.close()
