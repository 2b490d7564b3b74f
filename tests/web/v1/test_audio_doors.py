"""The doors for speech, with the real recogniser, espeak-ng and ffmpeg behind them."""

import base64
import io
import json
import time

import numpy as np
import pytest

from tests.speech.recordings import QUESTION, needs_ffmpeg, needs_voice, noises, spoken, wav
from webbot.factory import create_app
from webbot.services import Services
from webbot.settings import load

pytestmark = [pytest.mark.model, pytest.mark.slow, needs_voice, needs_ffmpeg]

RATE = 16_000
PAUSE = 3.0  # seconds


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """One application with the starter's recogniser for all tests of this module."""
    folder = tmp_path_factory.mktemp("audio")
    services = Services.open(load(
        {}, engine="echo", speech_model="starter", data=folder / "data", certs=folder / "certs", audio_seconds=60, max_upload=8,
    ))
    until = time.monotonic() + 120
    while services.transcriber_state()["status"] == "loading" and time.monotonic() < until:
        time.sleep(0.05)
    assert services.transcriber_state()["status"] == "ready"
    app = create_app(services)
    app.extensions["services"] = services
    yield app
    services.close()


@pytest.fixture
def program(app):
    return app.test_client()


@pytest.fixture(scope="module")
def recording():
    """Two sentences with a pause between them, as WAV, and its length in seconds."""
    samples = np.concatenate([spoken(QUESTION), np.zeros(int(PAUSE * RATE)), spoken("Please tell me a joke.")])
    return wav(samples), len(samples) / RATE


def send(program, data, path="transcriptions", **fields):
    """Fields that are None are left out."""
    form = {"file": (io.BytesIO(data), "recording.wav") if data is not None else None, "model": "whisper-1", **fields}
    return program.post(f"/v1/audio/{path}", data={name: value for name, value in form.items() if value is not None},
                        content_type="multipart/form-data")


def speak(program, text, **fields):
    return program.post("/v1/audio/speech", json={"model": "tts-1", "input": text, "voice": "alloy", **fields})


def refused(answer, status, parameter, code=None):
    error = answer.json["error"]
    assert (answer.status_code, error["param"]) == (status, parameter), answer.data
    assert error["message"] and (code is None or error["code"] == code)
    return error["message"]


def events(answer):
    return [json.loads(line[6:]) for line in answer.text.split("\n\n") if line.startswith("data: ")]


def clock(text):
    hours, minutes, seconds = text.replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def cues(text):
    """[(start, end)] of srt or vtt, in seconds."""
    return [tuple(map(clock, line.split(" --> "))) for line in text.splitlines() if "-->" in line]


# there and back


@pytest.mark.parametrize("form, kind", [
    ("mp3", "audio/mpeg"), ("wav", "audio/wav"), ("opus", "audio/ogg"), ("flac", "audio/flac"), ("aac", "audio/aac"),
])
def test_what_is_spoken_is_understood(form, kind, program):
    said = speak(program, QUESTION, response_format=form)
    assert (said.status_code, said.mimetype) == (200, kind) and said.is_streamed and "Content-Length" not in said.headers
    heard = send(program, said.data)
    assert heard.json["text"] == QUESTION
    assert heard.json["usage"]["type"] == "duration" and heard.json["usage"]["seconds"] in (2, 3)  # codecs pad the end


def test_pcm_has_24000_samples_of_16_bits_a_second(program):
    said = speak(program, QUESTION, response_format="pcm")
    assert said.mimetype == "audio/pcm"
    samples = np.frombuffer(said.data, "<i2")
    assert send(program, wav(samples / 32768, rate=24_000)).json["text"] == QUESTION


@pytest.mark.parametrize("voice", ["alloy", "nova", "onyx", "echo", "cedar", "en-gb"])
def test_voices_are_understood(voice, program):
    assert "tell me a joke" in send(program, speak(program, "Please tell me a joke.", voice=voice).data).json["text"]


def test_speech_as_events(program):
    said = speak(program, QUESTION, stream_format="sse", response_format="wav")
    told = events(said)
    assert said.mimetype == "text/event-stream" and "[DONE]" not in said.text
    assert {one["type"] for one in told[:-1]} == {"speech.audio.delta"} and told[-1]["type"] == "speech.audio.done"
    assert set(told[-1]["usage"]) == {"input_tokens", "output_tokens", "total_tokens"}
    assert send(program, b"".join(base64.b64decode(one["audio"]) for one in told[:-1])).json["text"] == QUESTION


# the forms of a transcript


