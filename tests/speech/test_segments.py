"""The pieces of a recording with their times, as they are found, with the starter in its own process."""

import time

import numpy as np
import pytest
import torch
import whisper

from tests.speech.conftest import ready
from tests.speech.recordings import needs_voice, spoken, wav
from webbot.errors import BadInput
from webbot.speech.segments import Segment, Wishes
from webbot.speech.transcribe import Transcriber, Transcript

pytestmark = [pytest.mark.model, pytest.mark.slow, needs_voice]

RATE = 16_000
SENTENCES = ("My name is Oliver.", "What is the capital of France?", "Please tell me a joke.")
PAUSE = 4 * RATE


@pytest.fixture(scope="module")
def recording():
    """(WAV, where each sentence begins and ends in seconds): three sentences with long pauses before, between and behind."""
    parts, places, now = [np.zeros(PAUSE)], [], PAUSE
    for sentence in SENTENCES:
        voice = spoken(sentence)
        sounds = np.flatnonzero(np.abs(voice) > 0.02)
        places.append(((now + sounds[0]) / RATE, (now + sounds[-1]) / RATE))
        parts += [voice, np.zeros(PAUSE)]
        now += len(voice) + PAUSE
    return wav(np.concatenate(parts)), places


def listened(transcriber, data, **wishes):
    found = [item for item in transcriber.listen(data, Wishes(**wishes)) if item is not None]
    assert isinstance(found[-1], Transcript) and all(isinstance(item, Segment) for item in found[:-1])
    return found[:-1], found[-1]


def test_times_are_those_of_the_recording_though_whisper_never_heard_its_pauses(either, recording):
    data, places = recording
    segments, transcript = listened(either, data)
    assert [segment.text.strip() for segment in segments] == list(SENTENCES)
    assert transcript.text == " ".join(SENTENCES) == either.transcribe(data).text
    for segment, (start, end) in zip(segments, places, strict=True):
        assert abs(segment.start - start) < 0.4 and abs(segment.end - end) < 0.4
        assert -1 < segment.avg_logprob < 0 and 0 <= segment.no_speech_prob < 0.6
        assert 0 < segment.compression_ratio < 2.4 and segment.temperature == 0 and segment.tokens and segment.words == ()


def test_words_have_their_times_inside_their_segment(either, recording):
    data, _places = recording
    segments, _transcript = listened(either, data, words=True)
    for segment, sentence in zip(segments, SENTENCES, strict=True):
        assert [word.word for word in segment.words] == sentence.split()
        times = [segment.start, *(time for word in segment.words for time in (word.start, word.end)), segment.end]
        assert times == sorted(times)
    capital = next(word for word in segments[1].words if word.word == "capital")
    assert 0.15 < capital.end - capital.start < 0.8 and capital.start > segments[1].start + 0.3


def test_segments_come_before_the_whole_is_understood(either):
    long = wav(np.concatenate([part for _ in range(9) for part in (spoken(SENTENCES[1]), spoken(SENTENCES[2]), np.zeros(9_000))]))
    found = list(either.listen(long, Wishes()))
    first = next(number for number, item in enumerate(found) if isinstance(item, Segment))
    assert isinstance(found[-1], Transcript)
    assert None in found[first:], "it computes on, and says so, after the first one"


def test_prompts_are_plain_text_of_any_length(either):
    data = wav(spoken(SENTENCES[0]))
    for prompt in ("<|endoftext|><|startoftranscript|>" * 50, "x" * 100_000, "名字 😀 \x00", "Names: Oliver."):
        _segments, transcript = listened(either, data, prompt=prompt)
        assert transcript.seconds > 1
    assert transcript.text == SENTENCES[0]


def test_a_temperature_is_used_and_told(either):
    segments, _transcript = listened(either, wav(spoken(SENTENCES[1])), temperature=0.2)
    assert [round(segment.temperature, 3) for segment in segments] == [0.2]


def test_a_model_of_english_cannot_translate(either):
    assert either.state().info["translates"] is False
    with pytest.raises(BadInput, match="does not translate") as refused:
        listened(either, wav(spoken()), task="translate")
    assert refused.value.parameter == "model" and either.busy() == 0


@pytest.mark.parametrize("layers, translates", [((1, 1), True), ((32, 4), False)])
def test_a_model_of_many_languages_translates_unless_it_has_the_turbo_shape(layers, translates, tmp_path):
    """Random weights in a thin shape: it says nothing that is believed, but takes the wish."""
    torch.manual_seed(0)
    thin = whisper.ModelDimensions(
        n_mels=80, n_audio_ctx=1500, n_audio_state=8, n_audio_head=1, n_audio_layer=layers[0], n_vocab=51_865, n_text_ctx=64,
        n_text_state=8, n_text_head=1, n_text_layer=layers[1],
    )
    model = whisper.Whisper(thin)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    torch.save({"dims": vars(thin), "model_state_dict": model.state_dict()}, tmp_path / "thin.pt")
    opened = ready(Transcriber(tmp_path / "thin.pt", runtime=tmp_path / "run"))
    try:
        assert opened.state().info["translates"] is translates
        if translates:
            assert listened(opened, wav(spoken()), task="translate")[1].text == ""
        else:
            with pytest.raises(BadInput, match="does not translate"):
                listened(opened, wav(spoken()), task="translate")
    finally:
        opened.close()


def test_closing_frees_the_model(either, recording):
    asked = either.listen(wav(np.concatenate([spoken(SENTENCES[2])] * 20)), Wishes())
    assert next(asked) is None
    asked.close()
    assert either.busy() == 0
    began = time.monotonic()
    assert either.transcribe(wav(spoken("Yes."))).text == "Yes."
    assert time.monotonic() - began < 20
