"""The doors for speech: recordings to text or subtitles, in the language that is spoken or in English, and text to speech."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from flask.typing import ResponseReturnValue
from flask_openapi3 import APIBlueprint, FileStorage
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from werkzeug.datastructures import FileStorage as Upload

from webbot.errors import BadInput
from webbot.services import Services
from webbot.speech.packing import MEDIA_TYPES
from webbot.speech.segments import Task, Wishes
from webbot.speech.voices import Speech
from webbot.web.v1.heard import Found, HeardObject, about_file, answer, answer_events
from webbot.web.v1.models import model_id, unknown_model
from webbot.web.v1.operations import Sent, operation
from webbot.web.v1.spoken import sound, sound_events
from webbot.web.v1.stream import stream, whole

RECOGNISER = "whisper-1"  # the Whisper model that is loaded, whichever it is
LONGEST_TEXT = 4096  # characters
LONGEST_PROMPT = 100_000
SPOKEN = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()} | {
    "text/event-stream": {"schema": {"type": "string", "description": "With stream_format: sse."}},
}


def _number(value: Any) -> Any:
    """The fields of a form are texts."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _truth(value: Any) -> Any:
    return {"true": True, "false": False, "1": True, "0": False}.get(value.lower(), value) if isinstance(value, str) else value


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _nothing(value: list[str]) -> list[str]:
    if value:
        raise ValueError("there is nothing that can be included here, no logprobs either")
    return value


def _upload(value: Any) -> Any:
    if not isinstance(value, Upload):
        raise ValueError("a file is needed")
    return value


class RecordingForm(Sent):
    """What both doors for recordings take."""

    model_config = ConfigDict(loc_by_alias=False, validate_by_name=True, validate_by_alias=True)

    file: Annotated[FileStorage, AfterValidator(_upload)] = Field(description="The recording: WAV, MP3, M4A, WebM, ...")
    model: str = Field(description="whisper-1, or the name of the Whisper model that is loaded.")
    prompt: str = Field("", max_length=LONGEST_PROMPT, description="Names and spellings, or what was said before.")
    response_format: Literal["json", "text", "srt", "vtt", "verbose_json"] = "json"
    temperature: Annotated[float, BeforeValidator(_number)] = Field(
        0.0, ge=0, le=1, description="0: the likeliest words, warmer only where these are doubtful.",
    )


class TranslationForm(RecordingForm):
    """A recording in any language that is to become English text."""


class TranscriptionForm(RecordingForm):
    """A recording that is to become text."""

    language: str = Field("", max_length=100, description="The language that is spoken, like en. Empty: found from the audio.")
    timestamp_granularities: Annotated[list[Literal["segment", "word"]], BeforeValidator(_several)] = Field(
        default_factory=list, alias="timestamp_granularities[]", max_length=2, description="With verbose_json only.",
    )
    stream: Annotated[bool, BeforeValidator(_truth)] = Field(False, description="Events: the words as they are found.")
    chunking_strategy: Literal["auto"] | None = None
    include: Annotated[list[str], BeforeValidator(_several), AfterValidator(_nothing)] = Field(
        default_factory=list, alias="include[]", json_schema_extra={"maxItems": 0}, description="Not supported.",
    )


class SpeechBody(Sent):
    """A text that is to be spoken."""

    model: str = Field(description="tts-1, tts-1-hd, gpt-4o-mini-tts, espeak-ng or piper.")
    input: str = Field(min_length=1, max_length=LONGEST_TEXT)
    voice: str = Field(max_length=100, description="alloy, nova, ... or one of espeak-ng's: en-us, de, ...")
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = Field("mp3", description="pcm: 24 kHz, 16 bit, mono.")
    speed: float = Field(1.0, ge=0.25, le=4)
    stream_format: Literal["audio", "sse"] = "audio"
    instructions: None = Field(None, description="Not supported: only null.")


class Audio:
    """POST /v1/audio/transcriptions, /v1/audio/translations and /v1/audio/speech."""

    def __init__(self, services: Services, blueprint: APIBlueprint) -> None:
        self.services = services
        heard = {200: HeardObject}
        operation(blueprint, "post", "/audio/transcriptions", self.create_transcription, summary="A recording to text",
                  tag="Audio", form=TranscriptionForm, responses=heard)
        operation(blueprint, "post", "/audio/translations", self.create_translation, summary="A recording to English text",
                  tag="Audio", form=TranslationForm, responses=heard)
        operation(blueprint, "post", "/audio/speech", self.create_speech, summary="Text to speech", tag="Audio", body=SpeechBody,
                  responses={200: {"description": "The speech, as it is made.", "content": SPOKEN}})

    def models(self) -> list[str]:
        """The names that these doors take as a model."""
        own = [RECOGNISER, self._recogniser_id()] if self.services.settings.speech else []
        return [*own, *self.services.voices.models()]

    def create_transcription(self, form: TranscriptionForm) -> ResponseReturnValue:
        """The words of a recording, as JSON, plain text or subtitles; with stream as events while they are found."""
        if form.timestamp_granularities and form.response_format != "verbose_json":
            raise BadInput("timestamp_granularities needs the response_format verbose_json.",
                           parameter="timestamp_granularities", code="invalid_value")
        if form.stream and form.response_format not in ("json", "text"):
            raise BadInput("With stream the response_format must be json or text.", parameter="response_format",
                           code="invalid_value")
        wishes = self._wishes(form, "transcribe", form.language, words="word" in form.timestamp_granularities)
        heard = self._listen(form, wishes)
        if form.stream:
            return stream(answer_events(heard), done=False)
        return answer(whole(heard), form.response_format, wishes, form.timestamp_granularities or ["segment"])

    def create_translation(self, form: TranslationForm) -> ResponseReturnValue:
        """The words of a recording in English, whatever is spoken; for this a Whisper model of many languages is needed."""
        wishes = self._wishes(form, "translate", "")
        return answer(whole(self._listen(form, wishes)), form.response_format, wishes, ["segment"])

    def create_speech(self, body: SpeechBody) -> ResponseReturnValue:
        """Speech as it is made: bytes, or with stream_format sse events with pieces in base64."""
        speech = Speech(
            text=body.input, model=body.model, voice=body.voice, format=body.response_format, speed=body.speed,
        )
        pieces = self.services.voices.speak(speech)
        return stream(sound_events(pieces), done=False) if body.stream_format == "sse" else sound(pieces, body.response_format)

    def _wishes(self, form: RecordingForm, task: Task, language: str, *, words: bool = False) -> Wishes:
        if form.model != RECOGNISER and (not self.services.settings.speech or model_id(form.model) != self._recogniser_id()):
            raise unknown_model(form.model)
        usual = self.services.settings.speech_language if task == "transcribe" else ""
        return Wishes(language=language or usual, task=task, prompt=form.prompt, temperature=form.temperature, words=words)

    def _listen(self, form: RecordingForm, wishes: Wishes) -> Iterator[Found]:
        return about_file(self.services.listen(form.file.stream.read(), wishes))

    def _recogniser_id(self) -> str:
        return model_id(self.services.transcriber_state()["name"])
