"""Whisper and the voice detector as torch computes them: samples in, words out. Knows no process and no file format.

Whisper hears only what the voice detector takes for speech, 30 s at a time, and never its own words before (a slip would go on
for ever). What it makes of a window is left out where its own doubts, its repetitions or the detector speak against it.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from whisper import DecodingOptions, DecodingResult, ModelDimensions, Whisper, log_mel_spectrogram, pad_or_trim
from whisper.tokenizer import LANGUAGES, TO_LANGUAGE_CODE, get_tokenizer

from webbot.errors import BadInput, Unusable
from webbot.speech import vad

MEL_HOP, MEL_FRAMES = 160, 3000  # samples a frame; frames of the 30 s that Whisper hears
STAMP_SAMPLES = 320  # a time stamp counts 20 ms
# Whisper's own thresholds for an answer that is tried again, warmer, and for one that is not believed.
TEMPERATURES = (0.0, 0.2, 0.4, 0.6)
REPETITIVE, DOUBTFUL, NO_SPEECH = 2.4, -1.0, 0.6
LEAST_ADVANCE = 16_000  # samples: a time stamp that stands still must not stop the reading
LARGEST_DIMENSION = 200_000  # of any part of the network: the file's own claim, checked before memory is taken
Gone = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Heard:
    """`spoke` is whether the detector found a voice, with words or without."""

    text: str
    language: str
    spoke: bool


def load_whisper(path: Path, device: torch.device) -> Whisper:
    """Weights in openai-whisper's format. Only numbers are read: a file with program code in it is refused, and none of it runs.

    Raises Unusable.
    """
    if not path.is_file():
        raise Unusable("There is no file {path} with Whisper weights.", path=path)
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        dimensions = ModelDimensions(**checkpoint["dims"])
        if not all(isinstance(size, int) and 0 < size <= LARGEST_DIMENSION for size in vars(dimensions).values()):
            raise ValueError("impossible dimensions")
        model = Whisper(dimensions)
        model.load_state_dict(checkpoint["model_state_dict"])
    except pickle.UnpicklingError as error:
        raise Unusable(
            "The file {path} holds more than the numbers of a model, or is damaged. It was not loaded, because it could run "
            "a program here. Please use a file that openai-whisper publishes.", path=path,
        ) from error
    except (RuntimeError, KeyError, TypeError, ValueError, EOFError, AttributeError) as error:
        raise Unusable("The file {path} is not a whole Whisper model. Please download it again.", path=path) from error
    return model.to(device).eval()


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


class Recogniser:
    """A Whisper model with its voice detector. One recording at a time."""

    def __init__(self, weights: Path, device: str = "auto", threads: int = 0) -> None:
        if threads:
            torch.set_num_threads(threads)
        if device == "cuda" and not torch.cuda.is_available():
            raise Unusable("There is no CUDA device on this machine for the speech model. Please set the device to auto.")
        chosen = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
        self.device = torch.device(chosen)
        self.detector = VoiceDetector()
        self.model = load_whisper(weights, self.device)
        self.multilingual = self.model.is_multilingual

    def language(self, wanted: str) -> str:
        """The code of a language given as a code, a code with a region, or an English name; "" stays "" (to be found).

        Raises BadInput for one that Whisper does not know and Unusable for one that this model has not learnt.
        """
        name = wanted.strip().lower().replace("_", "-")
        code = TO_LANGUAGE_CODE.get(name, name.split("-")[0])
        if not code:
            return "" if self.multilingual else "en"
        if code not in LANGUAGES:
            raise BadInput(
                "The language {language} is not known. Please give a code like en, zh, de or es.", language=repr(wanted[:20])
            )
        if code != "en" and not self.multilingual:
            raise Unusable("This speech model has learnt English only. Please choose English, or load Whisper base.")
        return code

    @staticmethod
    def language_name(code: str) -> str:
        """The English name of a language."""
        return LANGUAGES.get(code, code).title()

    def warm_up(self) -> None:
        """Computes once, so that the first recording does not wait for what torch sets up."""
        noise = np.zeros(vad.FRAME * 8, np.float32)
        self.detector(noise, lambda: False)
        self._decode(noise, "en")

    def hear(self, samples: NDArray[np.float32], language: str, gone: Gone) -> Heard:
        """The words in mono samples at 16 kHz. `language` comes from `language()`. Raises Left once `gone` is true."""
        probabilities = self.detector(samples, gone)
        with self._left_at_any_token(gone):
            return self._words(samples, probabilities, language)

    @contextmanager
    def _left_at_any_token(self, gone: Gone) -> Iterator[None]:
        """Whisper has no stop of its own: it is left where its decoder begins on a token."""

        def check(*_: object) -> None:
            if gone():
                raise Left

        hook = self.model.decoder.register_forward_pre_hook(check)
        try:
            yield
        finally:
            hook.remove()

    def _words(self, samples: NDArray[np.float32], probabilities: NDArray[np.float32], language: str) -> Heard:
        windows = vad.windows(probabilities)
        speech = probabilities >= vad.GOES_ON
        texts: list[str] = []
        for window in windows:
            for found, text in self._window(samples, speech, window, language):
                language = language or found
                texts.append(text)
        return Heard(" ".join(" ".join(texts).split()), language, bool(windows))

    def _window(
        self, samples: NDArray[np.float32], speech: NDArray[np.bool_], window: list[vad.Stretch], language: str
    ) -> Iterator[tuple[str, str]]:
        """(language, words) of at most 30 s, in order. Where Whisper has doubts or repeats itself, each half is heard alone."""
        heard = np.concatenate([samples[part.start * vad.FRAME : part.end * vad.FRAME] for part in window])
        voiced = np.concatenate([speech[part.start : part.end] for part in window])
        half = len(window) // 2
        start = 0
        # Whisper may stop before the end; it is then asked again from there.
        while voiced[start // vad.FRAME :].sum() >= vad.SHORTEST:
            result = self._decode(heard[start:], language, TEMPERATURES[:1] if half else TEMPERATURES)
            if half and not start and not _believed(result):
                for part in (window[:half], window[half:]):
                    yield from self._window(samples, speech, part, language)
                return
            segments, advance = self._segments(result, len(heard) - start)
            for first, last, text in segments:
                if _believed(result) and voiced[(start + first) // vad.FRAME : (start + last) // vad.FRAME + 1].any():
                    yield result.language, text
            start += max(advance, LEAST_ADVANCE)

    @torch.inference_mode()
    def _decode(self, samples: NDArray[np.float32], language: str, temperatures: tuple[float, ...] = (0.0,)) -> DecodingResult:
        """Encodes once, for the language and for every temperature."""
        torch.manual_seed(0)  # the same recording gives the same words
        frames = min(MEL_FRAMES, len(samples) // MEL_HOP)
        mel = log_mel_spectrogram(torch.from_numpy(samples), self.model.dims.n_mels, padding=MEL_HOP * MEL_FRAMES)
        fast = self.device.type == "cuda"
        features = pad_or_trim(mel[:, :frames], MEL_FRAMES).to(self.device, torch.float16 if fast else torch.float32)
        for temperature in temperatures:
            options = DecodingOptions(language=language or None, temperature=temperature, fp16=fast)
            result: Any = self.model.decode(features, options)
            silent = result.no_speech_prob > NO_SPEECH and result.avg_logprob < DOUBTFUL
            if silent or (result.compression_ratio <= REPETITIVE and result.avg_logprob >= DOUBTFUL):
                break
            features, language = result.audio_features, result.language
        return result

    def _segments(self, result: DecodingResult, length: int) -> tuple[list[tuple[int, int, str]], int]:
        """What lies between two time stamps: (first sample, last sample, text); and how many samples have been read."""
        tokenizer = get_tokenizer(
            self.multilingual, num_languages=self.model.num_languages, language=result.language, task="transcribe"
        )
        segments: list[tuple[int, int, str]] = []
        start, words = 0, []
        stamps = 0  # how many time stamps the answer ends with: one closes the recording, a pair opens what follows
        for token in result.tokens:
            if token < tokenizer.timestamp_begin:
                words.append(token)
                stamps = 0
                continue
            stamp = (token - tokenizer.timestamp_begin) * STAMP_SAMPLES
            if words:
                segments.append((start, stamp, tokenizer.decode(words)))
                words = []
            start, stamps = stamp, stamps + 1
        if words and not segments:
            return [(0, length, tokenizer.decode(words))], length
        unfinished = bool(segments) and (bool(words) or stamps > 1)  # heard again, with what follows it
        return segments, segments[-1][1] if unfinished else length


def _believed(result: DecodingResult) -> bool:
    if result.no_speech_prob > NO_SPEECH and result.avg_logprob < DOUBTFUL:
        return False
    return result.compression_ratio <= REPETITIVE and result.avg_logprob >= DOUBTFUL * 1.5
