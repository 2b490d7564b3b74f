"""Where the programs are that read and make sound."""

from __future__ import annotations

import shutil
from functools import lru_cache


def installed(name: str) -> str | None:
    """The program of that name on PATH, else None."""
    return shutil.which(name)


@lru_cache(maxsize=1)
def ffmpeg_program() -> str | None:
    """The system's ffmpeg, else the one in the wheel of imageio-ffmpeg, else None."""
    system = shutil.which("ffmpeg")
    if system:
        return system
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return None
