"""What a title may be: one short line, made of a question or of what a model says when it is asked for one."""

from __future__ import annotations

import re
import unicodedata

from webbot.chat import wishes
from webbot.messages import Message

TITLE_CHARACTERS = 60
BABBLE = 120  # characters: a longer line is no title, however it is cut
MOST_READ = 2000  # characters of the question and of the answer that a model reads for a title, each
NAMES = re.compile(r"^(?:title|titel|titre|título|titolo|заголовок|标题|標題|タイトル|제목)\s*[:\uff1a]\s*", re.IGNORECASE)
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
QUOTES = "\"'`“”„‟‘’‚«»‹›「」『』《》"
BEFORE, BEHIND = QUOTES + "#>*_~-–—•| \t", QUOTES + "*_~| \t.。．,:;，；："
TURNING = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # the direction of writing
NO_TITLES = {"", "title", "question", "answer", "untitled", "conversation", "new conversation", "new chat", "none"}


def title_of(text: str) -> str:
    """A title from a question: its words on one line, cut at a word."""
    line = " ".join(text.split())
    if len(line) <= TITLE_CHARACTERS:
        return line
    return line[:TITLE_CHARACTERS].rsplit(" ", 1)[0].rstrip(" ,;:.") + " …"


def request_for(question: str, answer: str, context: int) -> list[Message]:
    """What a model with a window of so many tokens is asked for a title."""
    most = min(MOST_READ, context // 4)  # a character may be a token
    said = f"Question: {_beginning(question, most)}\n\nAnswer: {_beginning(answer, most)}"
    return [Message(role="user", text=f"{wishes.TITLE}\n\n{said}")]


def _beginning(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most].rsplit(maxsplit=1)[0] + " …"


def title_in(said: str) -> str:
    """The title in what a model said; "" where there is none."""
    if "<think>" in said and "</think>" not in said:
        return ""  # it has thought only
    lines = [_bare(line) for line in said.rpartition("</think>")[2].splitlines() if not line.rstrip().endswith((":", "："))]
    title = next((line for line in lines if line), "")
    if len(title) > BABBLE or title.casefold() in NO_TITLES or not any(character.isalnum() for character in title):
        return ""
    return "" if _repeats(title.casefold(), wishes.TITLE.casefold()) else title_of(title)


def _repeats(title: str, wish: str) -> bool:
    """Whether the model says what it was asked, as small ones do."""
    return len(title) >= len("write a title") and (title in wish or wish.startswith(title[:30]))


def _bare(line: str) -> str:
    """A line without marks of markdown, quotation marks, a name before it and a full stop behind it."""
    shown = "".join(character for character in line if _is_shown(character))
    shown = LINK.sub(r"\1", shown).replace("**", "").replace("`", "").strip(" \t")
    while (stripped := NAMES.sub("", shown.lstrip(BEFORE)).rstrip(BEHIND)) != shown:
        shown = stripped
    return shown


def _is_shown(character: str) -> bool:
    return character == "\t" or (unicodedata.category(character) not in ("Cc", "Cs", "Co", "Cn") and character not in TURNING)
