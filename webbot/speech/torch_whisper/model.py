"""Whisper for several who ask at once. Keeps the contract of `speech.base`; every thread asks for itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from webbot.speech import tokenizer
from webbot.speech.base import MEL_FRAMES, RATE, TURBO_LAYERS, Gone, Guess, Piece, Question, Samples, Spoken
from webbot.speech.checkpoint import load_whisper
from webbot.speech.segments import Task
from webbot.speech.torch_whisper.encoder import Encoder, window
from webbot.speech.torch_whisper.graphs import Graphs
from webbot.speech.torch_whisper.guessing import FIND_LANGUAGE, Call, Clip, Guessing, Sound
from webbot.speech.torch_whisper.network import Network
from webbot.speech.torch_whisper.rows import MOST_ROWS, Rows, bytes_a_row
from webbot.speech.torch_whisper.rules import Rules
from webbot.speech.torch_whisper.runner import Runner
from webbot.speech.words import spoken_words

MOST_BYTES, SHARE = 1 << 30, 4  # of the keys and values of all rows: at most this, and a part of what is free
log = logging.getLogger(__name__)


class TorchWhisper:
    """Weights in openai-whisper's format, on the device "cuda" in half precision with graphs, or "cpu" as they are.

    `rows` 0 takes as many as the memory has room for. `ahead` is how many steps are computed before one is read: -1 for one on a
    GPU, else none.
    """

    cuts = True

    def __init__(
        self, weights: Path, device: str = "cuda", *, rows: int = 0, ahead: int = -1, broken: Callable[[], Any] = lambda: None
    ) -> None:
        self.device = device
        place, cuda = torch.device(device), device == "cuda"
        with torch.no_grad():
            self.network = Network(load_whisper(weights, torch.device("cpu")), place, torch.float16 if cuda else torch.float32)
        model, dims = self.network.model, self.network.dims
        self.multilingual, self.longest_prompt = model.is_multilingual, dims.n_text_ctx // 2 - 1
        self.most_tokens = dims.n_text_ctx // 2  # of one guess, as openai-whisper's
        self.translates = self.multilingual and (dims.n_audio_layer, dims.n_text_layer) != TURBO_LAYERS
        self.together = rows or _rows(self.network)
        words = self.tokenizer("en", "transcribe")
        self.languages = dict(zip(words.all_language_tokens, words.all_language_codes, strict=True)) if self.multilingual else {}
        with torch.no_grad():
            rules, self.graphs = Rules(words, dims.n_vocab, place, self.network.dtype), Graphs(place)
            self.rows = Rows(self.network, rules, self.graphs, self.together, list(self.languages), words.no_speech)
            self.encoder = Encoder(self.network, self.graphs)
        if cuda:
            self._record()
        self.runner = Runner(self.encoder, self.rows, place, broken, ahead if ahead >= 0 else int(cuda))
        self._local = threading.local()

    def _record(self) -> None:
        before = torch.cuda.mem_get_info()[0]
        self.graphs.record({**dict(self.encoder.computations()), **dict(self.rows.computations())})
        taken = (before - torch.cuda.mem_get_info()[0]) >> 20
        row = bytes_a_row(self.network) >> 20
        log.info("speech: %d graphs in %d MB, %d rows of %d MB", len(self.graphs), taken, self.together, row)

    def tokenizer(self, language: str, task: str) -> Any:
        model = self.network.model
        return tokenizer.tokenizer(model.is_multilingual, model.num_languages, language, task)

    @contextmanager
    def left_when(self, gone: Gone) -> Iterator[None]:
        """Only what this thread asks for is left."""
        self._local.gone = gone
        try:
            yield
        finally:
            del self._local.gone

    @property
    def _gone(self) -> Gone:
        found: Gone = getattr(self._local, "gone", bool)
        return found

    def take_in(self, samples: Samples, frames: int = MEL_FRAMES) -> Sound:
        """In the shortest of encoder.WINDOWS that holds so many mel frames."""
        found: Sound = self.runner.ask(Clip(gone=self._gone, samples=samples, frames=window(frames)))
        return found

    def guess(self, sound: Sound, question: Question, temperature: float) -> Guess:
        """Encodes nothing again. The language is found on the way, or before where there is a prompt, which it must not hear."""
        language = question.language or sound.language or ("" if self.multilingual else "en")
        if not language and question.prompt:
            language = sound.language = self._found_language(sound)
        words = self.tokenizer(language or "en", question.task)
        first, *forced = words.sot_sequence
        if not language:
            forced[0] = FIND_LANGUAGE
        prompt = (words.sot_prev, *question.prompt[-self.longest_prompt :]) if question.prompt else ()
        context = self.network.dims.n_text_ctx
        found: Guessing = self.runner.ask(Guessing(
            gone=self._gone, sound=sound, prompt=prompt, first=first, forced=tuple(forced), end=words.eot,
            temperature=temperature, most=min(self.most_tokens, context - len(prompt) - len(forced)),
        ))
        if not language:
            language = sound.language = self.languages[found.language_token]
        return Guess(
            tokens=tuple(found.tokens), language=language, text=words.decode(found.tokens).strip(), temperature=temperature,
            avg_logprob=float(np.nan_to_num(found.logprob / (len(found.tokens) + 1))),
            no_speech_prob=float(np.nan_to_num(found.no_speech)),
        )

    def _found_language(self, sound: Sound) -> str:
        """A guess of one token that begins without a prompt."""
        words = self.tokenizer("en", "transcribe")
        found: Guessing = self.runner.ask(Guessing(
            gone=self._gone, sound=sound, prompt=(), first=words.sot, forced=(FIND_LANGUAGE,), end=words.eot, most=1,
            temperature=0.0,
        ))
        return self.languages[found.language_token]

    def words(self, sound: Sound, guess: Guess, task: Task, pieces: Sequence[Piece], length: int) -> list[list[Spoken]]:
        """openai-whisper's search, over what the encoder has made of the window already."""
        words = self.tokenizer(guess.language, task)
        model: Any = Heard(self.network)
        found: list[list[Spoken]] = self.runner.ask(Call(
            gone=self._gone, compute=lambda: spoken_words(model, words, sound.encoded, list(pieces), length),
        ))
        return found

    def rehearse(self) -> None:
        """Computes once all that a recording may ask for."""
        sound = self.take_in(np.zeros(RATE, np.float32), 0)
        self.guess(sound, Question(prompt=(1, 2, 3)), 0.0)
        self.guess(sound, Question(language="en"), 0.4)

    def close(self) -> None:
        """Ends the thread."""
        self.runner.close()


class Heard:
    """A model as openai-whisper's search for the times of words asks it, but for a window that is encoded already."""

    def __init__(self, network: Network) -> None:
        model = network.model
        self.decoder, self.dims, self.alignment_heads = model.decoder, model.dims, model.alignment_heads
        self.device = network.device

    def __call__(self, encoded: Tensor, tokens: Tensor) -> Any:
        return self.decoder(tokens, encoded)


def _rows(network: Network) -> int:
    """How many clips are in work at once."""
    free = torch.cuda.mem_get_info()[0] if network.device.type == "cuda" else SHARE * MOST_BYTES
    return max(1, min(MOST_ROWS, min(MOST_BYTES, free // SHARE) // bytes_a_row(network)))
