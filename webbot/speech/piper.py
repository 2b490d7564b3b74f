"""piper: a neural voice in a file, and the command that makes it speak. Text goes in on standard input, samples come out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from webbot.errors import SettingsError
from webbot.speech.packing import Raw
from webbot.speech.pipeline import Program
from webbot.speech.programs import installed

NAME = "piper"
MEMORY = 16 << 30  # bytes of address space: onnxruntime reserves much more than it uses
USUAL_RATE = 22_050


@dataclass(frozen=True, slots=True, kw_only=True)
class PiperVoice:
    """A voice's file, its samples a second, how many speakers it has, and its language as a code like en."""

    path: Path
    rate: int
    speakers: int
    language: str

    @property
    def name(self) -> str:
        return self.path.stem


def program() -> str | None:
    return installed(NAME)


def read(path: Path) -> PiperVoice:
    """A voice with the description beside it (the file's name with .json behind). Raises SettingsError."""
    described = path.with_name(path.name + ".json")
    try:
        if not path.is_file():
            raise OSError("no such file")
        value = json.loads(described.read_text(encoding="utf-8"))
        language = str((value.get("language") or {}).get("code") or (value.get("espeak") or {}).get("voice") or "en")
        return PiperVoice(
            path=path, rate=int(value["audio"].get("sample_rate", USUAL_RATE)),
            speakers=max(1, int(value.get("num_speakers", 1))), language=language.replace("_", "-").split("-")[0].lower(),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise SettingsError(
            "The voice {path} is not a voice of piper: a file .onnx with its .onnx.json beside it is needed.", path=path
        ) from None


def speaking(voice: PiperVoice, speaker: int, speed: float) -> tuple[Program, Raw]:
    """The command for a text on standard input, and what comes out of it. `speaker` counts from 0 and begins again."""
    command = [
        program() or NAME, "--model", str(voice.path), "--output-raw", "--length-scale", f"{1 / speed:.4f}",
        *(("--speaker", str(speaker % voice.speakers)) if voice.speakers > 1 else ()),
    ]
    return Program(command=command, processor=900, memory=MEMORY), Raw(rate=voice.rate)
