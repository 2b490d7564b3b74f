"""Recordings for the tests, made when they are needed: espeak-ng speaks, ffmpeg packs."""

import io
import shutil
import subprocess
from functools import lru_cache

import numpy as np
import pytest
import soundfile
import soxr

from webbot.speech.audio import ffmpeg_program

QUESTION = "What is the capital of France?"
needs_voice = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng, which speaks for the tests, is not installed")
needs_ffmpeg = pytest.mark.skipif(not ffmpeg_program(), reason="there is no ffmpeg here, nor the wheel of imageio-ffmpeg")


@lru_cache(maxsize=8)
def spoken(text: str = QUESTION) -> np.ndarray:
    """Mono samples at 16 kHz."""
    made = subprocess.run(["espeak-ng", "-v", "en", "--stdout", text], capture_output=True, check=True).stdout
    samples, rate = soundfile.read(io.BytesIO(made), dtype="float32")
    return soxr.resample(samples, rate, 16_000)


def wav(samples: np.ndarray, rate: int = 16_000, **options) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, **{"format": "WAV", "subtype": "PCM_16"} | options)
    return file.getvalue()


def packed(samples: np.ndarray, folder, *options: str, suffix: str) -> bytes:
    """The samples as ffmpeg writes them with `options`."""
    return made(folder / f"made.{suffix}", "-i", "pipe:0", *options, data=wav(samples))


def made(target, *options: str, data: bytes = b"") -> bytes:
    """What ffmpeg writes to `target` with `options`; the test is left out where it cannot."""
    suffix = target.suffix
    command = [ffmpeg_program(), "-nostdin", "-v", "error", "-y", *options, str(target)]
    ran = subprocess.run(command, input=data, capture_output=True, check=False)
    if ran.returncode:
        pytest.skip(f"this ffmpeg cannot write {suffix}: {ran.stderr.decode()[:200]}")
    return target.read_bytes()


def noises() -> dict[str, np.ndarray]:
    """Five seconds each of what is no speech."""
    random, count = np.random.default_rng(0), 5 * 16_000
    time = np.arange(count) / 16_000
    clicks = np.zeros(count)
    for start in random.integers(0, count - 400, 40):
        clicks[start : start + 400] += 0.5 * random.standard_normal(400) * np.exp(-np.arange(400) / 60)
    return {
        "digital silence": np.zeros(count), "faint noise": 0.001 * random.standard_normal(count),
        "white noise": 0.1 * random.standard_normal(count), "loud noise": 0.5 * random.standard_normal(count).clip(-2, 2),
        "hum": 0.2 * np.sin(2 * np.pi * 50 * time) + 0.05 * np.sin(2 * np.pi * 150 * time),
        "tone": 0.2 * np.sin(2 * np.pi * 440 * time), "keyboard": clicks,
    }