@pytest.mark.parametrize("form, kind", [("srt", "application/x-subrip"), ("vtt", "text/vtt")])
def test_subtitles_have_times_inside_the_recording_and_show_its_pause(form, kind, program, recording):
    data, length = recording
    answer = send(program, data, response_format=form)
    assert (answer.status_code, answer.content_type) == (200, f"{kind}; charset=utf-8")
    assert answer.text.startswith("WEBVTT\n\n" if form == "vtt" else "1\n") and QUESTION in answer.text
    places = cues(answer.text)
    times = [time for place in places for time in place]
    assert times == sorted(times) and times[0] >= 0 and times[-1] <= length
    assert len(places) == 2 and places[1][0] - places[0][1] > PAUSE - 0.5


def test_text_and_json(program):
    data = wav(spoken())
    text, plain = send(program, data, response_format="text"), send(program, data)
    assert (text.content_type, text.text) == ("text/plain; charset=utf-8", f"{QUESTION}\n")
    assert set(plain.json) == {"text", "usage"} and plain.json["text"] == QUESTION


def test_verbose_json(program, recording):
    data, length = recording
    told = send(program, data, response_format="verbose_json").json
    assert (told["task"], told["language"]) == ("transcribe", "english") and abs(told["duration"] - length) < 0.01
    assert "words" not in told and [one["id"] for one in told["segments"]] == [0, 1]
    assert set(told["segments"][0]) == {
        "id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob",
    }
    assert "".join(one["text"] for one in told["segments"]).strip() == told["text"]


def test_times_of_words(program, recording):
    both = {"response_format": "verbose_json", "timestamp_granularities[]": ["word", "segment"]}
    told = send(program, recording[0], **both).json
    assert [one["word"] for one in told["words"]] == told["text"].split() and len(told["segments"]) == 2
    times = [one[side] for one in told["words"] for side in ("start", "end")]
    assert times == sorted(times)
    words = send(program, recording[0], **{**both, "timestamp_granularities[]": "word"}).json
    assert "segments" not in words and words["words"] == told["words"]


def test_a_transcript_as_events(program, recording):
    answer = send(program, recording[0], stream="true")
    told = events(answer)
    assert answer.mimetype == "text/event-stream"
    assert [one["type"] for one in told] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    assert "".join(one["delta"] for one in told[:-1]) == told[-1]["text"] == f"{QUESTION} Please tell me a joke."
    assert told[-1]["usage"]["seconds"] == 7
    assert events(send(program, b"no audio" * 100, stream="true")) == []


@pytest.mark.parametrize("form", ["json", "text", "srt", "vtt", "verbose_json"])
def test_a_silent_recording_has_no_words_and_is_no_error(form, program):
    for name in ("digital silence", "white noise"):
        answer = send(program, wav(noises()[name]), response_format=form)
        assert answer.status_code == 200
        if form.endswith("json"):
            assert answer.json["text"] == "" and answer.json["usage"]["seconds"] == 5 and answer.json.get("segments", []) == []
        else:
            assert answer.text.strip() in ("", "WEBVTT")


def test_wishes_are_taken(program):
    data = wav(spoken())
    for fields in ({"language": "en"}, {"language": "English"}, {"prompt": "<|endoftext|> France"}, {"temperature": "0.2"},
                   {"temperature": "0"}, {"chunking_strategy": "auto"}, {"stream": "false"}, {"model": "starter"}):
        assert send(program, data, **fields).json["text"] == QUESTION, fields


# refusals


@pytest.mark.parametrize("fields, status, parameter, code", [
    ({"model": None}, 400, "model", "missing_required_parameter"), ({"model": "gpt-9"}, 404, "model", "model_not_found"),
    ({"model": ""}, 404, "model", "model_not_found"), ({"model": "tts-1"}, 404, "model", "model_not_found"),
    ({"file": None}, 400, "file", "missing_required_parameter"), ({"file": "text"}, 400, "file", "invalid_value"),
    ({"language": "xx"}, 400, "language", None), ({"language": "zh"}, 400, "language", None),
    ({"language": "e" * 101}, 400, "language", "invalid_value"),
    ({"temperature": "2"}, 400, "temperature", None), ({"temperature": "-0.1"}, 400, "temperature", None),
    ({"temperature": "nan"}, 400, "temperature", None), ({"temperature": "warm"}, 400, "temperature", None),
    ({"response_format": "diarized_json"}, 400, "response_format", None), ({"response_format": ""}, 400, "response_format", None),
    ({"timestamp_granularities[]": "word"}, 400, "timestamp_granularities", None),
    ({"timestamp_granularities[]": "letter", "response_format": "verbose_json"}, 400, "timestamp_granularities[0]", None),
    ({"stream": "maybe"}, 400, "stream", None), ({"stream": "true", "response_format": "srt"}, 400, "response_format", None),
    ({"include[]": "logprobs"}, 400, "include", None), ({"chunking_strategy": "server_vad"}, 400, "chunking_strategy", None),
    ({"chunking_strategy[type]": "server_vad"}, 400, "chunking_strategy[type]", "unknown_parameter"),
    ({"known_speaker_names[]": ["a", "b"]}, 400, "known_speaker_names[]", "unknown_parameter"),
    ({"nonsense": "1"}, 400, "nonsense", "unknown_parameter"), ({"model": ["whisper-1", "whisper-1"]}, 400, "model", None),
])
def test_what_cannot_be_honoured_is_named(fields, status, parameter, code, program):
    refused(send(program, wav(spoken()), **fields), status, parameter, code)


