"""The whole way from a browser's bytes to words, with the starter in its own process."""

import os
import pickle
import signal
import threading
import time

import numpy as np
import pytest
import torch
import whisper

from tests.speech.conftest import ready
from tests.speech.recordings import QUESTION, needs_ffmpeg, needs_voice, noises, packed, spoken, wav
from webbot.errors import BadInput, Problem, TooLong, TooMany, Unavailable, Unusable
from webbot.speech import weights
from webbot.speech.checkpoint import load_whisper
from webbot.speech.transcribe import Transcriber

pytestmark = [pytest.mark.model, pytest.mark.slow]

# What browsers and phones send; the name that each one is sent under is never looked at.
CONTAINERS = {
    "webm from Chrome": ("webm", "-c:a", "libopus"), "ogg from Firefox": ("ogg", "-c:a", "libopus"),
    "mp4 from Safari, index at the end": ("mp4", "-c:a", "aac"),
    "fragmented mp4": ("mp4", "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"), "m4a": ("m4a", "-c:a", "aac"),
    "flac": ("flac",), "mp3": ("mp3",), "aac in adts": ("aac", "-c:a", "aac"), "mka": ("mka", "-c:a", "libvorbis"),
    "48 kHz stereo wav": ("wav", "-ar", "48000", "-ac", "2"), "8 kHz wav": ("wav", "-ar", "8000"),
    "24 bit wav": ("wav", "-c:a", "pcm_s24le"), "vorbis": ("ogg", "-c:a", "libvorbis"),
}


@needs_voice
@needs_ffmpeg
@pytest.mark.parametrize("name", CONTAINERS)
def test_any_container_is_understood(name, transcriber, tmp_path):
    suffix, *options = CONTAINERS[name]
    heard = transcriber.transcribe(packed(spoken(), tmp_path, *options, suffix=suffix))
    assert "capital" in heard.text and "France" in heard.text
    assert (heard.language, heard.language_name, heard.sentence) == ("en", "English", "")
    assert abs(heard.seconds - len(spoken()) / 16_000) < 0.2 and heard.took > 0


@pytest.mark.parametrize("name", noises())
def test_no_words_are_invented(name, either):
    heard = either.transcribe(wav(noises()[name]))
    assert heard.text == "" and heard.language == ""
    assert ("silent" if name == "digital silence" else "noise") in heard.sentence


@needs_voice
def test_short_quiet_and_noisy_speech_is_understood(either):
    noise = np.random.default_rng(0).standard_normal(len(spoken()))
    assert either.transcribe(wav(spoken("Yes."))).text == "Yes."
    assert either.transcribe(wav(spoken() * 0.01, subtype="FLOAT")).text == QUESTION
    assert "France" in either.transcribe(wav(spoken() + 0.01 * noise)).text


@needs_voice
def test_recordings_longer_than_whispers_window(either):
    sentences = ["My name is Oliver.", "What is the capital of France?", "Please tell me a joke."] * 5
    pause = np.zeros(16_000)
    heard = either.transcribe(wav(np.concatenate([part for text in sentences for part in (spoken(text), pause)])))
    assert heard.seconds > 35
    assert heard.text.count("capital of France") == 5 and heard.text.count("joke") >= 4


@needs_voice
def test_the_same_recording_gives_the_same_words(either):
    data = wav(spoken("Tell me about the moon and the stars."))
    assert either.transcribe(data).text == either.transcribe(data).text


@needs_voice
def test_languages(either):
    data = wav(spoken())
    for language in ("en", "EN-us", "en_GB", "English", ""):
        assert either.transcribe(data, language).language == "en"
    with pytest.raises(Unusable, match="English only"):
        either.transcribe(data, "zh")
    for language in ("xx", "<script>", "e" * 1000):
        with pytest.raises(BadInput, match="not known"):
            either.transcribe(data, language)


@pytest.mark.parametrize("data, kind", [
    (b"", Unusable), (b"text, renamed to .webm" * 20, Unusable), (b"ffconcat version 1.0\nfile 'in'\n", Unusable),
    (wav(np.zeros(61 * 16_000)), TooLong),
])
@needs_ffmpeg
def test_bad_recordings_get_a_sentence_and_the_next_one_works(data, kind, transcriber):
    with pytest.raises(kind):
        transcriber.transcribe(data)
    assert transcriber.transcribe(wav(np.zeros(16_000))).sentence
    assert transcriber.state().status == "ready" and transcriber.busy() == 0


