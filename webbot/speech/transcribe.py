"""Recordings to text, on the asking side: passes the bytes to the process with Whisper. Knows neither formats nor models."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from webbot.errors import Unavailable
from webbot.modelhost import HostState, ModelHost
from webbot.speech.segments import Segment, Wishes, read_segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """The words of a recording. Where nobody spoke `text` is empty and `sentence` says why.

    `language` is a code like "en", `seconds` the length of the recording, `took` the seconds it needed.
    """

    text: str
    language: str = ""
    language_name: str = ""
    seconds: float = 0.0
    took: float = 0.0
    sentence: str = ""


class Transcriber:
    """A Whisper model in a process of its own, which starts at once and loads on while this returns.

    `weights` is a file in openai-whisper's format or, for the engine "ctranslate2", a folder in that one's. `seconds` is the
    longest recording allowed, `runtime` a folder for the socket, for what ffmpeg reads and for what ctranslate2 makes of a file.
    `threads` 0 leaves their number to the engine.
    """

    def __init__(
        self, weights: Path, *, runtime: Path, name: str = "", starter: bool = False, device: str = "auto", threads: int = 0,
        seconds: int = 600, engine: str = "whisper",
    ) -> None:
        self.name, self.starter = name or weights.stem, starter
        command = [
            sys.executable, "-m", "webbot.speech.worker", "--weights", str(weights), "--device", device,
            "--threads", str(threads), "--seconds", str(seconds), "--directory", str(runtime / "recordings"),
            "--engine", engine, "--converted", str(runtime / "converted"),
        ]
        # numpy computes small things only, whose threads would wait for one another
        self.host = ModelHost("speech", command, runtime=runtime, environment={"OPENBLAS_NUM_THREADS": "1"})
        self.host.start()

    def state(self) -> HostState:
        """How the model is at this moment. Never blocks."""
        return self.host.state()

    def busy(self) -> int:
        """How many recordings are in work or waiting."""
        return self.host.busy

    def transcribe(self, data: bytes, language: str = "") -> Transcript:
        """The words of a recording in any format; `language` is a code like "en", empty to find it from the audio.

        Raises Unusable for what is no audio or in a language that the model has not learnt, TooLong, BadInput for an unknown
        language, TooMany when the queue is full, Unavailable while there is no model or when it is lost.
        """
        for found in self.listen(data, Wishes(language=language)):
            if isinstance(found, Transcript):
                return found
        raise Unavailable("The speech model ended without an answer. Please try again.")

    def listen(self, data: bytes, wishes: Wishes) -> Iterator[Segment | Transcript | None]:
        """The segments of a recording as they are found, then the Transcript; closing the generator is the cancel.

        Yields None about every 50 ms while nothing comes. Raises what `transcribe` raises, BadInput for a model
        that cannot translate, and Unusable where the times of words cannot be found.
        """
        with self.host.asking({"transcribe": True, **asdict(wishes)}, data) as frames:
            for frame in frames:
                if "text" in frame:
                    yield Transcript(**frame)
                    return
                yield read_segment(frame["segment"]) if "segment" in frame else None

    def close(self) -> None:
        """Ends the process; nothing of it is left when this returns."""
        self.host.stop()
