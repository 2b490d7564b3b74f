"""One process with the starter's Whisper for all tests that transcribe."""

import time

import pytest

from webbot.speech import weights
from webbot.speech.transcribe import Transcriber


def ready(transcriber, seconds=120):
    until = time.monotonic() + seconds
    while transcriber.state().status == "loading" and time.monotonic() < until:
        time.sleep(0.05)
    return transcriber


@pytest.fixture(scope="session")
def transcriber(tmp_path_factory):
    found = weights.STARTER
    opened = ready(Transcriber(found.path, runtime=tmp_path_factory.mktemp("run"), name=found.name, starter=True, seconds=60))
    assert opened.state().status == "ready", opened.state().sentence
    yield opened
    opened.close()
