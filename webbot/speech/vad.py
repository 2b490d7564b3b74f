"""Where somebody speaks: the probabilities of a voice detector become the stretches of a recording that Whisper may hear.

Whisper invents words where nobody speaks, so it never hears such stretches. Pure arithmetic on frames of 512 samples (32 ms);
the detector itself (silero-vad) runs in the recogniser.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from webbot.errors import Unusable

FRAME = 512  # samples
FRAMES_PER_SECOND = 16_000 / FRAME
BEGINS, GOES_ON = 0.5, 0.35  # probabilities of speech
PAUSE = round(0.3 * FRAMES_PER_SECOND)  # a shorter pause does not end a stretch
SHORTEST = round(0.1 * FRAMES_PER_SECOND)  # a shorter stretch is a click
LEAST_SPEECH = 0.16  # seconds in all: less is no word
MARGIN = round(0.4 * FRAMES_PER_SECOND)  # kept around a stretch, so that no first or last sound is lost
WINDOW = int(30 * FRAMES_PER_SECOND)  # Whisper hears 30 s at a time
SILENT = 1e-4  # the loudest sample of a microphone that is switched off
LOUD, MOST_GAIN = 0.5, 100.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames from `start` up to `end` (excluded)."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


def model_file() -> Path:
    """The detector's file in the folder of silero_vad. The package is not imported: it would import torchaudio."""
    found = importlib.util.find_spec("silero_vad")
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder) / "data" / "silero_vad.jit"
        if path.is_file():
            return path
    raise Unusable("The package silero-vad is not installed. Please run run_webbot.sh again.")


def gain(samples: NDArray[np.float32]) -> float:
    """What makes a quiet microphone loud enough for the detector. A single click does not count as loud."""
    if not len(samples):
        return 1.0
    level = float(np.quantile(np.abs(samples), 0.999))
    return max(1.0, min(MOST_GAIN, LOUD / level)) if level > SILENT else 1.0


def stretches(probabilities: Sequence[float] | NDArray[np.float32]) -> list[Stretch]:
    """The stretches of speech, given one probability for each frame."""
    found: list[Stretch] = []
    start, last = -1, 0  # of the stretch that is open
    for frame, probability in enumerate([*probabilities, *[0.0] * (PAUSE + 1)]):
        if start < 0:
            if probability >= BEGINS:
                start, last = frame, frame
        elif probability >= GOES_ON:
            last = frame
        elif frame - last > PAUSE:
            if last + 1 - start >= SHORTEST:
                found.append(Stretch(start, last + 1))
            start = -1
    return found


def speech_seconds(found: Sequence[Stretch]) -> float:
    return sum(len(stretch) for stretch in found) / FRAMES_PER_SECOND


def windows(probabilities: Sequence[float] | NDArray[np.float32]) -> list[list[Stretch]]:
    """The speech with its margins, packed in order into windows of at most 30 s; nothing where nobody speaks."""
    found = stretches(probabilities)
    if speech_seconds(found) < LEAST_SPEECH:
        return []
    packed: list[list[Stretch]] = []
    room = 0
    for stretch in _with_margins(found, len(probabilities)):
        for part in _cut(stretch, probabilities):
            if len(part) > room:
                packed.append([])
                room = WINDOW
            packed[-1].append(part)
            room -= len(part)
    return packed


def _with_margins(found: Sequence[Stretch], frames: int) -> list[Stretch]:
    """Stretches that meet become one."""
    wider: list[Stretch] = []
    for stretch in found:
        start, end = max(0, stretch.start - MARGIN), min(frames, stretch.end + MARGIN)
        if wider and start <= wider[-1].end:
            wider[-1] = Stretch(wider[-1].start, end)
        else:
            wider.append(Stretch(start, end))
    return wider


def _cut(stretch: Stretch, probabilities: Sequence[float] | NDArray[np.float32]) -> list[Stretch]:
    """Parts of at most a window, cut in the last third of it where speech is least likely."""
    parts = []
    start = stretch.start
    while stretch.end - start > WINDOW:
        last_third = range(start + WINDOW * 2 // 3, start + WINDOW)
        end = min(last_third, key=lambda frame: probabilities[frame]) + 1
        parts.append(Stretch(start, end))
        start = end
    return [*parts, Stretch(start, stretch.end)]


def place(window: Sequence[Stretch], sample: int, *, ends: bool = False) -> int:
    """The sample of the recording that stands at `sample` once the stretches of the window are joined.

    Where two of them meet, what begins there begins the second, and what `ends` there ends the first.
    """
    for stretch in window:
        length = len(stretch) * FRAME
        if sample < length or (ends and sample == length):
            return stretch.start * FRAME + max(0, sample)
        sample -= length
    return window[-1].end * FRAME


def why_nothing(samples: NDArray[np.float32]) -> str:
    """The sentence for a recording in which nobody speaks."""
    if len(samples) < FRAME * 4:
        return "The recording is too short to hold a word. Please hold the button while you speak."
    if float(np.abs(samples).max()) < SILENT:
        return "Nothing was said: the recording is silent. Please check that the microphone is switched on."
    return "Only noise was heard, no speech. Please speak closer to the microphone."
