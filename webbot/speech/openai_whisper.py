"""Whisper as openai-whisper computes it, with torch. Keeps the contract of `base`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from whisper import DecodingOptions, log_mel_spectrogram, pad_or_trim

from webbot.errors import Unusable
from webbot.speech import tokenizer
from webbot.speech.base import MEL_FRAMES, MEL_HOP, TURBO_LAYERS, Gone, Guess, Piece, Question, Samples, Spoken
from webbot.speech.checkpoint import load_whisper
from webbot.speech.detector import Left
from webbot.speech.segments import Task
from webbot.speech.words import spoken_words


@dataclass(slots=True)
class Sound:
    """The mel frames [n_mels, 3000] of a window, and what the encoder made of them once it has been asked."""

    mel: torch.Tensor
    encoded: torch.Tensor | None = None


class OpenaiWhisper:
    """Weights in openai-whisper's format."""

    cuts, together = False, 1

    def __init__(self, weights: Path, device: str = "auto", threads: int = 0) -> None:
        if threads:
            torch.set_num_threads(threads)
        if device == "cuda" and not torch.cuda.is_available():
            raise Unusable("There is no CUDA device on this machine for the speech model. Please set the device to auto.")
        self.device = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
        self.model = load_whisper(weights, torch.device(self.device))
        self.multilingual = self.model.is_multilingual
        layers = (self.model.dims.n_audio_layer, self.model.dims.n_text_layer)
        self.translates = self.multilingual and layers != TURBO_LAYERS
        self.longest_prompt = self.model.dims.n_text_ctx // 2 - 1

    def tokenizer(self, language: str, task: str) -> Any:
        return tokenizer.tokenizer(self.multilingual, self.model.num_languages, language, task)

    @contextmanager
    def left_when(self, gone: Gone) -> Iterator[None]:
        """Whisper has no stop of its own: it is left where its decoder begins on a token."""

        def check(*_: object) -> None:
            if gone():
                raise Left

        hook = self.model.decoder.register_forward_pre_hook(check)
        try:
            yield
        finally:
            hook.remove()

    @torch.inference_mode()
    def take_in(self, samples: Samples, frames: int = MEL_FRAMES) -> Sound:
        """Always 30 s: openai-whisper refuses less. Draws of `guess` begin anew."""
        torch.manual_seed(0)
        heard = min(MEL_FRAMES, len(samples) // MEL_HOP)
        mel = log_mel_spectrogram(torch.from_numpy(samples), self.model.dims.n_mels, padding=MEL_HOP * MEL_FRAMES)
        kind = torch.float16 if self.device == "cuda" else torch.float32
        return Sound(pad_or_trim(mel[:, :heard], MEL_FRAMES).to(self.device, kind))

    @torch.inference_mode()
    def guess(self, sound: Sound, question: Question, temperature: float) -> Guess:
        """Encodes once, for the language and for every temperature."""
        options = DecodingOptions(
            task=question.task, language=question.language or None, temperature=temperature,
            prompt=list(question.prompt) or None, fp16=sound.mel.dtype == torch.float16,
        )
        found: Any = self.model.decode(sound.mel if sound.encoded is None else sound.encoded, options)
        sound.encoded = found.audio_features
        return Guess(
            tokens=tuple(found.tokens), language=found.language, text=found.text, temperature=temperature,
            avg_logprob=_number(found.avg_logprob), no_speech_prob=_number(found.no_speech_prob),
        )

    def words(self, sound: Sound, guess: Guess, task: Task, pieces: Sequence[Piece], length: int) -> list[list[Spoken]]:
        return spoken_words(self.model, self.tokenizer(guess.language, task), sound.mel, list(pieces), length)


def _number(value: float) -> float:
    """JSON has no NaN."""
    return float(np.nan_to_num(value))
