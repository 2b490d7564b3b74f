"""The voice detector (silero-vad), computed by numpy: samples in, a probability of speech for every 32 ms out.

The network is small: magnitudes of a short-time Fourier transform, four convolutions, an LSTM cell and one output. All but the
cell is computed for many frames at once. Its weights are the package's own, in a ZIP of plain numbers beside a program for torch
that is not run: no torch is needed.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from webbot.errors import Unusable
from webbot.speech import vad

CONTEXT = 64  # samples of the frame before that a frame begins with, and its mirrored samples behind
FFT, HOP = 256, 128  # samples of a piece of the transform, and between two pieces
STRIDES = (1, 2, 2, 1)  # of the convolutions, which see three pieces at a time
BLOCK = 64  # frames at once
# The network for 16 kHz, in the order of the file; that for 8 kHz follows.
SHAPES = {
    "transform": (258, 256), "1 weight": (128, 129, 3), "1 bias": (128,), "2 weight": (64, 128, 3), "2 bias": (64,),
    "3 weight": (64, 64, 3), "3 bias": (64,), "4 weight": (128, 64, 3), "4 bias": (128,), "input weight": (512, 128),
    "hidden weight": (512, 128), "input bias": (512,), "hidden bias": (512,), "output weight": (128,), "output bias": (1,),
}
Gone = Callable[[], bool]
Floats = NDArray[np.float32]


class Left(Exception):
    """Whoever asked has gone."""


class VoiceDetector:
    """The probability of speech, frame by frame."""

    def __init__(self) -> None:
        self.weights = _weights(vad.model_file())

    def __call__(self, samples: Floats, gone: Gone) -> Floats:
        """One probability for each 512 samples. Raises Left once `gone` is true."""
        frames = np.pad(samples * np.float32(vad.gain(samples)), (0, -len(samples) % vad.FRAME)).reshape(-1, vad.FRAME)
        found = np.zeros(len(frames), np.float32)
        heard = np.flatnonzero(np.abs(frames).max(axis=1) > vad.SILENT)
        state = (np.zeros(128, np.float32), np.zeros(128, np.float32))
        before = np.zeros(CONTEXT, np.float32)
        for start in range(0, len(heard), BLOCK):
            if gone():
                raise Left
            numbers = heard[start : start + BLOCK]
            inputs = self._inputs(frames[numbers], before)
            before = frames[numbers[-1]][-CONTEXT:]
            found[numbers], state = self._remembered(inputs, state)
        return found

    def _inputs(self, frames: Floats, before: Floats) -> Floats:
        """What the LSTM cell adds up of each frame [n, 512]: its four gates [n, 512]."""
        context = np.concatenate([before[None], frames[:-1, -CONTEXT:]])
        joined = np.concatenate([context, frames, frames[:, -2 : -CONTEXT - 2 : -1]], axis=1)
        pieces = np.lib.stride_tricks.sliding_window_view(joined, FFT, axis=1)[:, ::HOP]  # [n, 4, 256]
        transformed = _times(pieces, self.weights["transform"])
        half = transformed.shape[2] // 2
        layer = np.sqrt(transformed[..., :half] ** 2 + transformed[..., half:] ** 2)
        for number, stride in enumerate(STRIDES, 1):
            layer = self._convolved(layer, number, stride)
        weights = self.weights
        return np.asarray(layer[:, 0] @ weights["input weight"].T + weights["input bias"] + weights["hidden bias"])

    def _convolved(self, layer: Floats, number: int, stride: int) -> Floats:
        """[n, pieces, channels] to [n, pieces / stride, channels], without its negative values."""
        weight = self.weights[f"{number} weight"]  # [out, in, 3]
        wide = np.pad(layer, ((0, 0), (1, 1), (0, 0)))
        seen = np.lib.stride_tricks.sliding_window_view(wide, 3, axis=1)[:, ::stride]  # [n, pieces, in, 3]
        flat = seen.reshape(*seen.shape[:2], -1)
        return np.maximum(_times(flat, weight.reshape(len(weight), -1)) + self.weights[f"{number} bias"], 0)

    def _remembered(self, inputs: Floats, state: tuple[Floats, Floats]) -> tuple[Floats, tuple[Floats, Floats]]:
        """The probabilities of frames in order, and the state of the cell behind them."""
        hidden, cell = state
        recurrent = self.weights["hidden weight"]
        shown = np.empty((len(inputs), len(hidden)), np.float32)
        for number, gates in enumerate(inputs):
            summed = gates + np.einsum("ij,j->i", recurrent, hidden)  # not BLAS, whose threads would only wait for one another
            enter, forget, new, out = summed.reshape(4, -1)
            cell = _sigmoid(forget) * cell + _sigmoid(enter) * np.tanh(new)
            hidden = _sigmoid(out) * np.tanh(cell)
            shown[number] = hidden
        probabilities = _sigmoid(np.maximum(shown, 0) @ self.weights["output weight"] + self.weights["output bias"])
        return probabilities, (hidden, cell)


def _times(values: Floats, weight: Floats) -> Floats:
    """[n, pieces, in] and [out, in] to [n, pieces, out], as one product."""
    flat = np.ascontiguousarray(values).reshape(-1, values.shape[2])
    return np.asarray(flat @ weight.T).reshape(*values.shape[:2], -1)


def _sigmoid(values: Floats) -> Floats:
    return np.float32(1) / (np.float32(1) + np.exp(-values))


def _weights(path: Path) -> dict[str, Floats]:
    """The network's numbers. Raises Unusable for a file of another network."""
    with zipfile.ZipFile(path) as file:
        records = {int(name.rsplit("/", 1)[1]): name for name in file.namelist() if name.split("/")[1:-1] == ["data"]}
        numbers = [file.read(records[place]) for place in sorted(records) if file.getinfo(records[place]).file_size]
    if [len(data) for data in numbers[: len(SHAPES)]] != [4 * math.prod(shape) for shape in SHAPES.values()]:
        raise Unusable("The package silero-vad is of another version. Please run run_webbot.sh again.")
    return {name: np.frombuffer(data, "<f4").reshape(shape) for (name, shape), data in zip(SHAPES.items(), numbers, strict=False)}
