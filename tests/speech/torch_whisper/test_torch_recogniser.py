"""Recordings of several people at once through the worker, with the starter; and the starter as openai-whisper computes it."""

import argparse
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.speech.recordings import QUESTION, needs_voice, spoken, wav
from webbot.speech import weights
from webbot.speech.base import Question
from webbot.speech.openai_whisper import OpenaiWhisper
from webbot.speech.torch_whisper.model import TorchWhisper
from webbot.speech.worker import SpeechWorker

pytestmark = [pytest.mark.model, pytest.mark.slow, needs_voice]


@pytest.fixture(scope="module")
def starter():
    model = TorchWhisper(weights.STARTER.path, "cpu", rows=3, ahead=1)
    yield model
    model.close()


def test_the_starter_writes_what_it_writes_with_openai_whisper(starter):
    samples = spoken().astype(np.float32)
    theirs = OpenaiWhisper(weights.STARTER.path, "cpu")
    expected, found = (model.guess(model.take_in(samples), Question(language="en"), 0.0) for model in (theirs, starter))
    assert found.text == expected.text == QUESTION and found.tokens == expected.tokens
    assert abs(found.avg_logprob - expected.avg_logprob) < 1e-4 and abs(found.no_speech_prob - expected.no_speech_prob) < 1e-5


def test_recordings_of_several_people_are_understood_together(starter, tmp_path):
    worker = SpeechWorker(argparse.Namespace(directory=tmp_path, seconds=60))
    worker.use(starter)
    recordings = {"question": spoken(), "yes": spoken("Yes."), "silence": np.zeros(16_000), "short": spoken()[:1600]}

    def told(samples):
        frames = list(worker.handle({"transcribe": True, "language": "en"}, wav(samples), lambda: False))
        return frames[-1]

    with ThreadPoolExecutor(len(recordings)) as threads:
        found = dict(zip(recordings, threads.map(told, recordings.values()), strict=True))
    texts = {name: frame["text"] for name, frame in found.items()}
    assert texts == {"question": QUESTION, "yes": "Yes.", "silence": "", "short": ""}
    assert "silent" in found["silence"]["sentence"] and found["short"]["sentence"]
    assert starter.runner.busy() == 0 and worker.step_seconds() == 0 and not worker.steps
