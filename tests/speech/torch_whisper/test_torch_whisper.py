"""Whisper computed for several at once is Whisper as openai-whisper computes it, whoever is beside it."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import numpy as np
import pytest
import torch
from whisper import timing

from tests.engines.conftest import until
from tests.speech.torch_whisper.conftest import CONTEXT
from webbot.errors import NoMemory, Unavailable
from webbot.speech.base import MEL_HOP, Piece, Question
from webbot.speech.checkpoint import load_whisper
from webbot.speech.detector import Left
from webbot.speech.torch_whisper.encoder import WINDOWS, Encoder
from webbot.speech.torch_whisper.graphs import Graphs
from webbot.speech.torch_whisper.guessing import Call
from webbot.speech.torch_whisper.network import Network
from webbot.speech.torch_whisper.rows import Rows
from webbot.speech.torch_whisper.rules import Rules
from webbot.speech.torch_whisper.runner import Runner

pytestmark = pytest.mark.slow
QUESTIONS = {
    "language given": Question(language="de"), "language found": Question(),
    "translated": Question(language="zh", task="translate"), "prompt": Question(language="en", prompt=(440, 262, 30)),
    "prompt, language found": Question(prompt=tuple(range(300, 400))),
}


def noise(number, seconds=2.0):
    return np.random.default_rng(number).standard_normal(int(seconds * 16_000)).astype(np.float32) / 5


def alike(one, other):
    said = [(guess.tokens, guess.text, guess.language, guess.temperature) for guess in (one, other)]
    doubts = abs(one.avg_logprob - other.avg_logprob), abs(one.no_speech_prob - other.no_speech_prob)
    return said[0] == said[1] and doubts[0] < 1e-3 and doubts[1] < 1e-5


@pytest.fixture(scope="module")
def heard(theirs, ours):
    """The same clip, taken in by both."""
    sounds = theirs.take_in(noise(0)), ours.take_in(noise(0))
    theirs.guess(sounds[0], Question(language="en"), 0.0)  # which encodes it
    return sounds


@pytest.mark.parametrize("name", QUESTIONS)
def test_guesses_are_those_of_openai_whisper(name, theirs, ours, late, heard):
    expected = theirs.guess(heard[0], QUESTIONS[name], 0.0)
    heard[1].language = ""
    assert len(expected.tokens) > 5 and alike(ours.guess(heard[1], QUESTIONS[name], 0.0), expected)
    assert alike(late.guess(heard[1], QUESTIONS[name], 0.0), expected)


def test_what_is_heard_is_what_openai_whisper_hears(heard):
    assert torch.allclose(heard[1].encoded, heard[0].encoded, atol=1e-3)


@pytest.mark.parametrize("frames", WINDOWS)
def test_windows_of_any_length_are_encoded_alone_and_together(frames, theirs, ours):
    """openai-whisper's encoder, given no more positions than the window has."""
    clips = [noise(1, 0.1), noise(2, 3), noise(3, frames * MEL_HOP / 16_000)]
    with torch.inference_mode():
        encoder = Encoder(ours.network, Graphs(torch.device("cpu")))
        together = encoder.encode(clips, frames)
        alone = encoder.encode(clips[1:2], frames)[0]
        mel = theirs.take_in(clips[1]).mel[None, :, :frames]
        model, positions = theirs.model.encoder, theirs.model.encoder.positional_embedding
        model.positional_embedding = positions[: frames // 2]
        try:
            expected = model(mel)[0]
        finally:
            model.positional_embedding = positions
    assert [len(part) for part in together] == [frames // 2] * 3
    assert torch.allclose(together[1], expected, atol=1e-3) and torch.allclose(alone, expected, atol=1e-3)


def test_a_clip_is_answered_the_same_whoever_is_beside_it(ours, late):
    """Five at once in three rows: lengths, prompts, temperatures and languages of all kinds."""
    asked = [
        (noise(1, 0.1), 0, Question(language="en"), 0.0), (noise(2, 9), 1100, Question(), 0.8),
        (noise(3, 2), 2000, Question(prompt=(5,)), 0.0), (noise(4, 1), 0, Question(language="en", prompt=(1, 2, 3)), 0.4),
        (noise(5, 3), 0, Question(language="de"), 0.0),
    ]

    def answered(model, samples, frames, question, temperature):
        sound = model.take_in(samples, frames)
        return [model.guess(sound, question, warmth) for warmth in ((temperature, 0.2) if question.prompt else (temperature,))]

    alone = [answered(ours, *each) for each in asked]
    with ThreadPoolExecutor(len(asked)) as threads:
        together = list(threads.map(lambda each: answered(late, *each), asked))
    assert all(alike(one, other) for pair in zip(alone, together, strict=True) for one, other in zip(*pair, strict=True))
    assert len({guess.tokens for pair in alone for guess in pair}) == 7
    assert late.runner.busy() == 0


def test_the_times_of_words_are_those_of_openai_whisper(theirs, ours, heard, monkeypatch):
    monkeypatch.setattr(timing, "backtrace", timing.backtrace.py_func)  # compiling takes longer than it saves here
    monkeypatch.setattr(timing, "dtw_cpu", timing.dtw_cpu.py_func)
    guess = ours.guess(heard[1], Question(language="en"), 0.0)
    tokens = tuple(theirs.tokenizer("en", "transcribe").encode(" and so on for a while"))
    pieces = [Piece(0, 32_000, tokens, tokens)]
    found = ours.words(heard[1], guess, "transcribe", pieces, 32_000)
    assert found == theirs.words(heard[0], guess, "transcribe", pieces, 32_000) and len(found[0]) == 6
    cut = ours.words(ours.take_in(noise(0), 0), guess, "transcribe", pieces, 32_000)
    assert [word.text for word in cut[0]] == [word.text for word in found[0]]


def test_whoever_leaves_in_the_middle_of_a_guess_frees_a_row(late, ours, heard):
    question, calls = Question(language="en"), count()
    expected = ours.guess(heard[1], question, 0.0)

    def leaver():
        with late.left_when(lambda: next(calls) > 10):
            late.guess(heard[1], question, 0.0)

    with ThreadPoolExecutor(2) as threads:
        left, stayed = threads.submit(leaver), threads.submit(late.guess, heard[1], question, 0.0)
        with pytest.raises(Left):
            left.result(60)
        assert alike(stayed.result(60), expected)
    until(lambda: late.runner.busy() == 0)
    assert alike(late.guess(heard[1], question, 0.0), expected)


def test_a_free_row_goes_on_without_harm(ours, heard):
    """It is computed with the others, longer than any guess takes."""
    expected = ours.guess(heard[1], Question(language="en"), 0.0)
    ours.runner.ask(Call(gone=lambda: False, compute=lambda: [ours.rows.step(3, 500) for _ in range(CONTEXT + 2)]))
    assert alike(ours.guess(heard[1], Question(language="en"), 0.0), expected)


def test_half_precision_says_nearly_the_same(thin, ours):
    """What a GPU computes with."""
    place, samples = torch.device("cpu"), noise(7)
    with torch.no_grad():
        network = Network(load_whisper(thin, place), place, torch.float16)
        words = ours.tokenizer("en", "transcribe")
        rules = Rules(words, network.dims.n_vocab, place, torch.float16)
        rows = Rows(network, rules, Graphs(place), 2, list(ours.languages), words.no_speech)
    with torch.inference_mode():
        encoded = Encoder(network, Graphs(place)).encode([samples], 1000)[0]
        exact = ours.take_in(samples, 1000).encoded
        assert encoded.dtype == torch.float16 and (encoded - exact).abs().max() < 0.1 * exact.abs().max()
        rows.hear(1, encoded)
        rows.read(1, (words.sot_prev, 300, 301))
        rows.place(1, words.sot, 3, 4)
        rows.step(2, 500)
        rows.open(1, True)
        rows.draw(1, 0.4, 0.5)
        chosen, logprob, no_speech, language = rows.results()[:, 1].tolist()
        assert rules.stamps <= chosen <= rules.stamps + 50 and logprob < 0 < no_speech < 1 and int(language) in ours.languages


class Crowded(Encoder):
    """Has memory for one clip at a time, and none for a loud one."""

    def encode(self, clips, frames):
        if len(clips) > 1 or np.abs(clips[0]).max() > 10:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().encode(clips, frames)


class Broken(Rows):
    """Computes no step."""

    def step(self, rows, span):
        raise RuntimeError("the device is lost")


@pytest.fixture
def run(late, monkeypatch):
    """A model with another runner."""
    runners = []

    def made(encoder=None, rows=None, broken=lambda: None):
        place = torch.device("cpu")
        runners.append(Runner(encoder or Encoder(late.network, Graphs(place)), rows or late.rows, place, broken))
        monkeypatch.setattr(late, "runner", runners[-1])
        return late

    yield made
    for runner in runners:
        runner.close()


def test_no_memory_fails_one_clip_only(run, ours):
    model, ready = run(Crowded(ours.network, Graphs(torch.device("cpu")))), threading.Event()
    with ThreadPoolExecutor(4) as threads:
        threads.submit(model.runner.ask, Call(gone=lambda: False, compute=lambda: ready.wait(60)))
        clips = [threads.submit(model.take_in, samples, 0) for samples in (noise(1), noise(2) * 100, noise(3))]
        ready.set()
        with pytest.raises(NoMemory, match="out of memory"):
            clips[1].result(60)
        assert torch.allclose(clips[0].result(60).encoded, ours.take_in(noise(1), 0).encoded, atol=1e-3)
        assert len(clips[2].result(60).encoded) == 500


def test_a_device_that_is_lost_is_told_and_given_up(run, ours, heard):
    told = []
    rules, languages = ours.rows._rules, list(ours.languages)
    model = run(None, Broken(ours.network, rules, Graphs(torch.device("cpu")), 1, languages, 50_362), lambda: told.append(1))
    for times in range(3):
        assert len(told) == 0, times
        with pytest.raises(Unavailable, match="failed"):
            model.guess(heard[1], Question(language="en"), 0.0)
    until(lambda: told == [1])
    model.runner.close()
    model.runner._asked.put(None)  # closed once more by the fixture


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_what_cannot_be_recorded_is_computed_without_graphs(caplog):
    graphs, calls = Graphs(torch.device("cpu")), count()
    with caplog.at_level(logging.WARNING):
        graphs.record({number: lambda: (torch.tensor(next(calls)),) for number in range(3)})
    assert len(caplog.records) == 1 and "without CUDA graphs" in caplog.text and len(graphs) == 0
    assert int(graphs.run(1, lambda: (torch.tensor(7),))[0]) == 7
