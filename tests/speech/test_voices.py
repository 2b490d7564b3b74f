"""Text to speech with the real espeak-ng and ffmpeg; piper is a small program in its place that keeps its rules."""

import json
import os
import subprocess
import threading
import time

import numpy as np
import psutil
import pytest

from tests.speech.recordings import needs_ffmpeg, needs_voice
from webbot.errors import BadInput, NotFound, SettingsError, TooMany, Unavailable
from webbot.speech import espeak, letters
from webbot.speech.packing import PACKED, RATE
from webbot.speech.programs import ffmpeg_program
from webbot.speech.voices import LONGEST_QUEUE, MOST_TOGETHER, OPENAI_VOICES, Speech, Voices

pytestmark = [needs_voice, needs_ffmpeg]

LONG = ("The moon and the stars are far away, and nobody has counted them all. " * 80)[:4096]


@pytest.fixture
def voices(tmp_path):
    opened = Voices(tmp_path / "speaking")
    yield opened
    assert list((tmp_path / "speaking").glob("*")) == []  # no private folder is left


def made(voices, text="Hello there.", **wishes):
    return b"".join(piece for piece in voices.speak(Speech(text=text, **wishes)) if piece)


def samples(data, form="pcm"):
    """Mono samples at 24 kHz of what was made, as ffmpeg reads it."""
    raw = ("-f", "s16le", "-ar", str(RATE), "-ac", "1") if form == "pcm" else ()
    command = [ffmpeg_program(), "-v", "error", *raw, "-i", "pipe:0", "-f", "s16le", "-ar", str(RATE), "-ac", "1", "pipe:1"]
    ran = subprocess.run(command, input=data, capture_output=True, check=True)
    assert ran.stderr == b""
    return np.frombuffer(ran.stdout, "<i2") / 32768


def seconds(data):
    return len(data) / 2 / RATE


def children():
    return [child for child in psutil.Process().children() if child.name() in ("espeak-ng", "ffmpeg", "piper")]


@pytest.mark.slow
@pytest.mark.parametrize("form", PACKED)
def test_every_format_is_whole_and_holds_the_same_speech(form, voices):
    heard, plain = samples(made(voices, format=form), form), samples(made(voices, format="pcm"))
    assert abs(len(heard) - len(plain)) < 0.2 * RATE
    assert 0.03 < np.sqrt(np.mean(heard**2)) < 0.5
    assert len(samples(made(voices, "... ", format=form), form)) > 0.05 * RATE  # nothing to be read is still a file


def test_wav_can_be_read_while_it_grows(voices):
    data = made(voices, format="wav")
    assert data[:4] == b"RIFF" and data[8:12] == b"WAVE"
    assert data[24:28] == RATE.to_bytes(4, "little") and data[22:24] == b"\x01\x00" and data[34:36] == b"\x10\x00"
    assert data[4:8] == data[40:44] == b"\xff\xff\xff\xff" and data[36:40] == b"data"  # as long as it will be


@pytest.mark.slow
def test_the_first_bytes_of_a_long_text_come_at_once(voices):
    for form in ("mp3", "wav", "opus"):
        began = time.monotonic()
        speaking = voices.speak(Speech(text=LONG, format=form))
        next(piece for piece in speaking if piece)
        first = time.monotonic() - began
        rest = sum(len(piece) for piece in speaking if piece)
        whole = time.monotonic() - began
        assert first < 1.0 and first < whole / 2 and rest > 200_000


@pytest.mark.slow
@pytest.mark.parametrize("speed", [0.25, 0.5, 1.5, 3.0, 4.0])
def test_speed(speed, voices):
    text = "One, two, three, four, five, six, seven, eight, nine, ten."
    usual, other = (len(samples(made(voices, text, format="pcm", speed=pace))) for pace in (1.0, speed))
    assert usual / other == pytest.approx(speed, rel=0.25)


@pytest.mark.slow
def test_the_voices_of_openai_differ(voices):
    made_by = {made(voices, "Hello.", voice=name, format="pcm") for name in OPENAI_VOICES}
    assert len(made_by) == len(OPENAI_VOICES) == 13


