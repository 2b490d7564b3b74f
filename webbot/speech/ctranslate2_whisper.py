"""Whisper as ctranslate2 computes it: in 8 bits on a CPU, and without torch. Keeps the contract of `base`.

ctranslate2 has no stop of its own inside of a guess, which is at most 224 tokens: whoever has gone is left before the next one.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np

from webbot.errors import Unusable
from webbot.settings import ROOT
from webbot.speech import alignment, converted, tokenizer
from webbot.speech.base import MEL_FRAMES, MEL_HOP, RATE, TURBO_LAYERS, Gone, Guess, Piece, Question, Samples, Spoken
from webbot.speech.ctranslate2_folder import read_shape
from webbot.speech.detector import Left
from webbot.speech.mel import log_mel
from webbot.speech.segments import Task
from webbot.surroundings import process_environment

REFUSED = 3  # the exit status of a model that was tried out and says why not
MOST_TOKENS = 224  # of one guess, as openai-whisper's
SMALL_BYTES = 200_000_000  # base has 145 million on the disk, small 484
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Sound:
    """A window as the encoder heard it. `language` is found once."""

    encoded: ctranslate2.StorageView
    frames: int
    language: str = ""


class Ctranslate2Whisper:
    """A folder in ctranslate2's format. `device` is "cpu" or "cuda". What ctranslate2 raises of it comes as it is."""

    cuts, together = True, 1

    def __init__(self, folder: Path, device: str = "cpu", threads: int = 0) -> None:
        shape = read_shape(folder)
        self.device, self.most_tokens = device, MOST_TOKENS
        self.model = ctranslate2.models.Whisper(
            str(folder), device=device, compute_type=_precision(device), intra_threads=threads or _threads(folder),
        )
        self.multilingual = self.model.is_multilingual
        layers = (shape.encoder_layers, shape.decoder_layers)
        self.translates = self.multilingual and layers != TURBO_LAYERS
        self.longest_prompt = shape.text_positions // 2 - 1
        words = self.tokenizer("en", "transcribe")
        self.suppressed = tokenizer.suppressed(words)
        self.gone: Gone = lambda: False
        ctranslate2.set_random_seed(0)

    def tokenizer(self, language: str, task: str) -> Any:
        return tokenizer.tokenizer(self.multilingual, self.model.num_languages, language, task)

    @contextmanager
    def left_when(self, gone: Gone) -> Iterator[None]:
        self.gone = gone
        try:
            yield
        finally:
            self.gone = lambda: False

    def rehearse(self) -> None:
        """Computes once all that a recording may ask for."""
        sound = self.take_in(np.zeros(RATE, np.float32))
        self.guess(sound, Question(language="en"), 0.0)
        self.model.align(sound.encoded, list(self.tokenizer("en", "transcribe").sot_sequence), [[0, 1]], RATE // MEL_HOP)

    def _check(self) -> None:
        if self.gone():
            raise Left

    def take_in(self, samples: Samples, frames: int = MEL_FRAMES) -> Sound:
        self._check()
        mel = log_mel(samples, self.model.n_mels, frames)
        return Sound(self.model.encode(ctranslate2.StorageView.from_array(mel[None])), frames)

    def guess(self, sound: Sound, question: Question, temperature: float) -> Guess:
        self._check()
        language = question.language or sound.language or self._found_language(sound)
        words = self.tokenizer(language, question.task)
        prompt = [words.sot_prev, *question.prompt] if question.prompt else []
        prompt += words.sot_sequence
        found = self.model.generate(
            sound.encoded, [prompt], beam_size=1, sampling_topk=0 if temperature else 1, sampling_temperature=temperature or 1.0,
            max_length=2 * self.most_tokens, suppress_tokens=self.suppressed, return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens = tuple(token for token in found.sequences_ids[0] if token != words.eot)
        text = words.decode(list(tokens)).strip()
        return Guess(
            tokens=tokens, language=language, text=text, temperature=temperature, no_speech_prob=found.no_speech_prob,
            avg_logprob=found.scores[0] * len(tokens) / (len(tokens) + 1),
        )

    def _found_language(self, sound: Sound) -> str:
        if not self.multilingual:
            return "en"
        sound.language = self.model.detect_language(sound.encoded)[0][0][0].strip("<|>")
        return sound.language

    def words(self, sound: Sound, guess: Guess, task: Task, pieces: Sequence[Piece], length: int) -> list[list[Spoken]]:
        self._check()
        words = self.tokenizer(guess.language, task)
        tokens = [token for piece in pieces for token in piece.words]
        frames = min(sound.frames, length // MEL_HOP)
        try:
            found = self.model.align(sound.encoded, list(words.sot_sequence), [tokens], frames)[0]
        except (RuntimeError, ValueError) as error:
            raise alignment.not_found() from error
        return alignment.placed(np.asarray(found.alignments), words, pieces, length)


def _threads(folder: Path) -> int:
    """One where a small model meets two cores: two threads wait for each other at each of a guess's many short steps (measured:
    265 to 400 ms instead of 171 for base, which saves 17 at the encoder). Else ctranslate2's own number, 0."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 1 if cores <= 2 and (folder / "model.bin").stat().st_size < SMALL_BYTES else 0


def _precision(device: str) -> str:
    """What the numbers are computed in: the smallest that loses nothing that one would hear."""
    able = ctranslate2.get_supported_compute_types(device)
    wanted = ("float16", "bfloat16", "float32") if device == "cuda" else ("int8_float32", "float32")
    return next(kind for kind in wanted if kind in able)


# which folder, and where it is computed


def opened(weights: Path, kept: Path, device: str, threads: int, report: converted.Report) -> Ctranslate2Whisper:
    """The model of a folder, or of a file in openai-whisper's format, whose other form is kept in the folder `kept`.

    `device` "auto" takes a GPU where ctranslate2 can use it. Raises Unusable and DiskFull.
    """
    folder = weights if weights.is_dir() else converted.ready(weights, kept, report)
    read_shape(folder)
    if device != "cpu" and ctranslate2.get_cuda_device_count() > 0:
        try:
            try_out(folder, "cuda")
            return Ctranslate2Whisper(folder, "cuda", threads)
        except Unusable as problem:
            if device == "cuda":
                raise
            log.warning("ctranslate2 computes on the CPU: %s", problem)
    elif device == "cuda":
        raise Unusable("The engine ctranslate2 finds no CUDA device here. Please set device=auto, or speech_engine=whisper.")
    if not converted.own(folder):
        try_out(folder, "cpu")
    return Ctranslate2Whisper(folder, "cpu", threads)


def try_out(folder: Path, device: str) -> None:
    """Computes once in a process of its own: ctranslate2 may end its process over a folder or a GPU that is not as it should be.

    Raises Unusable.
    """
    command = [sys.executable, "-m", "webbot.speech.ctranslate2_whisper", str(folder), device]
    ran = subprocess.run(command, cwd=ROOT, env=process_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if ran.returncode == 0:
        return
    said = ran.stdout.decode(errors="replace").strip() if ran.returncode == REFUSED else ""
    reason = said or (ran.stderr.decode(errors="replace").strip().splitlines() or ["its process ended"])[-1]
    raise Unusable(
        "The engine ctranslate2 cannot use the model {path} on the device {device}: {reason}.", path=folder, device=device,
        reason=reason[:200].rstrip("."),
    )


def _main() -> int:
    folder, device = sys.argv[1:]
    try:
        Ctranslate2Whisper(Path(folder), device).rehearse()
    except Exception as error:  # the border of this process: whatever it is goes back as a sentence
        sys.stdout.write(str(error).split("\n", maxsplit=1)[0])
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(_main())