@needs_voice
def test_more_than_the_queue_holds_are_refused(transcriber):
    results = []

    def one():
        try:
            results.append(transcriber.transcribe(data).text)
        except Problem as problem:
            results.append(type(problem))

    data = wav(spoken("Yes."))
    threads = [threading.Thread(target=one) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count(TooMany) + results.count("Yes.") == 24
    assert 1 <= results.count(TooMany) <= 7


@needs_voice
def test_whoever_leaves_frees_the_model(either):
    long = wav(np.concatenate([part for _ in range(10) for part in (spoken("Please tell me a long story."), np.zeros(9_000))]))
    asked = either.host.ask({"transcribe": True, "language": "en"}, long)
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        assert "text" not in next(asked)
    asked.close()
    began = time.monotonic()
    assert either.transcribe(wav(spoken("Yes."))).text == "Yes."
    assert time.monotonic() - began < 20


@needs_voice
def test_a_killed_process_comes_back(tmp_path):
    opened = ready(Transcriber(weights.STARTER.path, runtime=tmp_path, starter=True))
    try:
        data, found = wav(np.concatenate([spoken()] * 12)), []

        def ask():
            try:
                found.append(opened.transcribe(data))
            except Problem as problem:
                found.append(problem)

        thread = threading.Thread(target=ask)
        thread.start()
        time.sleep(0.7)
        os.kill(opened.host.pid, signal.SIGKILL)
        thread.join(30)
        assert isinstance(found[0], Unavailable)
        time.sleep(0.3)
        assert ready(opened).transcribe(wav(spoken("Yes."))).text == "Yes."
        pid = opened.host.pid
    finally:
        opened.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(Unavailable):
        opened.transcribe(data)


@needs_voice
def test_a_model_of_many_languages_that_only_guesses_invents_nothing(tmp_path):
    """The shape of Whisper base, but thinner, shorter and with random weights: whatever it says is not to be believed."""
    torch.manual_seed(0)
    thin = whisper.ModelDimensions(
        n_mels=80, n_audio_ctx=1500, n_audio_state=64, n_audio_head=1, n_audio_layer=1, n_vocab=51_865, n_text_ctx=64,
        n_text_state=64, n_text_head=1, n_text_layer=1,
    )
    path = tmp_path / "thin.pt"
    model = whisper.Whisper(thin)
    for parameter in model.parameters():  # openai-whisper leaves some as they were found in memory
        torch.nn.init.normal_(parameter, std=0.02)
    torch.save({"dims": vars(thin), "model_state_dict": model.state_dict()}, path)
    opened = ready(Transcriber(path, runtime=tmp_path / "run"))
    try:
        assert opened.state().info["multilingual"]
        for language in ("", "German"):
            heard = opened.transcribe(wav(spoken()), language)
            assert heard.text == "" and "no words could be made out" in heard.sentence
        assert "noise" in opened.transcribe(wav(noises()["white noise"])).sentence
    finally:
        opened.close()


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def refused(path):
    with pytest.raises(Unusable) as caught:
        load_whisper(path, torch.device("cpu"))
    return str(caught.value)


def test_weights_that_could_run_a_program_are_refused(tmp_path):
    canary, path = tmp_path / "canary", tmp_path / "evil.pt"
    path.write_bytes(pickle.dumps(Canary(canary), protocol=2))
    assert "could run a program" in refused(path)
    torch.save({"dims": Canary(canary), "model_state_dict": {}}, path)
    assert "could run a program" in refused(path)
    opened = ready(Transcriber(path, runtime=tmp_path / "run"))
    state = opened.state()
    opened.close()
    assert state.status == "failed" and "could run a program" in state.sentence
    assert not canary.exists()


def test_weights_that_are_none_are_refused(tmp_path):
    path = tmp_path / "broken.pt"
    assert "There is no file" in refused(path)
    path.write_bytes(weights.STARTER.path.read_bytes()[:3_000_000])
    assert "not a whole Whisper model" in refused(path)
    torch.save({"dims": {"n_mels": 80}, "model_state_dict": {}}, path)
    assert "not a whole Whisper model" in refused(path)
