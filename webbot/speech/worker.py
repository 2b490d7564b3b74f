"""The process with Whisper: `python -m webbot.speech.worker --socket PATH --weights FILE --engine whisper|ctranslate2 ...`

A request is {"transcribe": true} and what segments.Wishes holds, with the bytes of a recording: frames {} while it works, a frame
{"segment": {...}} for each segment as it is found, then {"text", "language", "language_name", "seconds", "took", "sentence"}.
Recordings are decoded two at a time and understood one at a time, or together where the model can, first come, first served. It
knows nothing of pages or conversations.
"""

from __future__ import annotations

import argparse
import logging
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from webbot.errors import BadInput, TooMany, Unusable
from webbot.modelhost import LEFT, Step, apart, awaited, serve
from webbot.speech import audio, vad
from webbot.speech.segments import Segment, Wishes

if TYPE_CHECKING:
    from webbot.speech.base import Whisper
    from webbot.speech.recogniser import Heard, Recogniser

SLOWEST_STEP = 120.0  # seconds: the largest model reads 30 s of sound on a slow processor
SWITCH_SECONDS = 0.0005  # the thread that feeds the GPU must not wait for those that listen for voices
LONGEST_QUEUE = 16  # recordings that may wait beside those in work
NO_WORDS = "Somebody spoke, but no words could be made out. Please say it again, closer to the microphone."
log = logging.getLogger(__name__)


class SpeechWorker:
    """What modelhost serves. `arguments` are those of the command line."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.decoders = ThreadPoolExecutor(2, "decode")
        self.inside, self.steps = 0, set[Step]()
        self.lock = threading.Lock()
        self.resample: audio.Resampler | None = None
        self.recogniser: Recogniser
        self.whisper: ThreadPoolExecutor

    def load(self, report: Callable[[float | None, str], None]) -> dict[str, Any]:
        report(None, "Loading the speech model.")
        wanted = self.arguments
        audio.sweep(wanted.directory)
        model = self._model(report)
        self.use(model)
        self.recogniser.warm_up()
        return {
            "device": model.device, "multilingual": model.multilingual, "translates": model.translates,
            "seconds": wanted.seconds, "resampler": "soxr" if self.resample is None else "torchaudio", "engine": wanted.engine,
        }

    def use(self, model: Whisper) -> None:
        """Recordings are understood by this model from now on."""
        from webbot.speech.recogniser import Recogniser

        self.recogniser = Recogniser(model)
        self.whisper = ThreadPoolExecutor(model.together, "whisper")
        if model.together > 1:
            sys.setswitchinterval(SWITCH_SECONDS)

    def _model(self, report: Callable[[float | None, str], None]) -> Whisper:
        """What computes Whisper. With ctranslate2 nothing of this process imports torch."""
        wanted = self.arguments
        if wanted.engine == "ctranslate2":
            try:
                from webbot.speech.ctranslate2_whisper import opened
            except ImportError as error:
                raise Unusable(
                    "The package ctranslate2 is not installed. Please install it, or set speech_engine=whisper.",
                ) from error
            return opened(wanted.weights, wanted.converted, wanted.device, wanted.threads, report)
        from webbot.speech.torch_whisper.opening import opened as opened_with_torch

        self.resample = _torchaudio()
        return opened_with_torch(wanted.weights, wanted.device, wanted.threads)

    def handle(self, request: dict[str, Any], payload: bytes, gone: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        if not request.get("transcribe"):
            raise BadInput("The speech model does not know this request.")
        with self.lock:
            if self.inside >= LONGEST_QUEUE + self.recogniser.model.together:
                raise TooMany("Too many recordings are waiting. Please try again in a moment.", retry_after=10)
            self.inside += 1
        left = threading.Event()
        try:
            wishes = Wishes(**{row.name: request[row.name] for row in fields(Wishes) if row.name in request})
            yield from self._transcribe(wishes, payload, gone, left)
        finally:
            left.set()  # ends what still computes for a client that has gone
            with self.lock:
                self.inside -= 1

    def _transcribe(
        self, wishes: Wishes, payload: bytes, gone: Callable[[], bool], left: threading.Event
    ) -> Iterator[dict[str, Any]]:
        began = time.monotonic()
        self.recogniser.check(wishes)
        samples = yield from awaited(self.decoders.submit(self._decode, payload), gone)
        if samples is LEFT:
            return
        found: queue.SimpleQueue[Segment] = queue.SimpleQueue()
        hearing = self.whisper.submit(self._hear, samples, wishes, left, found.put)
        heard = yield from awaited(hearing, gone, lambda: _segments(found))
        if heard is LEFT:
            return
        sentence = "" if heard.text else NO_WORDS if heard.spoke else vad.why_nothing(samples)
        yield {
            "text": heard.text, "language": heard.language if heard.text else "",
            "language_name": self.recogniser.language_name(heard.language) if heard.text else "",
            "seconds": len(samples) / audio.RATE, "took": time.monotonic() - began, "sentence": sentence,
        }

    def _hear(self, samples: audio.Samples, wishes: Wishes, left: threading.Event, tell: Callable[[Segment], None]) -> Heard:
        """One recording. A step is what is computed between two looks at whether the client has left."""
        step = Step()

        def gone() -> bool:
            step.again()
            return left.is_set()

        self.steps.add(step)
        try:
            with step:
                return self.recogniser.hear(samples, wishes, gone, tell)
        finally:
            self.steps.discard(step)

    def step_seconds(self) -> float:
        """How much longer a present step takes than any should: then it hangs, whether somebody waits for it or not."""
        return max([0.0, *(step.seconds() - SLOWEST_STEP for step in tuple(self.steps))])

    def _decode(self, payload: bytes) -> audio.Samples:
        wanted = self.arguments
        audio.sweep(wanted.directory)
        return audio.decode(payload, seconds=wanted.seconds, directory=wanted.directory, resample=self.resample)


def _segments(found: queue.SimpleQueue[Segment]) -> Iterator[dict[str, Any]]:
    """The frames of what was found since the last look."""
    while not found.empty():
        yield {"segment": asdict(found.get())}


def _torchaudio() -> audio.Resampler | None:
    """torchaudio's resampler, where torchaudio loads: it does not beside a torch without CUDA."""
    try:
        import torch
        from torchaudio.functional import resample
    except (ImportError, OSError) as error:
        log.debug("soxr resamples: %s", error)
        return None

    def resampled(samples: audio.Samples, rate: int) -> audio.Samples:
        if rate == audio.RATE:
            return samples
        return apart(lambda: np.asarray(resample(torch.from_numpy(samples), rate, audio.RATE).numpy(), np.float32))

    return resampled


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m webbot.speech.worker")
    parser.add_argument("--socket", required=True)
    parser.add_argument("--weights", required=True, type=Path)
    parser.add_argument("--engine", default="whisper", choices=("whisper", "ctranslate2"))
    parser.add_argument("--converted", type=Path, help="the folder where ctranslate2's form of the weights is kept")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", default=0, type=int)
    parser.add_argument("--seconds", default=600, type=int, help="the longest recording")
    parser.add_argument("--directory", required=True, type=Path, help="where ffmpeg's private folders are made")
    arguments = parser.parse_args()
    serve(arguments.socket, SpeechWorker(arguments))


if __name__ == "__main__":
    main()
