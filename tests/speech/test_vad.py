"""From probabilities to the stretches that Whisper may hear."""

import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.speech.recordings import needs_voice, noises, spoken
from webbot.speech import vad
from webbot.speech.detector import Left, VoiceDetector


def test_stretches_have_margins_and_clicks_are_dropped():
    probabilities = [0.0] * 100 + [0.9] * 50 + [0.0] * 100 + [0.9] * 2 + [0.0] * 100
    assert vad.stretches(probabilities) == [vad.Stretch(100, 150)]
    assert vad.windows(probabilities) == [[vad.Stretch(100 - vad.MARGIN, 150 + vad.MARGIN)]]


def test_a_short_pause_does_not_end_a_stretch():
    assert vad.stretches([0.9] * 10 + [0.1] * vad.PAUSE + [0.9] * 10) == [vad.Stretch(0, 20 + vad.PAUSE)]
    assert len(vad.stretches([0.9] * 10 + [0.1] * (vad.PAUSE + 1) + [0.9] * 10)) == 2


def test_nothing_is_heard_where_nobody_speaks():
    assert vad.windows([]) == [] == vad.windows([0.4] * 1000) == vad.windows([0.0] * 50 + [1.0] * 4 + [0.0] * 50)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 700)), max_size=30))
def test_windows_hold_all_speech_in_order_and_fit_whisper(runs):
    probabilities = [probability for probability, length in runs for _ in range(length)]
    windows = vad.windows(probabilities)
    parts = [part for window in windows for part in window]
    assert all(0 < sum(len(part) for part in window) <= vad.WINDOW for window in windows)
    assert all(before.end <= after.start for before, after in pairwise(parts))
    assert not parts or (parts[0].start >= 0 and parts[-1].end <= len(probabilities))
    heard = {frame for part in parts for frame in range(part.start, part.end)}
    if parts:
        assert all(frame in heard for stretch in vad.stretches(probabilities) for frame in range(stretch.start, stretch.end))


def test_the_sentences_for_nothing():
    assert "silent" in vad.why_nothing(np.zeros(16_000, np.float32))
    assert "noise" in vad.why_nothing(np.full(16_000, 0.1, np.float32))
    assert "short" in vad.why_nothing(np.zeros(100, np.float32))


def test_the_detector_is_found_without_importing_its_package():
    assert vad.model_file().is_file()
    assert "silero_vad" not in sys.modules


def test_a_place_in_what_whisper_hears_is_a_place_in_the_recording():
    window, frame = [vad.Stretch(10, 20), vad.Stretch(50, 55)], vad.FRAME
    assert vad.place(window, 0) == 10 * frame
    assert vad.place(window, 5 * frame + 7) == 15 * frame + 7
    assert vad.place(window, 10 * frame) == 50 * frame  # begins after the pause
    assert vad.place(window, 10 * frame, ends=True) == 20 * frame  # ends before it
    assert vad.place(window, 12 * frame) == 52 * frame
    assert vad.place(window, 15 * frame) == vad.place(window, 900 * frame, ends=True) == 55 * frame


@needs_voice
@pytest.mark.slow
def test_numpy_computes_what_the_detectors_own_program_does():
    import torch

    theirs = torch.jit.load(str(vad.model_file())).eval()
    quiet = np.zeros(3 * vad.FRAME, np.float32)  # silent frames are left out, and the frame behind them goes on from before
    samples = np.concatenate([noises()["white noise"][:8000].astype(np.float32), quiet, spoken()])
    frames = np.pad(samples * np.float32(vad.gain(samples)), (0, -len(samples) % vad.FRAME)).reshape(-1, vad.FRAME)
    with torch.inference_mode(), torch.jit.optimized_execution(False):
        expected = [
            theirs(torch.from_numpy(frame), 16_000).item() if np.abs(frame).max() > vad.SILENT else 0.0 for frame in frames
        ]
    found = VoiceDetector()(samples, lambda: False)
    assert max(expected) > 0.9 and np.abs(found - expected).max() < 1e-4
    with pytest.raises(Left):
        VoiceDetector()(samples, lambda: True)
