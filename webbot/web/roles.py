"""Who may answer, as the pages offer it: the operator's roles first, then the visitor's own, then what others share.

Knows no routes and changes nothing. A role of the operator is named by its file, any other by its id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from flask_babel import gettext

from webbot.errors import NotFound
from webbot.people import People
from webbot.people.library import Role, Shared, mark_of
from webbot.web.preferences import preference
from webbot.web.texts import RoleText, Texts

Place = Literal["box", "own", "shared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A role that somebody may choose. `key` names it, `place` says where it comes from, `by` who shared it, where that is known;
    `description` is Markup for a role of the operator, else plain text. `shared` and `version` are those of an own one, `mark` is
    that of its prompt, which is "" in a list of shared ones."""

    key: str
    place: Place
    title: str
    description: str
    mark: str
    prompt: str = ""
    openings: tuple[str, ...] = ()
    by: str = ""
    shared: bool = False
    version: int = 0


class Roles:
    """All roles, as one owner sees them."""

    def __init__(self, texts: Texts, people: People, default: str) -> None:
        """`default` is the prompt of a new conversation where nobody has chosen."""
        self.texts, self.people, self.library, self.prompt = texts, people, people.library, default

    def offered(self, owner: str) -> Mapping[Place, Sequence[Offer]]:
        shared = self.library.shared(but=owner)
        names = {person.id: person.name for person in self.people.all()} if shared else {}
        return {
            "box": [_from_box(text) for text in self.texts.roles()],
            "own": [_from_library(role, owner) for role in self.library.of(owner)],
            "shared": [_from_list(role, names.get(role.owner, "")) for role in shared],
        }

    def find(self, owner: str, key: str) -> Offer:
        """Raises NotFound, also for a role that somebody else keeps."""
        for text in self.texts.roles():
            if text.key == key:
                return _from_box(text)
        role = self.library.find(owner, key)
        by = self.people.find(role.owner) if role.owner != owner else None
        return _from_library(role, owner, by.name if by is not None else "")

    def title(self, owner: str, prompt: str) -> str:
        """What a conversation of that owner with that prompt shows as its role."""
        if not prompt:
            return gettext("none")
        return self.texts.role_title(prompt) or self.library.title_of(owner, prompt) or gettext("own")

    def choices(self, owner: str) -> list[tuple[str, str]]:
        """(key, title) of every role that can be chosen; the title of a shared one with the name of who shares it."""
        offers = [offer for group in self.offered(owner).values() for offer in group]
        return [(offer.key, f"{offer.title} · {offer.by}" if offer.by else offer.title) for offer in offers]

    def prompt_of(self, owner: str, key: str) -> str:
        """Raises NotFound."""
        return self.find(owner, key).prompt

    def first(self, owner: str, key: str = "") -> Offer | None:
        """The role that a new conversation begins with: that one, else what the person prefers, else the server's. None where
        the server's is no role that can be chosen; what is not here any more counts as not chosen."""
        for wanted in (key, preference("role")):
            if wanted:
                try:
                    return self.find(owner, wanted)
                except NotFound:
                    continue
        return next((_from_box(text) for text in self.texts.roles() if text.prompt == self.prompt), None)

    def first_prompt(self, owner: str) -> str:
        """The prompt of a new conversation for which nobody chose a role."""
        first = self.first(owner)
        return first.prompt if first is not None else self.prompt


def _from_box(text: RoleText) -> Offer:
    return Offer(key=text.key, place="box", title=text.title, description=text.description, prompt=text.prompt,
                 mark=mark_of(text.prompt), openings=text.openings)


def _from_library(role: Role, owner: str, by: str = "") -> Offer:
    mine = role.owner == owner
    return Offer(key=role.id, place="own" if mine else "shared", title=role.title, description=role.description,
                 mark=mark_of(role.prompt), prompt=role.prompt, openings=role.openings, by=by, shared=role.shared,
                 version=role.version)


def _from_list(role: Shared, by: str) -> Offer:
    return Offer(key=role.id, place="shared", title=role.title, description=role.description, mark=role.mark,
                 openings=role.openings, by=by)
