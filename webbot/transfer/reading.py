"""Reads a file of conversations, whoever wrote it: finds out the format, and gives one conversation after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from webbot.errors import BadInput, Problem, TooLong, Unusable
from webbot.transfer import archive, chatgpt, librechat, markdown, open_webui, webbot_json
from webbot.transfer.scan import ENDS_EARLY, Found, Scan, parse
from webbot.transfer.talk import MOST_MESSAGES, MOST_TALKS, Broken, Talk, WrittenRole

ELSEWHERE: tuple[ModuleType, ...] = (chatgpt, librechat, open_webui)
UNKNOWN = "This is no conversation of a known form."
NOTHING = (
    "There are no conversations here that can be read. Known are the exports of webbot, ChatGPT, Open WebUI and LibreChat."
)
MARK = b"\xef\xbb\xbf"  # of UTF-8, as some editors write it
WHITE = b" \t\r\n"


def read(
    data: bytes, *, most: int = 2**31, breathe: Callable[[], None] = lambda: None
) -> Iterator[Talk | WrittenRole | Broken]:
    """The conversations of a file, in its order, and before them the roles; Broken stands for each that cannot be read. Its bytes
    say what it is.

    `most` is the largest file in bytes that an archive may hold. `breathe` is called now and then, so that others get their
    turn. Raises BadInput, Unusable or TooLong where nothing of the file can be read.
    """
    if len(data) > most:
        raise TooLong("The file is longer than {limit} bytes.", limit=most)
    count = Count()
    if not data.startswith(archive.MAGIC):
        yield from _file(data, count, breathe)
        return
    for unpacked in archive.files(data, most):
        yield from _file(unpacked, count, breathe)


class Count:
    """What was read of all files of an archive together."""

    def __init__(self) -> None:
        self.talks = self.messages = 0

    def add(self, talk: Talk) -> None:
        self.messages += len(talk.messages)
        if self.messages > MOST_MESSAGES:
            raise TooLong("The file has more than {limit} messages.", limit=MOST_MESSAGES)

    def next(self) -> int:
        self.talks += 1
        if self.talks > MOST_TALKS:
            raise TooLong("The file has more than {limit} conversations.", limit=MOST_TALKS)
        return self.talks


def _file(data: bytes, count: Count, breathe: Callable[[], None]) -> Iterator[Talk | WrittenRole | Broken]:
    data = data.removeprefix(MARK).lstrip(WHITE)
    if data[:1] in (b"[", b"{"):
        found = Scan(data).run(breathe)
        if found.head is not None and "format" in found.head:
            webbot_json.check_head(found.head)
            yield from webbot_json.roles(found.head)
            formats: tuple[ModuleType, ...] = (webbot_json,)
        else:
            formats = ELSEWHERE
        yield from _talks(data, found, formats, count, breathe)
    elif markdown.fits(data):
        talk = markdown.read(data)
        count.next()
        count.add(talk)
        yield talk
    else:
        raise Unusable(NOTHING)


def _talks(
    data: bytes, found: Found, formats: tuple[ModuleType, ...], count: Count, breathe: Callable[[], None]
) -> Iterator[Talk | Broken]:
    for span in found.spans:
        breathe()
        number = count.next()
        title = ""
        try:
            value = parse(data, span)
            title = _title(value)
            talk = _one(value, formats)
            count.add(talk)
        except Problem as problem:
            if len(found.spans) == 1 and not found.broken:
                raise
            yield Broken(number, problem, title)
            continue
        yield talk
    if not found.spans and formats == ELSEWHERE:
        raise Unusable(NOTHING)
    if found.broken:
        if not found.spans:
            raise BadInput(ENDS_EARLY)
        yield Broken(count.talks + 1, BadInput(ENDS_EARLY))


def _one(value: Any, formats: tuple[ModuleType, ...]) -> Talk:
    if formats == (webbot_json,):
        return webbot_json.read(value)
    for form in formats:
        if form.fits(value):
            talk: Talk = form.read(value)
            return talk
    raise Unusable(UNKNOWN)


def _title(value: Any) -> str:
    title = value.get("title") if isinstance(value, Mapping) else None
    return " ".join(title[:200].split()).encode("utf-8", "replace").decode() if isinstance(title, str) else ""
