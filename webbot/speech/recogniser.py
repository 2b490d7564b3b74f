"""Whisper with the voice detector before it: samples in, words out, each with its time. Knows no process and no file format.

Whisper hears only what the voice detector takes for speech, 30 s at a time, and never its own words before (a slip would go on
for ever). What it makes of a window is left out where its own doubts, its repetitions or the detector speak against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from whisper import DecodingOptions, DecodingResult, log_mel_spectrogram, pad_or_trim
from whisper.tokenizer import LANGUAGES, TO_LANGUAGE_CODE, Tokenizer, get_tokenizer

from webbot.errors import BadInput, Unusable
from webbot.speech import vad
from webbot.speech.checkpoint import load_whisper
from webbot.speech.detector import Gone, Left, VoiceDetector
from webbot.speech.segments import Segment, Wishes, Word
from webbot.speech.words import Piece, Spoken, spoken_words

MEL_HOP, MEL_FRAMES = 160, 3000  # samples a frame; frames of the 30 s that Whisper hears
STAMP_SAMPLES = 320  # a time stamp counts 20 ms
# Whisper's own thresholds for an answer that is tried again, warmer, and for one that is not believed.
TEMPERATURES = (0.0, 0.2, 0.4, 0.6)
REPETITIVE, DOUBTFUL, NO_SPEECH = 2.4, -1.0, 0.6
EDGE = 3  # frames around a voice that still belong to a segment
LEAST_ADVANCE = 16_000  # samples: a time stamp that stands still must not stop the reading
PROMPT_CHARACTERS = 4096  # more than the tokens that fit; the end of a longer prompt counts
TURBO_LAYERS = (32, 4)  # of encoder and decoder: this one of Whisper's shapes has not learnt to translate
RATE = 16_000
Tell = Callable[[Segment], None]


@dataclass(frozen=True, slots=True)
class Heard:
    """`spoke` is whether the detector found a voice, with words or without."""

    text: str
    language: str
    spoke: bool


@dataclass(slots=True)
class Listening:
    """One recording in work. `language` and `last` (where the last segment ends, in samples) are found on the way."""

    samples: NDArray[np.float32]
    speech: NDArray[np.bool_]
    language: str
    wishes: Wishes
    prompt: list[int]
    ladder: tuple[float, ...]
    tell: Tell
    last: int = 0
    texts: list[str] = field(default_factory=list)


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
        layers = (self.model.dims.n_audio_layer, self.model.dims.n_text_layer)
        self.translates = self.multilingual and layers != TURBO_LAYERS

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
                "The language {language} is not known. Please give a code like en, zh, de or es.", language=repr(wanted[:20]),
                parameter="language",
            )
        if code != "en" and not self.multilingual:
            raise Unusable("This speech model has learnt English only. Please choose English, or load Whisper base.",
                           parameter="language")
        return code

    @staticmethod
    def language_name(code: str) -> str:
        """The English name of a language."""
        return LANGUAGES.get(code, code).title()

    def warm_up(self) -> None:
        """Computes once, so that the first recording does not wait for what torch sets up."""
        noise = np.zeros(vad.FRAME * 8, np.float32)
        self.detector(noise, lambda: False)
        self._decode(self._features(noise), "en", Wishes(), [], TEMPERATURES[:1])

    def check(self, wishes: Wishes) -> None:
        """Raises BadInput or Unusable for what this model cannot do."""
        self.language(wishes.language)
        if wishes.task == "translate" and not self.translates:
            raise BadInput(
                "This speech model does not translate. Please load a Whisper model of many languages, like base or large-v3.",
                parameter="model",
            )

    def hear(self, samples: NDArray[np.float32], wishes: Wishes, gone: Gone, tell: Tell) -> Heard:
        """The words in mono samples at 16 kHz; `tell` gets each segment as it is found. Raises Left once `gone` is true."""
        self.check(wishes)
        probabilities = self.detector(samples, gone)
        listening = Listening(
            samples=samples, speech=probabilities >= vad.GOES_ON, language=self.language(wishes.language),
            wishes=wishes, prompt=self._prompt(wishes.prompt),
            ladder=(wishes.temperature,) if wishes.temperature else TEMPERATURES, tell=tell,
        )
        windows = vad.windows(probabilities)
        with self._left_at_any_token(gone):
            for window in windows:
                self._hear_window(listening, window)
        return Heard(" ".join(" ".join(listening.texts).split()), listening.language, bool(windows))

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

    def _prompt(self, text: str) -> list[int]:
        """The end of the prompt, as tokens of plain text: what looks like a special token is none."""
        if not text.strip():
            return []
        tokenizer = self._tokenizer("en", "transcribe")
        tokens: list[int] = tokenizer.encoding.encode_ordinary(" " + text[-PROMPT_CHARACTERS:].strip())
        return tokens[-(self.model.dims.n_text_ctx // 2 - 1):]

    def _tokenizer(self, language: str, task: str) -> Tokenizer:
        return get_tokenizer(self.multilingual, num_languages=self.model.num_languages, language=language, task=task)

    def _hear_window(self, listening: Listening, window: list[vad.Stretch]) -> None:
        """Tells the words of at most 30 s, in order. Where Whisper has doubts or repeats itself, each half is heard alone."""
        heard = np.concatenate([listening.samples[part.start * vad.FRAME : part.end * vad.FRAME] for part in window])
        voiced = np.concatenate([listening.speech[part.start : part.end] for part in window])
        half = len(window) // 2
        start = 0
        # Whisper may stop before the end; it is then asked again from there.
        while voiced[start // vad.FRAME :].sum() >= vad.SHORTEST:
            features = self._features(heard[start:])
            ladder = listening.ladder[:1] if half else listening.ladder
            result = self._decode(features, listening.language, listening.wishes, listening.prompt, ladder)
            if half and not start and not _believed(result):
                for part in (window[:half], window[half:]):
                    self._hear_window(listening, part)
                return
            pieces, advance = self._pieces(result, len(heard) - start)
            if _believed(result):
                pieces = [
                    piece for piece in pieces
                    if voiced[(start + piece.first) // vad.FRAME : (start + piece.last) // vad.FRAME + 1].any()
                ]
                self._tell(listening, window, start, pieces, result, features)
            start += max(advance, LEAST_ADVANCE)

    def _tell(
        self, listening: Listening, window: list[vad.Stretch], start: int, pieces: list[Piece], result: DecodingResult,
        features: torch.Tensor,
    ) -> None:
        """Segments in the time of the recording: what was cut out before Whisper heard it counts again."""
        if not pieces:
            return
        tokenizer = self._tokenizer(result.language, listening.wishes.task)
        spoken: list[list[Spoken]] = [[] for _ in pieces]
        if listening.wishes.words:
            length = sum(len(part) for part in window) * vad.FRAME - start
            spoken = spoken_words(self.model, tokenizer, features, pieces, length)
        listening.language = listening.language or result.language
        for piece, words in zip(pieces, spoken, strict=True):
            first, last = self._places(listening, window, start + piece.first, start + piece.last)
            text = tokenizer.decode(piece.words)
            segment = Segment(
                start=first / RATE, end=last / RATE, text=text, tokens=piece.tokens, temperature=_number(result.temperature),
                avg_logprob=_number(result.avg_logprob), compression_ratio=_number(result.compression_ratio),
                no_speech_prob=_number(result.no_speech_prob), words=_placed(words, window, start, first, last),
            )
            listening.last = last
            listening.texts.append(text)
            listening.tell(segment)

    @staticmethod
    def _places(listening: Listening, window: list[vad.Stretch], first: int, last: int) -> tuple[int, int]:
        """Where a piece begins and ends in the recording, in samples: after the piece before, and where somebody speaks."""
        length = len(listening.samples)
        begin = max(listening.last, min(vad.place(window, first), length))
        end = max(begin, min(vad.place(window, last, ends=True), length))
        voiced = np.flatnonzero(listening.speech[begin // vad.FRAME : end // vad.FRAME + 1])
        if len(voiced):
            base = begin // vad.FRAME
            begin = max(begin, (base + int(voiced[0]) - EDGE) * vad.FRAME)
            end = min(end, (base + int(voiced[-1]) + 1 + EDGE) * vad.FRAME)
        return begin, end

    @torch.inference_mode()
    def _features(self, samples: NDArray[np.float32]) -> torch.Tensor:
        """What Whisper hears of at most 30 s: its mel frames [n_mels, 3000], padded."""
        frames = min(MEL_FRAMES, len(samples) // MEL_HOP)
        mel = log_mel_spectrogram(torch.from_numpy(samples), self.model.dims.n_mels, padding=MEL_HOP * MEL_FRAMES)
        kind = torch.float16 if self.device.type == "cuda" else torch.float32
        return pad_or_trim(mel[:, :frames], MEL_FRAMES).to(self.device, kind)

    @torch.inference_mode()
    def _decode(
        self, features: torch.Tensor, language: str, wishes: Wishes, prompt: list[int], temperatures: tuple[float, ...]
    ) -> DecodingResult:
        """Encodes once, for the language and for every temperature."""
        torch.manual_seed(0)  # the same recording gives the same words
        for temperature in temperatures:
            options = DecodingOptions(
                task=wishes.task, language=language or None, temperature=temperature, prompt=prompt or None,
                fp16=features.dtype == torch.float16,
            )
            result: Any = self.model.decode(features, options)
            silent = result.no_speech_prob > NO_SPEECH and result.avg_logprob < DOUBTFUL
            if silent or (result.compression_ratio <= REPETITIVE and result.avg_logprob >= DOUBTFUL):
                break
            features, language = result.audio_features, result.language
        return result

    def _pieces(self, result: DecodingResult, length: int) -> tuple[list[Piece], int]:
        """What lies between two time stamps, and how many of the `length` samples have been read."""
        tokenizer = self._tokenizer(result.language, "transcribe")
        pieces: list[Piece] = []
        start, words = 0, []
        opened: list[int] = []
        stamps = 0  # how many time stamps the answer ends with: one closes the recording, a pair opens what follows
        for token in result.tokens:
            if token < tokenizer.timestamp_begin:
                words.append(token)
                stamps = 0
                continue
            stamp = (token - tokenizer.timestamp_begin) * STAMP_SAMPLES
            if words:
                pieces.append(Piece(start, stamp, (*opened, *words, token), tuple(words)))
                words = []
            start, opened, stamps = stamp, [token], stamps + 1
        if words and not pieces:
            return [Piece(0, length, tuple(result.tokens), tuple(words))], length
        unfinished = bool(pieces) and (bool(words) or stamps > 1)  # heard again, with what follows it
        return pieces, pieces[-1].last if unfinished else length


def _placed(words: list[Spoken], window: list[vad.Stretch], start: int, first: int, last: int) -> tuple[Word, ...]:
    """Words in the time of the recording, one after the other inside their segment, which is `first` to `last`."""
    placed = []
    before = first
    for word in words:
        begin = min(last, max(before, vad.place(window, start + word.first)))
        before = min(last, max(begin, vad.place(window, start + word.last, ends=True)))
        placed.append(Word(word=word.text.strip(), start=begin / RATE, end=before / RATE))
    return tuple(placed)


def _number(value: float) -> float:
    """JSON has no NaN, which an empty answer gets."""
    return float(np.nan_to_num(value))


def _believed(result: DecodingResult) -> bool:
    if result.no_speech_prob > NO_SPEECH and result.avg_logprob < DOUBTFUL:
        return False
    return result.compression_ratio <= REPETITIVE and result.avg_logprob >= DOUBTFUL * 1.5
