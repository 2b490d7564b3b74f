"""What a recording became, in the forms of OpenAI's API: JSON, plain text, subtitles, events."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Literal

from flask import Response, jsonify
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict, RootModel

from webbot import metrics
from webbot.errors import BadInput, Problem, TooLong, Unavailable, Unusable
from webbot.speech import subtitles
from webbot.speech.segments import Segment, Wishes
from webbot.speech.transcribe import Transcript
from webbot.web.sending import close
from webbot.web.v1.stream import Chunk

Found = Segment | Transcript | None
Form = Literal["json", "text", "srt", "vtt", "verbose_json"]
DIGITS = 3  # digits behind the point of a time


class Duration(BaseModel):
    type: Literal["duration"]
    seconds: int


class TranscriptionObject(BaseModel):
    """The words. Empty where nobody spoke."""

    text: str
    usage: Duration


class SegmentObject(BaseModel):
    """Times in seconds of the recording. `seek` is the start in hundredths of a second."""

    id: int
    seek: int
    start: float
    end: float
    text: str
    tokens: list[int]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class WordObject(BaseModel):
    word: str
    start: float
    end: float


class VerboseObject(BaseModel):
    """The words with their times. `language` is an English name in small letters."""

    task: Literal["transcribe", "translate"]
    language: str
    duration: float
    text: str
    segments: list[SegmentObject] | None = None
    words: list[WordObject] | None = None
    usage: Duration


class HeardObject(RootModel[TranscriptionObject | VerboseObject]):
    """With response_format json or verbose_json; the other formats are plain text."""

    model_config = ConfigDict(openapi_extra={"content": {  # type: ignore[typeddict-unknown-key] # the document's
        kind: {"schema": {"type": "string"}} for kind in ("text/plain", "application/x-subrip", "text/vtt", "text/event-stream")
    }})


def about_file(found: Iterator[Found]) -> Iterator[Found]:
    """The same, with problems that name the field at fault: a recording that cannot be used is the request's fault."""
    try:
        for item in found:
            if isinstance(item, Transcript):
                metrics.transcripts.labels("text" if item.text else "empty").inc()
                metrics.transcribe_seconds.observe(item.took)
            yield item
    except Problem as problem:
        metrics.transcripts.labels("failed").inc()
        if isinstance(problem, Unusable):
            raise BadInput("{what}", what=str(problem), parameter=problem.parameter or "file",
                           code=problem.code or "invalid_value") from problem
        if isinstance(problem, TooLong) and not problem.parameter:
            problem.parameter = "file"
        raise
    finally:
        close(found)


def answer(found: Sequence[Found], form: Form, wishes: Wishes, granularities: Sequence[str]) -> ResponseReturnValue:
    """The whole answer. `granularities` says whether verbose_json holds segments, words, or both."""
    segments, transcript = _parted(found)
    if form == "text":
        return Response(f"{transcript.text}\n", mimetype="text/plain")
    if form == "srt":
        return Response(subtitles.srt(segments), content_type="application/x-subrip; charset=utf-8")
    if form == "vtt":
        return Response(subtitles.vtt(segments), mimetype="text/vtt")
    if form == "json":
        return jsonify(text=transcript.text, usage=_usage(transcript))
    return jsonify(_verbose(segments, transcript, wishes, granularities))


def answer_events(found: Iterator[Found]) -> Iterator[Chunk]:
    """transcript.text.delta for each segment, then transcript.text.done; the deltas together are its text."""
    begun = False
    try:
        for item in found:
            if isinstance(item, Segment):
                words = " ".join(item.text.split())
                if words:
                    yield {"type": "transcript.text.delta", "delta": f" {words}" if begun else words}
                    begun = True
            elif isinstance(item, Transcript):
                yield {"type": "transcript.text.done", "text": item.text, "usage": _usage(item)}
            else:
                yield None
    finally:
        close(found)


def _parted(found: Sequence[Found]) -> tuple[list[Segment], Transcript]:
    transcript = next((item for item in found if isinstance(item, Transcript)), None)
    if transcript is None:
        raise Unavailable("The speech model ended without an answer. Please try again.")
    return [item for item in found if isinstance(item, Segment)], transcript


def _usage(transcript: Transcript) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(transcript.seconds)}


def _verbose(
    segments: Sequence[Segment], transcript: Transcript, wishes: Wishes, granularities: Sequence[str]
) -> dict[str, Any]:
    language = "english" if wishes.task == "translate" else (transcript.language_name or wishes.language).lower()
    told: dict[str, Any] = {
        "task": wishes.task, "language": language, "duration": round(transcript.seconds, DIGITS), "text": transcript.text,
        "usage": _usage(transcript),
    }
    if "segment" in granularities:
        told["segments"] = [_segment(number, segment) for number, segment in enumerate(segments)]
    if "word" in granularities:
        told["words"] = [
            {"word": word.word, "start": round(word.start, DIGITS), "end": round(word.end, DIGITS)}
            for segment in segments for word in segment.words
        ]
    return told


def _segment(number: int, segment: Segment) -> dict[str, Any]:
    figures = asdict(segment)
    del figures["words"]
    times = {"start": round(segment.start, DIGITS), "end": round(segment.end, DIGITS)}
    return {"id": number, "seek": int(segment.start * 100), **figures, **times}
