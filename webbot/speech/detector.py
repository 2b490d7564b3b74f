"""The voice detector (silero-vad) as torch computes it: samples in, a probability of speech for every 32 ms out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from webbot.speech import vad

Gone = Callable[[], bool]


class Left(Exception):
    """Whoever asked has gone."""


class VoiceDetector:
    """The probability of speech, frame by frame."""

    def __init__(self) -> None:
        self.model = torch.jit.load(str(vad.model_file()), map_location="cpu").eval()

    def __call__(self, samples: NDArray[np.float32], gone: Gone) -> NDArray[np.float32]:
        """One probability for each 512 samples. Raises Left once `gone` is true."""
        frames = np.pad(samples * vad.gain(samples), (0, -len(samples) % vad.FRAME)).reshape(-1, vad.FRAME)
        found = np.zeros(len(frames), np.float32)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # frames are so small that threads would only wait for one another
        self.model.reset_states()
        try:
            # Unoptimised: the compiler of torch.jit would take ten seconds on the first frames to save a tenth of one later.
            with torch.inference_mode(), torch.jit.optimized_execution(False):
                for number in np.flatnonzero(np.abs(frames).max(axis=1) > vad.SILENT):
                    if number % 64 == 0 and gone():
                        raise Left
                    found[number] = self.model(torch.from_numpy(frames[number]), 16_000).item()
        finally:
            torch.set_num_threads(threads)
        return found
