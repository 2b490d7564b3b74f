"""The format "webbot", version 1: conversations as JSON, with all they have, so that nothing is lost on the way back.

    {"format": "webbot", "version": 1,
     "roles": [{"title": ..., "prompt": ..., "description": ..., "openings": ["..."]}],
     "conversations": [
      {"title": ..., "role": ..., "tip": ..., "messages": [{"id": ..., "parent": ..., "number": 1, "role": "user", ...}],
       "files": [{"name": ..., "media_type": ..., "size": ..., "text": ..., "data": "base64"}]}]}

`roles` are those that the person wrote; a file of one conversation has none, and a reader that knows none passes over them. A
member that is as it mostly is (no pin, no error) is left out. Ids are those of the store that wrote them: they tie messages
together, and mean nothing elsewhere. The conversation's own id and owner stay behind, because who knows them may do things.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from webbot.errors import BadInput, Problem
from webbot.messages import Conversation, Feedback, File, Message, Role, Status, Usage
from webbot.transfer.talk import MOST_TITLE, Broken, Talk, WrittenRole
from webbot.transfer.tree import check
from webbot.transfer.values import Values, checked_text

FORMAT, VERSION = "webbot", 1
BEGIN = f'{{"format": "{FORMAT}", "version": {VERSION}, '
TALKS = '"conversations": ['
END = "\n]}\n"
ABOUT = (
    "title", "titled_by", "role", "pinned", "speaks", "markup", "model", "tip", "remembers_from", "cut_for", "created_at",
    "updated_at",
)
SAID = tuple(field.name for field in dataclasses.fields(Message) if field.name not in ("usage", "tool_calls", "tool_call"))
KEPT = ("id", "name", "media_type", "size", "tokens", "counted_by", "created_at")
USED = tuple(field.name for field in dataclasses.fields(Usage))
PARTS = tuple(field.name for field in dataclasses.fields(WrittenRole))
KEY_BYTES = 200
MEDIA_TYPE = re.compile(r"[\w.+-]{1,80}/[\w.+-]{1,80}")
NO_NAME = re.compile(r'[\x00-\x1f\x7f/\\]|^\.{0,2}$')
SPOKEN_BYTES = 2000


# writing

def whole(talks: Iterable[Iterable[str]], roles: Iterable[WrittenRole] = ()) -> Iterator[str]:
    """A file of conversations, each as `written` gives it, a piece at a time; the roles come first, so that they are there also
    where the file breaks off."""
    yield BEGIN
    said = [_dumps(_told(role, PARTS)) for role in roles]
    if said:
        yield '"roles": [\n' + ",\n".join(said) + "\n], "
    yield TALKS
    for count, talk in enumerate(talks):
        yield ",\n" if count else "\n"
        yield from talk
    yield END


def written(about: Conversation, messages: Iterable[Message], files: Iterable[tuple[File, str, bytes]]) -> Iterator[str]:
    """One conversation. `files` is read one by one, so that no more than one is in memory."""
    yield _dumps({name: getattr(about, name) for name in ABOUT})[:-1] + ', "messages": ['
    for count, message in enumerate(messages):
        yield (",\n" if count else "\n") + _dumps(_message(message))
    yield '], "files": ['
    for count, (file, text, data) in enumerate(files):
        told = _told(file, KEPT) | {"text": text, "data": base64.b64encode(data).decode()}
        yield (",\n" if count else "\n") + _dumps(told)
    yield "]}"


def _message(message: Message) -> Mapping[str, Any]:
    told = _told(message, SAID)
    return told if message.usage is None else told | {"usage": dataclasses.asdict(message.usage)}


def _told(value: Message | File | WrittenRole, names: Iterable[str]) -> dict[str, Any]:
    """The fields that differ from what they mostly are."""
    plain = {field.name: field.default for field in dataclasses.fields(value)}
    return {name: found for name in names if (found := getattr(value, name)) != plain[name] and found != {}}


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


# reading

def check_head(head: Mapping[str, Any]) -> None:
    """Raises BadInput for a file that is of another format, or of a version that nobody here knows."""
    if head.get("format") != FORMAT:
        raise BadInput("The file does not say that its format is \"webbot\".")
    if head.get("version") != VERSION:
        raise BadInput("The file is of version {version} of its format; version {known} can be read here.",
                       version=repr(head.get("version"))[:20], known=VERSION)


def roles(head: Mapping[str, Any]) -> Iterator[WrittenRole | Broken]:
    """Those of a file beside its conversations."""
    for place, item in enumerate(Values(dict(head)).items("roles")):
        try:
            given = Values(item, f"roles[{place}]")
            given.only(PARTS)
            openings = tuple(
                checked_text(text, f"{given.at('openings')}[{count}]") for count, text in enumerate(given.items("openings"))
            )
            yield WrittenRole(given.text("title"), given.text("prompt"), given.text("description"), openings)
        except Problem as problem:
            yield Broken(place + 1, problem, role=True)


def read(value: object) -> Talk:
    """Raises BadInput and TooLong with the place of what is wrong."""
    given = Values(value)
    given.only({*ABOUT, "messages", "files"})
    messages = tuple(_read_message(Values(item, f"messages[{place}]")) for place, item in enumerate(given.items("messages")))
    about = Conversation(
        id="", owner="", title=given.text("title", limit=MOST_TITLE * 4),
        titled_by=given.word("titled_by", ("", "question", "model", "person"), ""), role=given.text("role"),
        pinned=given.flag("pinned"), speaks=given.flag("speaks"),
        markup=given.word("markup", ("markdown", "textile"), "markdown"), model=given.text("model", limit=KEY_BYTES),
        tip=given.text("tip", limit=KEY_BYTES), remembers_from=given.whole("remembers_from"),
        cut_for=given.text("cut_for", limit=KEY_BYTES), created_at=given.number("created_at"),
        updated_at=given.number("updated_at"),
    )
    about = dataclasses.replace(about, tip=about.tip or (messages[-1].id if messages else ""))
    check(messages, about.tip)
    files = tuple(_read_file(Values(item, f"files[{place}]")) for place, item in enumerate(given.items("files")))
    return Talk(about, messages, files)


def _read_message(given: Values) -> Message:
    given.only({*SAID, "usage"})
    return Message(
        role=given.word("role", get_args(Role), ""), text=given.text("text"), id=given.text("id", limit=KEY_BYTES),
        number=given.whole("number"), status=given.word("status", get_args(Status), "complete"), tokens=_tokens(given),
        counted_by=given.text("counted_by", limit=KEY_BYTES), created_at=given.number("created_at"),
        usage=_usage(given.object("usage")) if given.has("usage") else None, error=given.text("error", limit=10_000),
        spoken=_spoken(given), parent=given.text("parent", limit=KEY_BYTES), pinned=given.flag("pinned"),
        feedback=given.word("feedback", get_args(Feedback), ""), remembers_from=given.whole("remembers_from"),
        cut_for=given.text("cut_for", limit=KEY_BYTES),
    )


def _tokens(given: Values) -> int | None:
    return given.whole("tokens") if given.has("tokens") else None


def _usage(given: Values) -> Usage:
    given.only(USED)
    counts = {name: given.whole(name) for name in ("prompt_tokens", "answer_tokens", "cached_tokens")}
    return Usage(**counts, first_token_seconds=given.number("first_token_seconds"), seconds=given.number("seconds"))


def _spoken(given: Values) -> dict[str, Any]:
    """What a voice turn wants shown: texts and numbers by name."""
    spoken = given.object("spoken")
    for name, value in spoken.all.items():
        if isinstance(value, str):
            spoken.text(name, limit=SPOKEN_BYTES)
        elif not isinstance(value, bool | None):
            spoken.number(name)
    if spoken.all and len(_dumps(spoken.all).encode("utf-8", "replace")) > SPOKEN_BYTES:
        raise BadInput("{place} is longer than {limit} bytes.", place=spoken.place, limit=SPOKEN_BYTES)
    return dict(spoken.all)


def _read_file(given: Values) -> tuple[File, str, bytes]:
    given.only({*KEPT, "text", "data"})
    name, media_type = given.text("name", limit=1000), given.text("media_type", limit=200)
    if NO_NAME.search(name):
        raise BadInput("{place} is no name of a file.", place=given.at("name"))
    if not MEDIA_TYPE.fullmatch(media_type):
        raise BadInput("{place} is no media type.", place=given.at("media_type"))
    try:
        data = base64.b64decode(given.text("data", limit=2**31), validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("{place} is no base64.", place=given.at("data")) from None
    if given.whole("size") != len(data):
        raise BadInput("{place} is not the number of its bytes.", place=given.at("size"))
    file = File(
        name=name, media_type=media_type, size=len(data), id=given.text("id", limit=KEY_BYTES), tokens=_tokens(given),
        counted_by=given.text("counted_by", limit=KEY_BYTES), created_at=given.number("created_at"),
    )
    return file, given.text("text", limit=2**31), data
