"""Text to speech for programs: which synthesiser reads a text, in which voice, and how many read at a time.

piper reads where its program and a voice are there, espeak-ng reads everything else. OpenAI's voices become voices of these.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from webbot.errors import BadInput, NotFound, TooMany, Unavailable
from webbot.speech import espeak, letters, piper
from webbot.speech.packing import Format, Raw, packer
from webbot.speech.pipeline import PREFIX, Program, run

OPENAI_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
MOST_TOGETHER, LONGEST_QUEUE = 4, 16
TICK_SECONDS = 0.05
# espeak-ng's variant and pitch for each of OpenAI's voices.
OPENAI_VOICES: dict[str, tuple[str, int]] = {
    "alloy": ("", 50), "ash": ("m3", 45), "ballad": ("m1", 55), "coral": ("f3", 50), "echo": ("m2", 50), "fable": ("m7", 55),
    "nova": ("f4", 55), "onyx": ("m4", 30), "sage": ("f1", 45), "shimmer": ("f5", 55), "verse": ("m5", 55), "marin": ("f2", 55),
    "cedar": ("m3", 30),
}
MISSING = "The server has no program that speaks. Please install espeak-ng there (apt install espeak-ng), or piper with a voice."


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """What is to be read, by which of `models`, in which voice (OpenAI's, espeak-ng's or piper's), how fast (1 is usual)."""

    text: str
    model: str = "tts-1"
    voice: str = "alloy"
    format: Format = "mp3"
    speed: float = 1.0


class Voices:
    """The synthesisers of this machine.

    `voice` is the file of a voice of piper or empty, `language` the usual language of texts (empty: English), `directory` where
    private folders are made. Raises SettingsError for a voice that is none.
    """

    def __init__(self, directory: Path, *, voice: str = "", language: str = "") -> None:
        self.directory, self.usual = directory, language
        for left in directory.glob(f"{PREFIX}*"):
            shutil.rmtree(left, ignore_errors=True)  # of a server that was killed
        self.piper = piper.read(Path(voice).expanduser().resolve()) if voice else None
        self._free = threading.Semaphore(MOST_TOGETHER)
        self._lock, self._waiting = threading.Lock(), 0

    def models(self) -> list[str]:
        """The names that `Speech.model` may have here; none where no program speaks."""
        own = [name for name, present in ((piper.NAME, self._has_piper()), (espeak.NAME, espeak.program())) if present]
        return [*OPENAI_MODELS, *own] if own else []

    def speak(self, speech: Speech) -> Iterator[bytes | None]:
        """The packed speech, piece by piece as it is made; None about every 50 ms meanwhile. Closing the generator ends it.

        Raises, before the first piece: NotFound for a model that is not here, BadInput for an unknown voice, Unavailable where no
        program speaks or it fails, TooMany when too many texts wait.
        """
        program, raw = self._program(speech)
        programs = [program, packer(raw, speech.format)]
        yield from self._await_turn()
        try:
            yield from run(programs, letters.plain(speech.text).encode() + b"\n", self.directory)
        finally:
            self._free.release()

    def _await_turn(self) -> Iterator[None]:
        with self._lock:
            if self._waiting >= LONGEST_QUEUE:
                raise TooMany("Too many texts are waiting to be spoken. Please try again in a moment.", retry_after=5)
            self._waiting += 1
        try:
            while not self._free.acquire(timeout=TICK_SECONDS):
                yield None
        finally:
            with self._lock:
                self._waiting -= 1

    def _has_piper(self) -> bool:
        return self.piper is not None and piper.program() is not None

    # which synthesiser, which voice

    def _program(self, speech: Speech) -> tuple[Program, Raw]:
        if speech.model in OPENAI_MODELS:
            if not self.models():
                raise Unavailable(MISSING)
        elif speech.model not in self.models():
            raise NotFound(
                "There is no model {name} for this. GET /v1/models lists the models.", name=repr(speech.model[:100]),
                parameter="model", code="model_not_found",
            )
        if self._piper_reads(speech):
            return self._with_piper(speech)
        language = letters.language_of(speech.text, self._usual_language())
        return espeak.speaking(self._espeak_voice(speech.voice, language), speech.speed)

    def _usual_language(self) -> str:
        if self.usual.lower() in ("", "en", "english"):
            return espeak.ENGLISH
        return espeak.language(self.usual) or espeak.language(self.usual.replace("_", "-").split("-")[0]) or espeak.ENGLISH

    def _piper_reads(self, speech: Speech) -> bool:
        """piper knows one language; a text in other letters and a voice of espeak-ng's is for espeak-ng, where that is here."""
        if self.piper is None or not self._has_piper() or speech.model == espeak.NAME:
            return False
        if speech.model == piper.NAME or not espeak.program():
            return True
        if speech.voice not in OPENAI_VOICES and speech.voice != self.piper.name:
            return False
        return letters.language_of(speech.text, self.piper.language) == self.piper.language

    def _with_piper(self, speech: Speech) -> tuple[Program, Raw]:
        assert self.piper is not None
        names = [self.piper.name, *OPENAI_VOICES]
        if speech.voice not in names:
            raise _unknown_voice(speech.voice)
        return piper.speaking(self.piper, max(0, names.index(speech.voice) - 1), speech.speed)

    @staticmethod
    def _espeak_voice(name: str, language: str) -> espeak.EspeakVoice:
        if name in OPENAI_VOICES:
            variant, pitch = OPENAI_VOICES[name]
            return espeak.EspeakVoice(language=espeak.language(language) or espeak.ENGLISH, variant=variant, pitch=pitch)
        found = espeak.voice(name)
        if found is None:
            raise _unknown_voice(name)
        return found


def _unknown_voice(name: str) -> BadInput:
    return BadInput(
        "There is no voice {name} here. Please take one of {voices}, or a voice of espeak-ng such as en-us, de or zh.",
        name=repr(name[:40]), voices=", ".join(OPENAI_VOICES), parameter="voice", code="invalid_value",
    )
