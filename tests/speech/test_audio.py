"""Bytes to samples: formats, limits, hostile files. Whatever comes in, only a Problem comes out beside samples."""

import os
import struct
import time

import numpy as np
import pytest

from tests.speech.recordings import made, needs_ffmpeg, noises, packed, wav
from webbot.errors import Problem, TooLong, Unusable
from webbot.speech import audio

TONE = (0.3 * np.sin(2 * np.pi * 440 * np.arange(32_000) / 16_000)).astype(np.float32)


def decode(data, folder, seconds=60, **options):
    samples = audio.decode(data, seconds=seconds, directory=folder / "recordings", **options)
    assert not list((folder / "recordings").glob("*"))
    assert samples.dtype == np.float32 and samples.ndim == 1 and np.abs(samples).max(initial=0) <= 1
    return samples


def pitch(samples):
    spectrum = np.abs(np.fft.rfft(samples[4_000:20_000] * np.hanning(16_000)))
    return spectrum.argmax() * 16_000 / 16_000


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000, 96_000])
def test_any_rate_becomes_16_khz(rate, tmp_path):
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * rate) / rate)
    samples = decode(wav(np.stack([tone, tone], axis=1), rate), tmp_path)
    assert abs(len(samples) - 32_000) < 50
    assert abs(pitch(samples) - 440) <= 1
    assert 0.27 < np.abs(samples[4_000:20_000]).max() < 0.33


def test_channels_are_mixed(tmp_path):
    samples = decode(wav(np.stack([TONE, -TONE], axis=1)), tmp_path)
    assert np.abs(samples).max() < 1e-3


def test_a_resampler_is_used_where_it_is_safe(tmp_path):
    rates = []

    def resample(samples, rate):
        rates.append(rate)
        return samples[::3]

    decode(wav(np.zeros(48_000), 48_000), tmp_path, resample=resample)
    decode(wav(np.zeros(44_101), 44_101), tmp_path, resample=resample)  # a polyphase filter for it would take gigabytes
    assert rates == [48_000]


def test_no_number_and_no_loudness_survives(tmp_path):
    samples = decode(wav(np.array([np.nan, np.inf, -np.inf, 9.0, -9.0] * 1000), subtype="FLOAT"), tmp_path)
    assert np.isfinite(samples).all()


@pytest.mark.parametrize("data, says", [
    (b"", "empty"), (b"hello, this is text\n" * 50, "no audio"), (b"\0" * 5000, "no audio"),
    (b"PK\x03\x04" + b"\0" * 500, "no audio"),
    (b"\xff\xfb" + b"text" * 100, "no audio"), (b"RIFF", "no audio"), (b"\x1aE\xdf\xa3" + b"x" * 300, "no audio"),
])
@needs_ffmpeg
def test_what_is_no_audio_is_refused(data, says, tmp_path):
    with pytest.raises(Unusable, match=says):
        decode(data, tmp_path)


@needs_ffmpeg
def test_a_list_of_files_opens_no_file(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    neighbour = folder / "ok.wav"
    neighbour.write_bytes(wav(TONE))
    for name in ("ok.wav", "../ok.wav", str(neighbour), f"file:{neighbour}"):
        with pytest.raises(Unusable):
            audio.decode(f"ffconcat version 1.0\nfile '{name}'\n".encode(), seconds=60, directory=folder)
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{neighbour}\n#EXT-X-ENDLIST\n"
    with pytest.raises(Unusable):
        audio.decode(playlist.encode(), seconds=60, directory=folder)
    assert list(folder.iterdir()) == [neighbour]


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["flac", "webm"])
@needs_ffmpeg
def test_ten_hours_in_a_small_file_are_refused_soon(codec, tmp_path):
    rate = 8000 if codec == "webm" else 1000
    quiet = ("-f", "lavfi", "-i", f"anullsrc=r={rate}:cl=mono")
    if codec == "webm":
        made(tmp_path / "minute.webm", *quiet, "-t", "60", "-c:a", "libopus", "-b:a", "6k", "-frame_duration", "60")
        data = made(tmp_path / "long.webm", "-stream_loop", "599", "-i", str(tmp_path / "minute.webm"), "-c", "copy")
    else:
        data = made(tmp_path / "long.flac", *quiet, "-t", "36000", "-compression_level", "0")
    assert len(data) < 40_000_000
    began = time.monotonic()
    with pytest.raises(TooLong, match="600 seconds"):
        decode(data, tmp_path, seconds=600)
    assert time.monotonic() - began < 10  # 0.5 s on an idle machine


def test_exactly_the_limit_is_welcome(tmp_path):
    assert len(decode(wav(np.zeros(60 * 16_000)), tmp_path)) == 60 * 16_000
    with pytest.raises(TooLong):
        decode(wav(np.zeros(61 * 16_000)), tmp_path)


def lying(samples, **fields):
    """A WAV file whose header claims something else."""
    data = bytearray(wav(samples))
    places = {"riff": (4, "<I"), "channels": (22, "<H"), "rate": (24, "<I"), "data": (40, "<I")}
    for name, value in fields.items():
        struct.pack_into(places[name][1], data, places[name][0], value)
    return bytes(data)


@pytest.mark.parametrize("fields", [
    {"data": 0xFFFFFFFF, "riff": 0xFFFFFFFF}, {"data": 0xFFFFFF00}, {"data": 0}, {"rate": 768_000}, {"rate": 0xFFFFFFFF},
    {"rate": 0}, {"rate": 1}, {"channels": 32}, {"channels": 0}, {"channels": 0xFFFF}, {"rate": 44_101},
])
@needs_ffmpeg
def test_a_header_that_lies_does_no_harm(fields, tmp_path):
    try:
        samples = decode(lying(TONE, **fields), tmp_path)
    except Problem as problem:
        assert problem.status in (413, 422)
    else:
        assert len(samples) < 61 * 16_000


@needs_ffmpeg
def test_a_video_without_sound_is_refused(tmp_path):
    data = made(tmp_path / "silent.mp4", "-f", "lavfi", "-i", "testsrc=d=1:s=64x64")
    with pytest.raises(Unusable):
        decode(data, tmp_path)


@pytest.mark.slow
@needs_ffmpeg
def test_a_hundred_broken_files_raise_nothing_but_problems(tmp_path):
    random = np.random.default_rng(3)
    voice = (noises()["keyboard"][:32_000] + TONE).astype(np.float32)
    whole = [
        wav(voice), wav(voice, format="FLAC"), wav(voice, format="OGG", subtype="VORBIS"),
        wav(voice, format="MP3", subtype="MPEG_LAYER_III"), packed(voice, tmp_path, "-c:a", "libopus", suffix="webm"),
        packed(voice, tmp_path, suffix="m4a"),
    ]
    for number in range(102):
        data = bytearray(whole[number % len(whole)])
        if number % 3:
            for place in random.integers(0, len(data), 1 + number // 4):
                data[place] ^= 1 << int(random.integers(0, 8))
        if number % 3 != 1:
            data = data[: int(random.integers(1, len(data)))]
        try:
            decode(bytes(data), tmp_path)
        except Problem as problem:
            assert problem.status in (413, 422), problem


def test_what_a_killed_process_left_is_removed(tmp_path):
    old, new = tmp_path / "recording-old", tmp_path / "recording-new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "in").write_bytes(b"x")
    os.utime(old, (1, 1))
    audio.sweep(tmp_path)
    assert not old.exists() and new.exists()
