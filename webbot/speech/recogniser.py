"""The voice detector before Whisper: samples in, words out, each with its time. Knows no process, no file and not what computes.

Whisper hears only what the voice detector takes for speech, 30 s at a time, and never its own words before (a slip would go on
for ever). What it makes of a window is left out where its own doubts, its repetitions or the detector speak against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from webbot.errors import BadInput, Unusable
from webbot.speech import tokenizer, vad
from webbot.speech.base import MEL_FRAMES, MEL_HOP, RATE, Gone, Guess, Piece, Question, Samples, Spoken, Whisper
from webbot.speech.detector import VoiceDetector
from webbot.speech.segments import Segment, Wishes, Word

STAMP_SAMPLES = 320  # a time stamp counts 20 ms
# Whisper's own thresholds for an answer that is tried again, warmer, and for one that is not believed.
TEMPERATURES = (0.0, 0.2, 0.4, 0.6)
REPETITIVE, DOUBTFUL, NO_SPEECH = 2.4, -1.0, 0.6
EDGE = 3  # frames around a voice that still belong to a segment
LEAST_ADVANCE = 16_000  # samples: a time stamp that stands still must not stop the reading
PROMPT_CHARACTERS = 4096  # more than the tokens that fit; the end of a longer prompt counts
# A recording of one short window need not be heard with silence up to 30 s, where what computes can do with less.
LEAST_CUT, LONGEST_CUT, BEHIND_CUT = 1000, 2000, 200  # mel frames: 10 s, 20 s, and 2 s of silence behind the voice
ABSURD_RATE, ABSURD_TOKENS = 12, 8  # tokens a second and beside them: more than anybody says
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

    samples: Samples
    speech: NDArray[np.bool_]
    language: str
    wishes: Wishes
    prompt: tuple[int, ...]
    ladder: tuple[float, ...]
    tell: Tell
    alone: bool  # whether one window holds all that is said
    last: int = 0
    texts: list[str] = field(default_factory=list)


class Recogniser:
    """A Whisper model with its voice detector. As many recordings at once, each in its own thread, as the model takes."""

    def __init__(self, model: Whisper) -> None:
        self.model, self.detector = model, VoiceDetector()
        self.multilingual = model.multilingual

    def language(self, wanted: str) -> str:
        """The code of a language given as a code, a code with a region, or an English name; "" stays "" (to be found).

        Raises BadInput for one that Whisper does not know and Unusable for one that this model has not learnt.
        """
        name = wanted.strip().lower().replace("_", "-")
        code = tokenizer.codes().get(name, name.split("-")[0])
        if not code:
            return "" if self.multilingual else "en"
        if code not in tokenizer.languages():
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
        return tokenizer.languages().get(code, code).title()

    def warm_up(self) -> None:
        """Computes once, so that the first recording does not wait for what is set up then."""
        noise = np.zeros(vad.FRAME * 8, np.float32)
        self.detector(noise, lambda: False)
        self.model.guess(self.model.take_in(noise), Question(language="en"), 0.0)

    def check(self, wishes: Wishes) -> None:
        """Raises BadInput or Unusable for what this model cannot do."""
        self.language(wishes.language)
        if wishes.task == "translate" and not self.model.translates:
            raise BadInput(
                "This speech model does not translate. Please load a Whisper model of many languages, like base or large-v3.",
                parameter="model",
            )

    def hear(self, samples: Samples, wishes: Wishes, gone: Gone, tell: Tell) -> Heard:
        """The words in mono samples at 16 kHz; `tell` gets each segment as it is found. Raises Left once `gone` is true."""
        self.check(wishes)
        probabilities = self.detector(samples, gone)
        windows = vad.windows(probabilities)
        listening = Listening(
            samples=samples, speech=probabilities >= vad.GOES_ON, language=self.language(wishes.language),
            wishes=wishes, prompt=self._prompt(wishes.prompt), tell=tell, alone=len(windows) == 1,
            ladder=(wishes.temperature,) if wishes.temperature else TEMPERATURES,
        )
        with self.model.left_when(gone):
            for window in windows:
                self._hear_window(listening, window)
        return Heard(" ".join(" ".join(listening.texts).split()), listening.language, bool(windows))

    def _prompt(self, text: str) -> tuple[int, ...]:
        """The end of the prompt, as tokens of plain text: what looks like a special token is none."""
        if not text.strip():
            return ()
        tokens = self.model.tokenizer("en", "transcribe").encoding.encode_ordinary(" " + text[-PROMPT_CHARACTERS:].strip())
        return tuple(tokens[-self.model.longest_prompt :])

    def _hear_window(self, listening: Listening, window: list[vad.Stretch]) -> None:
        """Tells the words of at most 30 s, in order. Where Whisper has doubts or repeats itself, each half is heard alone."""
        heard = np.concatenate([listening.samples[part.start * vad.FRAME : part.end * vad.FRAME] for part in window])
        voiced = np.concatenate([listening.speech[part.start : part.end] for part in window])
        half = len(window) // 2
        start = 0
        # Whisper may stop before the end; it is then asked again from there.
        while voiced[start // vad.FRAME :].sum() >= vad.SHORTEST:
            ladder = listening.ladder[:1] if half else listening.ladder
            sound, result = self._understood(listening, heard[start:], ladder, whole=not start)
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
                self._tell(listening, window, start, pieces, result, sound)
            start += max(advance, LEAST_ADVANCE)

    def _understood(
        self, listening: Listening, samples: Samples, ladder: tuple[float, ...], whole: bool
    ) -> tuple[object, Guess]:
        """What Whisper takes in of the samples, and the first guess that it does not doubt, else the last one.

        A short recording is heard in a short window first. A prompt that makes Whisper doubt, or fall silent, is left out.
        """
        question = Question(language=listening.language, task=listening.wishes.task, prompt=listening.prompt)
        frames = _cut(len(samples)) if self.model.cuts and listening.alone and whole else MEL_FRAMES
        if frames < MEL_FRAMES:
            sound = self.model.take_in(samples, frames)
            guess = self.model.guess(sound, question, ladder[0])
            if _plain(guess, len(samples)):
                return sound, guess
        sound = self.model.take_in(samples)
        if question.prompt:
            guess = self.model.guess(sound, question, ladder[0])
            if guess.text and not _doubtful(guess):
                return sound, guess
        return sound, self._guessed(sound, replace(question, prompt=()), ladder)

    def _guessed(self, sound: object, question: Question, ladder: tuple[float, ...]) -> Guess:
        for temperature in ladder:
            guess = self.model.guess(sound, question, temperature)
            if _silent(guess) or not _doubtful(guess):
                break
            question = replace(question, language=guess.language)
        return guess

    def _tell(
        self, listening: Listening, window: list[vad.Stretch], start: int, pieces: list[Piece], result: Guess, sound: object,
    ) -> None:
        """Segments in the time of the recording: what was cut out before Whisper heard it counts again."""
        if not pieces:
            return
        task = listening.wishes.task
        spoken: list[list[Spoken]] = [[] for _ in pieces]
        if listening.wishes.words:
            length = sum(len(part) for part in window) * vad.FRAME - start
            spoken = self.model.words(sound, result, task, pieces, length)
        listening.language = listening.language or result.language
        for piece, words in zip(pieces, spoken, strict=True):
            first, last = self._places(listening, window, start + piece.first, start + piece.last)
            text = self.model.tokenizer(result.language, task).decode(list(piece.words))
            segment = Segment(
                start=first / RATE, end=last / RATE, text=text, tokens=piece.tokens, temperature=result.temperature,
                avg_logprob=result.avg_logprob, compression_ratio=result.compression_ratio,
                no_speech_prob=result.no_speech_prob, words=_placed(words, window, start, first, last),
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

    def _pieces(self, result: Guess, length: int) -> tuple[list[Piece], int]:
        """What lies between two time stamps, and how many of the `length` samples have been read."""
        begin = self.model.tokenizer(result.language, "transcribe").timestamp_begin
        pieces: list[Piece] = []
        start, words = 0, []
        opened: list[int] = []
        stamps = 0  # how many time stamps the answer ends with: one closes the recording, a pair opens what follows
        for token in result.tokens:
            if token < begin:
                words.append(token)
                stamps = 0
                continue
            stamp = (token - begin) * STAMP_SAMPLES
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


def _cut(length: int) -> int:
    """The mel frames that so many samples are heard in."""
    frames = max(LEAST_CUT, -(-length // MEL_HOP) + BEHIND_CUT)
    return frames if frames <= LONGEST_CUT else MEL_FRAMES


def _silent(guess: Guess) -> bool:
    return guess.no_speech_prob > NO_SPEECH and guess.avg_logprob < DOUBTFUL


def _doubtful(guess: Guess) -> bool:
    return guess.compression_ratio > REPETITIVE or guess.avg_logprob < DOUBTFUL


def _plain(guess: Guess, length: int) -> bool:
    """Whether a guess from a short window of so many samples may stand."""
    most = ABSURD_TOKENS + ABSURD_RATE * length / RATE
    return bool(guess.text) and not _doubtful(guess) and len(guess.tokens) <= most


def _believed(guess: Guess) -> bool:
    return not _silent(guess) and guess.compression_ratio <= REPETITIVE and guess.avg_logprob >= DOUBTFUL * 1.5