@pytest.mark.parametrize("data", [b"", b"text, renamed to .wav" * 100, b"RIFF\xff\xff\xff\xffWAVEfmt " + b"\x00" * 100])
def test_what_is_no_audio_is_the_files_fault(data, program):
    for path in ("transcriptions",):
        refused(send(program, data, path), 400, "file", "invalid_value")
    assert send(program, wav(spoken())).json["text"] == QUESTION  # the next one works


def test_too_long_and_too_large(program):
    assert "60 seconds" in refused(send(program, wav(np.zeros(62 * RATE))), 413, "file")
    refused(send(program, bytes(9 << 20)), 413, None, "too_large")


def test_two_gigabytes_are_refused_by_their_length_alone(program):
    class Untouched(io.RawIOBase):
        def readinto(self, buffer):
            raise AssertionError("the upload is read")

        def readable(self):
            return True

    answer = program.post("/v1/audio/transcriptions", environ_overrides={
        "wsgi.input": Untouched(), "CONTENT_LENGTH": str(2 << 30), "CONTENT_TYPE": "multipart/form-data; boundary=x",
    })
    refused(answer, 413, None, "too_large")


def test_translation(program):
    assert "does not translate" in refused(send(program, wav(spoken()), "translations"), 400, "model")
    refused(send(program, wav(spoken()), "translations", language="en"), 400, "language", "unknown_parameter")
    refused(send(program, wav(spoken()), "translations", model="gpt-9"), 404, "model", "model_not_found")


@pytest.mark.parametrize("fields, status, parameter, code", [
    ({"model": "gpt-9"}, 404, "model", "model_not_found"), ({"model": "whisper-1"}, 404, "model", "model_not_found"),
    ({"model": "piper"}, 404, "model", "model_not_found"), ({"voice": "nobody"}, 400, "voice", "invalid_value"),
    ({"voice": "-w/tmp/x"}, 400, "voice", "invalid_value"), ({"voice": {"id": "alloy"}}, 400, "voice", None),
    ({"input": ""}, 400, "input", None), ({"input": "x" * 4097}, 400, "input", None), ({"input": ["a"]}, 400, "input", None),
    ({"speed": 0.2}, 400, "speed", None), ({"speed": 4.1}, 400, "speed", None), ({"speed": "1"}, 400, "speed", None),
    ({"response_format": "ogg"}, 400, "response_format", None), ({"stream_format": "x"}, 400, "stream_format", None),
    ({"instructions": "Whisper."}, 400, "instructions", "unsupported_parameter"),
    ({"pitch": 3}, 400, "pitch", "unknown_parameter"), ({"input": "a\x00b"}, 400, None, None),
])
def test_speech_that_cannot_be_made(fields, status, parameter, code, program):
    refused(speak(program, "Hello.", **fields), status, parameter, code)


def test_the_longest_text_in_any_letters(program):
    for text in ("你" * 4096, "😀 " * 2048, "[[" * 2048, "-" * 4096, "\n" * 4096):
        assert speak(program, text, response_format="opus", speed=4).status_code == 200


def test_models(program, app):
    names = [one["id"] for one in program.get("/v1/models").json["data"]]
    assert {"whisper-1", "starter", "tts-1", "tts-1-hd", "gpt-4o-mini-tts", "espeak-ng"} <= set(names) and "piper" not in names
    assert program.get("/v1/models/whisper-1").json["id"] == "whisper-1"


def test_without_speech_nothing_recognises_and_without_programs_nothing_speaks(make_app, tmp_path, monkeypatch):
    program = make_app().test_client()
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = send(program, wav(spoken()))
    assert answer.status_code == 503 and "switched off" in answer.json["error"]["message"]
    assert send(program, b"", model="starter").status_code == 404
    answer = speak(program, "Hello.")
    assert answer.status_code == 503 and "install espeak-ng" in answer.json["error"]["message"]
    assert {"whisper-1", "tts-1", "espeak-ng"}.isdisjoint(one["id"] for one in program.get("/v1/models").json["data"])


def test_the_document_describes_the_doors(program):
    document = program.get("/v1/openapi.json").json
    form = document["paths"]["/v1/audio/transcriptions"]["post"]["requestBody"]["content"]
    assert list(form) == ["multipart/form-data"]
    fields = document["components"]["schemas"]["TranscriptionForm"]["properties"]
    assert {"file", "model", "language", "prompt", "timestamp_granularities[]", "stream"} <= set(fields)
    assert {"/v1/audio/translations", "/v1/audio/speech"} <= set(document["paths"])
