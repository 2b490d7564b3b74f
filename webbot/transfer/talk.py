"""What comes from a file and goes into one: a conversation with all it has, and the limits of what is read."""

from __future__ import annotations

from dataclasses import dataclass

from webbot.errors import Problem
from webbot.messages import Conversation, File, Message

MOST_TALKS = 10_000  # conversations of one file
MOST_MESSAGES = 100_000  # messages of one file
MOST_PARTS = 4_000_000  # values and marks of one conversation's JSON: what is made of them stays under about 150 MB
MOST_DEPTH = 50_000  # levels of JSON: a tree of answers within answers has two for each message
MOST_TEXT = 10 * 1024 * 1024  # bytes of a message: as long as the longest question that can be allowed
MOST_TITLE = 1000  # characters; a title from elsewhere is cut there


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation outside of a store, as Store.add_conversation takes it. It has no id and no owner; `messages` are all its
    branches, by number, and `files` have their text and bytes."""

    about: Conversation
    messages: tuple[Message, ...] = ()
    files: tuple[tuple[File, str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class WrittenRole:
    """A role that a person wrote, outside of a store: a system prompt with a title and questions to begin with."""

    title: str
    prompt: str
    description: str = ""
    openings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Broken:
    """A conversation, or a role, of a file that cannot be read, or the place where a file ends too early. `number` counts from
    one."""

    number: int
    problem: Problem
    title: str = ""
    role: bool = False
