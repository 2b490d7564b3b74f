"""A person who uses this server, and what a name may be."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from webbot.errors import BadInput

Rank = Literal["owner", "member"]
Via = Literal["invite", "header", "oidc"]
RANKS = ("owner", "member")
LONGEST_NAME = 100  # characters
NO_LETTERS = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # what shows nothing or turns the writing around


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody whom the server knows. `id` is the owner of the person's conversations.

    `via` says how the server came to know the person, `subject` is the person's name there: what a proxy's header says, or
    ISSUER and subject of a provider. `turns_a_minute` and `tokens_a_day` are None where the server's settings hold, 0 for no
    limit. `preferences` are JSON values that the page keeps for the person: language, theme, role, voice. `version` counts
    changes.
    """

    id: str
    name: str
    rank: Rank = "member"
    via: Via = "invite"
    subject: str = ""
    email: str = ""
    created_at: float = 0.0
    turns_a_minute: int | None = None
    tokens_a_day: int | None = None
    preferences: Mapping[str, Any] = field(default_factory=dict)
    version: int = 0

    @property
    def is_owner(self) -> bool:
        return self.rank == "owner"


def name_of(text: str, longest: int = LONGEST_NAME) -> str:
    """The name that somebody wrote, without what is around it. Raises BadInput for none."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= longest:
        raise BadInput("A name must have 1 to {limit} characters.", limit=longest, parameter="name")
    if any(unicodedata.category(letter) in NO_LETTERS for letter in name):
        raise BadInput("The name holds a character that is no text.", parameter="name")
    return name