@pytest.mark.parametrize("name, spoken", [
    ("de", "de"), ("en_GB", "en-gb"), ("zh", "cmn-latn-pinyin"), ("en-us+f3", "en-us+f3"), ("fr+Annie", "fr-fr+Annie"),
])
def test_voices_of_espeak(name, spoken):
    assert espeak.voice(name).name == spoken


@pytest.mark.parametrize("name", ["", "nobody", "en+", "en+nobody", "../../etc/passwd", "en-us+../x", "-v", "mb-de1", "!v/f2"])
def test_names_that_are_no_voice(name, voices):
    if name == "en+":
        name = "nobody+"
    with pytest.raises(BadInput, match="There is no voice") as refused:
        made(voices, voice=name)
    assert refused.value.parameter == "voice"


@pytest.mark.parametrize("text, language", [
    ("你好，世界", "zh"), ("OK 你好，世界", "zh"), ("Hello 世", "en-us"), ("こんにちは世界", "ja"), ("Привет", "ru"),
    ("안녕", "ko"), ("123 😀", "en-us"), ("Grüße", "en-us"), ("مرحبا", "ar"),
])
def test_the_language_is_seen_by_the_letters(text, language):
    assert letters.language_of(text, "en-us") == language


def test_the_usual_language_reads_its_own_letters():
    assert letters.language_of("Hallo Welt", "de") == "de" and letters.language_of("Привіт", "uk") == "uk"
    assert letters.language_of("hello", "cmn-latn-pinyin") == "en-us" and letters.language_of("你好", "cmn") == "cmn"


@pytest.mark.slow
def test_chinese_is_read_as_words(voices):
    chinese = seconds(made(voices, "你好，世界。" * 4, format="pcm"))
    assert 3 < chinese < 12
    assert seconds(made(voices, "你" * 4096, format="pcm")) > 300
    assert seconds(made(voices, "😀😀 hello 👩‍👩‍👧‍👦", format="pcm")) > 1


@pytest.mark.slow
def test_markup_and_orders_in_the_text_are_text(voices, tmp_path):
    word = seconds(made(voices, "[[h@l'oU]]", format="pcm"))
    assert word > 1.5 * seconds(made(voices, "hello", format="pcm"))  # spelled, not spoken as phonemes
    assert seconds(made(voices, '<speak><break time="9s"/></speak>', format="pcm")) < 9  # read, not waited
    assert seconds(made(voices, "-f /etc/passwd\n--version\n-w x.wav", format="pcm")) > 2
    assert seconds(made(voices, "hello\x00\x01 50S \x1b\udc80 \ue000 there", format="pcm")) > 0.5
    slow = seconds(made(voices, "\x0180S one two three four five", format="pcm"))  # what espeak-ng takes for "slower"
    assert slow == pytest.approx(seconds(made(voices, " 80S one two three four five", format="pcm")), rel=0.2)


def test_whoever_leaves_ends_the_programs(voices):
    speaking = voices.speak(Speech(text=LONG, format="wav"))
    next(piece for piece in speaking if piece)
    assert len(children()) == 2
    began = time.monotonic()
    speaking.close()
    assert children() == [] and time.monotonic() - began < 5


@pytest.mark.slow
def test_few_speak_together_and_the_queue_has_an_end(voices):
    running = [voices.speak(Speech(text=LONG, format="wav")) for _ in range(MOST_TOGETHER)]
    for speaking in running:
        next(piece for piece in speaking if piece)
    waiting = [voices.speak(Speech(text="Hello.")) for _ in range(LONGEST_QUEUE)]
    assert [next(speaking) for speaking in waiting] == [None] * LONGEST_QUEUE
    assert len(children()) == 2 * MOST_TOGETHER
    with pytest.raises(TooMany) as refused:
        next(voices.speak(Speech(text="Hello.")))
    assert refused.value.retry_after
    for speaking in (*running[1:], *waiting[1:]):
        speaking.close()
    running[0].close()
    assert b"".join(piece for piece in waiting[0] if piece)  # whoever waited speaks now
    assert made(voices)


