"""Windows of sound become what the decoder asks: those of one length together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from whisper import log_mel_spectrogram

from webbot.speech.base import MEL_FRAMES, MEL_HOP, Samples
from webbot.speech.torch_whisper.graphs import Graphs, Results
from webbot.speech.torch_whisper.network import Network

WINDOWS = (1000, 1500, 2000, MEL_FRAMES)  # mel frames: 10, 15, 20 and 30 s
TOGETHER, SMALL_STATE = (1, 2, 4), 768  # windows; a model whose state is wider fills a GPU with one
FFT = 400  # samples behind the last frame that it is computed from


def window(frames: int) -> int:
    """The shortest of the windows that holds so many frames."""
    return next(length for length in WINDOWS if length >= frames)


class Encoder:
    """Computes up to `most` windows together."""

    def __init__(self, network: Network, graphs: Graphs) -> None:
        self._network, self._graphs = network, graphs
        self._mels = network.dims.n_mels
        self._batches = TOGETHER if network.dims.n_audio_state <= SMALL_STATE else TOGETHER[:1]
        self.most = self._batches[-1]
        self._input = torch.zeros(self.most * self._mels * MEL_FRAMES, dtype=network.dtype, device=network.device)

    def computations(self) -> Iterator[tuple[tuple[int, int], Callable[[], Results]]]:
        """What can be recorded, the largest first."""
        for frames in reversed(WINDOWS):
            for clips in reversed(self._batches):
                yield (frames, clips), self._computation(frames, clips)

    def encode(self, clips: Sequence[Samples], frames: int) -> list[Tensor]:
        """[positions, state] of each of at most `most` clips in a window of so many frames."""
        count = next(number for number in self._batches if number >= len(clips))
        mels = self._place(frames, count)
        mels.zero_()
        for mel, samples in zip(mels, clips, strict=False):
            found = self._mel(samples, frames)
            mel[:, : found.shape[1]] = found
        (encoded,) = self._graphs.run((frames, count), self._computation(frames, count))
        return [part.clone() for part in encoded[: len(clips)]]

    def _place(self, frames: int, clips: int) -> Tensor:
        return self._input[: clips * self._mels * frames].view(clips, self._mels, frames)

    def _computation(self, frames: int, clips: int) -> Callable[[], Results]:
        return lambda: (self._network.encode(self._place(frames, clips)),)

    def _mel(self, samples: Samples, frames: int) -> Tensor:
        """[mels, sounding frames]. Samples are padded to the window, so that few lengths are ever transformed."""
        samples = samples[: frames * MEL_HOP]
        sound = torch.from_numpy(np.ascontiguousarray(samples)).to(self._network.device)
        padded = F.pad(sound, (0, frames * MEL_HOP + FFT - len(samples)))
        return log_mel_spectrogram(padded, self._mels)[:, : len(samples) // MEL_HOP]
