"""Any browser's bytes as 16 kHz mono samples. The bytes decide the format; no label or file name is asked for.

What libsndfile reads goes through it, everything else through ffmpeg: a process of its own with a list of formats and protocols,
a private folder that holds nothing but this recording, and limits on time, output and memory. Both stop at the longest
recording allowed, whatever a header claims. libsndfile reads inside this process, so hostile bytes belong into a process
that may crash (the speech worker). Knows no model.
"""

from __future__ import annotations

import errno
import io
import resource
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import ffmpeg
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from webbot.errors import DiskFull, TooLong, Unusable
from webbot.speech.programs import ffmpeg_program

RATE = 16_000
Samples = NDArray[np.float32]
Resampler = Callable[[Samples, int], Samples]  # mono samples and their rate -> mono samples at RATE

SECONDS_TO_DECODE = 20.0
PAST_THE_LIMIT = 0.5  # codecs pad the end: a recording of exactly the limit may be a little longer
BLOCK_VALUES = 1 << 18  # samples times channels that are read at once
LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000
# A resampler that is passed in sees these rates only: with an odd rate a polyphase filter can take gigabytes.
USUAL_RATES = frozenset({8_000, 11_025, 12_000, 22_050, 24_000, 32_000, 44_100, 48_000})
FORMATS = "matroska,webm,ogg,wav,mp3,mov,flac,aac"
FFMPEG_BYTES = 1 << 30  # of address space
NOT_AUDIO = "This is no audio that webbot can read. Please record it again, or send a WAV, MP3, M4A, OGG or WebM file."
STALE_SECONDS = 3 * SECONDS_TO_DECODE


def decode(data: bytes, *, seconds: int, directory: Path, resample: Resampler | None = None) -> Samples:
    """The samples [n] of a recording, float32 from -1 to 1 at 16 kHz, channels mixed.

    `seconds` is the longest recording allowed; `directory` is where ffmpeg's private folder is made and removed. Raises Unusable
    for what nothing can read, TooLong, and DiskFull.
    """
    if not data:
        raise Unusable("The recording is empty. Please check the microphone and record it again.")
    samples = _with_libsndfile(data, seconds, resample) if _libsndfile_reads(data) else None
    if samples is None or not len(samples):
        samples = _with_ffmpeg(data, seconds, directory)
    if len(samples) > (seconds + PAST_THE_LIMIT) * RATE:
        raise _too_long(seconds)
    return np.clip(np.nan_to_num(samples), -1.0, 1.0).astype(np.float32, copy=False)


def _too_long(seconds: int) -> TooLong:
    return TooLong("The recording is longer than {limit} seconds. Please send a shorter one.", limit=seconds)


# libsndfile


def _libsndfile_reads(data: bytes) -> bool:
    """WAV, FLAC, Ogg and MP3 by their first bytes: its many other formats are not offered to strangers."""
    return data[:4] in (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS") or data[:3] == b"ID3" or (
        len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0
    )


def _with_libsndfile(data: bytes, seconds: int, resample: Resampler | None) -> Samples | None:
    """None where libsndfile cannot read the data after all."""
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate = file.samplerate
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                return None
            blocks = _mono_blocks(file, seconds)
            if resample is not None and rate in USUAL_RATES:
                parts = list(blocks)
                return resample(np.concatenate(parts), rate) if parts else None
            return _resampled(blocks, rate)
    except (soundfile.SoundFileError, ValueError, TypeError):
        return None


def _mono_blocks(file: soundfile.SoundFile, seconds: int) -> Iterator[Samples]:
    """Blocks of the file with its channels mixed, up to its end or its first fault. Raises TooLong."""
    left = int((seconds + PAST_THE_LIMIT) * file.samplerate)
    size = max(1, BLOCK_VALUES // file.channels)
    until = time.monotonic() + SECONDS_TO_DECODE
    while True:
        try:
            block = file.read(size, dtype="float32", always_2d=True)
        except soundfile.SoundFileError:
            return  # what was read so far is what there is
        if not len(block):
            return
        left -= len(block)
        if left < 0 or time.monotonic() > until:
            raise _too_long(seconds)
        yield np.nan_to_num(block.mean(axis=1, dtype=np.float32))


def _resampled(blocks: Iterator[Samples], rate: int) -> Samples:
    """Block by block, so that a high rate costs no memory."""
    stream = soxr.ResampleStream(rate, RATE, 1, dtype="float32")
    parts = [stream.resample_chunk(block) for block in blocks] if rate != RATE else list(blocks)
    if rate != RATE:
        parts.append(stream.resample_chunk(np.zeros(0, np.float32), last=True))
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


# ffmpeg


def _with_ffmpeg(data: bytes, seconds: int, directory: Path) -> Samples:
    program = ffmpeg_program()
    if program is None:
        raise Unusable("The server has no ffmpeg, which this recording needs. Please install it there, or send a WAV file.")
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(prefix="recording-", dir=directory) as folder:
            path = Path(folder) / "in"
            path.write_bytes(data)
            decoded = _run(_command(program, path, seconds), Path(folder), int((seconds + 1) * RATE) * 2)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull("The disk of the server is full; the recording could not be read.") from error
        raise
    if len(decoded) < 2:
        raise Unusable(NOT_AUDIO)
    return np.frombuffer(decoded[: len(decoded) // 2 * 2], "<i2").astype(np.float32) / np.float32(32768)


def _command(program: str, path: Path, seconds: int) -> list[str]:
    """A file, not a pipe: Safari's recordings have their index at the end, and a pipe cannot be read backwards."""
    source = ffmpeg.input(
        f"file:{path}", protocol_whitelist="file,pipe", format_whitelist=FORMATS, threads=1, probesize=1_000_000,
        analyzeduration=2_000_000,
    )
    output = source["a:0"].output("pipe:1", vn=None, sn=None, dn=None, t=seconds + 1, ac=1, ar=RATE, f="s16le", threads=1)
    return ffmpeg.compile(output.global_args("-nostdin", "-v", "error"), cmd=program)


def _run(command: list[str], folder: Path, most: int) -> bytes:
    """At most `most` bytes of the command's output. The process is gone when this returns, or with the process group."""
    with subprocess.Popen(
        command, cwd=folder, env={"LC_ALL": "C"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:
        _limit(process.pid)
        deadline = threading.Timer(SECONDS_TO_DECODE, process.kill)
        deadline.daemon = True
        deadline.start()
        try:
            return process.stdout.read(most) if process.stdout else b""
        finally:
            deadline.cancel()
            process.kill()


def _limit(pid: int) -> None:
    """Processor time, memory, and no file written at all."""
    if not hasattr(resource, "prlimit"):
        return  # only Linux can limit a process from outside; the deadline and the output cap hold everywhere
    cpu = int(SECONDS_TO_DECODE)
    try:
        resource.prlimit(pid, resource.RLIMIT_CPU, (cpu, cpu))
        resource.prlimit(pid, resource.RLIMIT_AS, (FFMPEG_BYTES, FFMPEG_BYTES))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
    except ProcessLookupError:
        pass  # it has ended already


def sweep(directory: Path) -> None:
    """Removes recordings that a killed process left behind."""
    for folder in directory.glob("recording-*"):
        try:
            if time.time() - folder.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
