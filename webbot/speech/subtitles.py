"""Segments as subtitles: SubRip (srt) and WebVTT. Pure text."""

from __future__ import annotations

from collections.abc import Sequence

from webbot.speech.segments import Segment

ARROW = "-->"  # separates the times; never in a text


def srt(segments: Sequence[Segment]) -> str:
    """Numbered cues with times like 00:01:02,345; empty where nobody spoke."""
    return "".join(
        f"{number}\n{_time(segment.start, ',')} {ARROW} {_time(segment.end, ',')}\n{_line(segment.text)}\n\n"
        for number, segment in enumerate(segments, start=1)
    )


def vtt(segments: Sequence[Segment]) -> str:
    """WEBVTT and cues with times like 00:01:02.345; marks of the format in the text are written as characters."""
    cues = (
        f"{_time(segment.start, '.')} {ARROW} {_time(segment.end, '.')}\n{_escaped(_line(segment.text))}\n\n"
        for segment in segments
    )
    return "WEBVTT\n\n" + "".join(cues)


def _line(text: str) -> str:
    return " ".join(text.split()).replace(ARROW, "->")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(seconds: float, point: str) -> str:
    whole, milliseconds = divmod(round(max(0.0, seconds) * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{point}{milliseconds:03d}"