@pytest.mark.slow
def test_threads_speak_side_by_side(voices):
    found = []
    threads = [threading.Thread(target=lambda: found.append(len(made(voices)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and min(found) > 5000


def test_a_program_that_dies_is_a_problem_and_no_short_file(voices):
    speaking = voices.speak(Speech(text=LONG, format="wav"))
    next(piece for piece in speaking if piece)
    for child in children():
        if child.name() == "espeak-ng":
            child.kill()
    with pytest.raises(Unavailable, match="failed"):
        list(speaking)
    assert children() == []


def test_models(voices, tmp_path, monkeypatch):
    assert voices.models() == ["tts-1", "tts-1-hd", "gpt-4o-mini-tts", "espeak-ng"]
    for model in ("piper", "gpt-9", ""):
        with pytest.raises(NotFound) as refused:
            made(voices, model=model)
        assert (refused.value.parameter, refused.value.code) == ("model", "model_not_found")
    monkeypatch.setenv("PATH", str(tmp_path))  # nothing is installed there
    assert voices.models() == []
    with pytest.raises(Unavailable, match="install espeak-ng"):
        made(voices)


# piper

PIPER = """#!/usr/bin/env python3
import json, subprocess, sys
given = dict(zip(sys.argv[1::1], sys.argv[2::1]))
assert "--output-raw" in sys.argv
json.load(open(given["--model"] + ".json"))
for line in sys.stdin:
    if line.strip():
        pitch = 20 + 30 * int(given.get("--speaker", 0))
        rate = int(175 / float(given["--length-scale"]))
        command = ["/usr/bin/env", "espeak-ng", "-v", "en-us", "--stdout", "--stdin", "-p", str(pitch), "-s", str(rate)]
        said = subprocess.run(command, input=line.encode(), capture_output=True).stdout
        sys.stdout.buffer.write(said[44:])
        sys.stdout.buffer.flush()
"""


@pytest.fixture
def piper(tmp_path, monkeypatch):
    """A voice's file, and a program that reads like piper: --model, --output-raw, a text a line, samples out."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "piper").write_text(PIPER)
    (folder / "piper").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    voice = tmp_path / "en_US-someone-medium.onnx"
    voice.write_bytes(b"numbers")
    voice.with_name(voice.name + ".json").write_text(json.dumps({
        "audio": {"sample_rate": 22050}, "num_speakers": 2, "language": {"code": "en_US"}, "espeak": {"voice": "en-us"},
    }))
    return voice


def test_piper_reads_what_it_can(piper, tmp_path):
    voices = Voices(tmp_path / "speaking", voice=str(piper))
    assert voices.models()[-2:] == ["piper", "espeak-ng"]

    def reader(**wishes):
        return voices._program(Speech(**{"text": "Hello.", **wishes}))[0].command[0].rpartition("/")[2]

    assert reader() == reader(model="tts-1-hd", voice="onyx") == reader(model="piper") == "piper"
    assert reader(voice="en_US-someone-medium") == "piper"
    assert reader(model="espeak-ng") == reader(text="你好，世界") == reader(voice="de") == "espeak-ng"
    with pytest.raises(BadInput):
        reader(model="piper", voice="de")
    usual, fast = (seconds(made(voices, "Hello there.\nHow are you?", format="pcm", speed=speed)) for speed in (1, 2))
    assert usual > 1 and usual / fast > 1.5
    assert made(voices, voice="alloy") != made(voices, voice="ash")  # two speakers


def test_a_voice_that_is_none_is_found_at_the_start(piper, tmp_path):
    for path in (tmp_path / "nothing.onnx", tmp_path):
        with pytest.raises(SettingsError, match="is not a voice of piper"):
            Voices(tmp_path, voice=str(path))
    for text in ("{", "[]", '{"audio": {"sample_rate": "x"}}', '{"audio": {}, "num_speakers": []}'):
        piper.with_name(piper.name + ".json").write_text(text)
        with pytest.raises(SettingsError):
            Voices(tmp_path, voice=str(piper))
