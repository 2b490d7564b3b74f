"""Speech on its way out: ffmpeg packs what a synthesiser writes, as it comes, into the format that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from webbot.errors import Unavailable
from webbot.speech.pipeline import Program
from webbot.speech.programs import ffmpeg_program

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
RATE = 24_000  # samples a second, mono, as OpenAI's voices
TAIL_SECONDS = 0.1  # of silence: a text without a sound still makes a whole file
SLOWEST_TEMPO = 0.5  # of one of ffmpeg's filters
# Encoders take a quarter of their usual time here, for speech of the same quality to the ear.
# Nothing can be written at the beginning of a stream once its length is known, so no format here needs that.
PACKED: dict[Format, tuple[str, ...]] = {
    "mp3": ("-c:a", "libmp3lame", "-b:a", "96k", "-write_xing", "0", "-id3v2_version", "0", "-f", "mp3"),
    "opus": ("-c:a", "libopus", "-b:a", "48k", "-compression_level", "5", "-page_duration", "100000", "-f", "ogg"),
    "aac": ("-c:a", "aac", "-aac_coder", "fast", "-b:a", "96k", "-f", "adts"),
    "flac": ("-c:a", "flac", "-f", "flac"),
    "wav": ("-c:a", "pcm_s16le", "-f", "wav"),
    "pcm": ("-c:a", "pcm_s16le", "-f", "s16le"),
}
MEDIA_TYPES: dict[Format, str] = {
    "mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav", "pcm": "audio/pcm",
}


@dataclass(frozen=True, slots=True)
class Raw:
    """What a synthesiser writes: WAV where `rate` is 0, else 16-bit mono samples without a header. `tempo` is left to do."""

    rate: int = 0
    tempo: float = 1.0


def packer(raw: Raw, form: Format) -> Program:
    """ffmpeg, from standard input to standard output. Raises Unavailable where it is not installed."""
    program = ffmpeg_program()
    if program is None:
        raise Unavailable("The server has no ffmpeg, which packs its speech. Please install it there.")
    given = ("-f", "s16le", "-ar", str(raw.rate), "-ac", "1") if raw.rate else ("-f", "wav")
    filters = [*(f"atempo={tempo}" for tempo in _tempos(raw.tempo)), f"apad=pad_dur={TAIL_SECONDS}"]
    return Program(
        command=[
            program, "-nostdin", "-v", "error", "-probesize", "32", "-analyzeduration", "0", "-threads", "1", *given,
            "-i", "pipe:0", "-af", ",".join(filters), "-ar", str(RATE), "-ac", "1", "-map_metadata", "-1",
            "-fflags", "+bitexact", "-flags:a", "+bitexact", *PACKED[form], "-flush_packets", "1", "pipe:1",
        ],
        processor=300,
    )


def _tempos(tempo: float) -> Sequence[float]:
    """Factors that ffmpeg takes and that make `tempo` together."""
    found = []
    while tempo < SLOWEST_TEMPO:
        found.append(SLOWEST_TEMPO)
        tempo /= SLOWEST_TEMPO
    return [*found, tempo] if tempo != 1.0 else found
