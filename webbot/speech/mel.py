"""What Whisper hears of sounds: log-mel frames, computed by numpy as openai-whisper's torch computes them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from webbot.speech.base import MEL_HOP, Samples
from webbot.speech.tokenizer import asset

FFT = 400  # samples of a frame
FLOOR, RANGE = 1e-10, 8.0  # the faintest power, and how far (as a power of ten) under the loudest anything counts


def log_mel(samples: Samples, mels: int, frames: int) -> NDArray[np.float32]:
    """[mels, frames] of samples at 16 kHz; what lies behind them is silent."""
    sounding = min(frames, len(samples) // MEL_HOP)
    wide = np.pad(np.pad(samples, (FFT // 2, 0), mode="reflect"), (0, FFT))
    pieces = np.lib.stride_tricks.sliding_window_view(wide, FFT)[::MEL_HOP][: sounding + 2]
    power = np.abs(np.fft.rfft(pieces * _window())[:, : FFT // 2 + 1]) ** 2
    loudness = np.log10(np.maximum(power.astype(np.float32) @ _filters(mels).T, FLOOR))
    found = np.zeros((mels, frames), np.float32)
    found[:, :sounding] = (np.maximum(loudness, loudness.max() - RANGE).T[:, :sounding] + 4) / 4
    return found


@lru_cache
def _window() -> NDArray[np.float32]:
    """Hann's window, as one period of it."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)).astype(np.float32)


@lru_cache
def _filters(mels: int) -> NDArray[np.float32]:
    """[mels, 201]: how much of each frequency a mel takes."""
    with np.load(asset("assets/mel_filters.npz"), allow_pickle=False) as file:
        return np.asarray(file[f"mel_{mels}"], np.float32)
