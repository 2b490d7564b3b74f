"""One process with the starter's Whisper for each engine, for all tests that transcribe."""

import time

import pytest

from webbot.speech import weights
from webbot.speech.transcribe import Transcriber

ENGINES = ("whisper", "ctranslate2")


def ready(transcriber, seconds=120):
    until = time.monotonic() + seconds
    while transcriber.state().status == "loading" and time.monotonic() < until:
        time.sleep(0.05)
    return transcriber


def opened(engine, runtime):
    found = weights.STARTER
    transcriber = ready(Transcriber(found.path, runtime=runtime, name=found.name, starter=True, seconds=60, engine=engine))
    assert transcriber.state().status == "ready", transcriber.state().sentence
    return transcriber


@pytest.fixture(scope="session")
def transcriber(tmp_path_factory):
    """openai-whisper's, which is the default."""
    made = opened("whisper", tmp_path_factory.mktemp("run"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def converted(tmp_path_factory):
    """A folder for the socket, with the starter in ctranslate2's form once a transcriber has run there."""
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="session")
def quick(converted):
    """ctranslate2's."""
    made = opened("ctranslate2", converted)
    yield made
    made.close()


@pytest.fixture(params=ENGINES)
def either(request):
    return request.getfixturevalue("transcriber" if request.param == "whisper" else "quick")
