"""The official openai package: recordings to text, and text to speech."""

from __future__ import annotations

import io

import openai
import pytest
import soundfile

from tests.peers.packages import CAPITAL, client_of
from tests.speech.recordings import needs_ffmpeg, needs_voice, spoken, wav

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def client(starter):
    return client_of(starter)



def question():
    return "question.wav", wav(spoken())


@needs_voice
def test_a_recording_becomes_text(client):
    heard = client.audio.transcriptions.create(model="whisper-1", file=question())
    assert "capital of France" in heard.text
    told = client.audio.transcriptions.create(model="whisper-1", file=question(), response_format="verbose_json",
                                              timestamp_granularities=["segment"])
    assert told.duration == pytest.approx(len(spoken()) / 16_000, abs=0.2)
    assert told.segments[0].end > told.segments[0].start >= 0
    assert "capital" in told.segments[0].text
    titles = client.audio.transcriptions.create(model="whisper-1", file=question(), response_format="srt")
    assert titles.startswith("1\n00:00:0")
    assert "-->" in titles
    assert "capital" in titles


@needs_voice
def test_a_recording_becomes_text_as_a_stream(client):
    events = list(client.audio.transcriptions.create(model="whisper-1", file=question(), stream=True))
    assert events[-1].type == "transcript.text.done"
    assert "".join(event.delta for event in events[:-1]).strip() == events[-1].text.strip()
    assert "capital" in events[-1].text


@needs_voice
@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_a_model_of_one_language_does_not_translate(client):
    with pytest.raises(openai.BadRequestError, match="does not translate"):
        client.audio.translations.create(model="whisper-1", file=question())


@needs_voice
def test_text_becomes_speech_in_a_file(client, tmp_path):
    target = tmp_path / "spoken.wav"
    wanted = {"model": "tts-1", "voice": "alloy", "input": CAPITAL, "response_format": "wav"}
    with client.audio.speech.with_streaming_response.create(**wanted) as answer:
        answer.stream_to_file(target)
    samples, rate = soundfile.read(io.BytesIO(target.read_bytes()), dtype="float32")
    assert 0.5 < len(samples) / rate < 10
    assert abs(samples).max() > 0.05
    heard = client.audio.transcriptions.create(model="whisper-1", file=target)
    assert "France" in heard.text


@needs_voice
@needs_ffmpeg
@pytest.mark.parametrize(
    ("form", "mark"), [("mp3", (b"ID3", b"\xff")), ("flac", b"fLaC"), ("opus", b"OggS"), ("aac", b"\xff"), ("pcm", b"")],
)
def test_speech_in_other_forms(client, form, mark):
    answer = client.audio.speech.create(model="tts-1", voice="alloy", input="Hello there.", response_format=form)
    assert answer.content.startswith(mark)
    assert len(answer.content) > 1000
