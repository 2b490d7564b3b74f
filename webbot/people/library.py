"""Roles that people write for themselves and share: who answers, as a system prompt with a title and questions to begin with.

Only who wrote a role changes it; whoever else is here sees it while it is shared. A conversation keeps the words that it began
with. The roles in the box are no entries: see web/texts.py.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from webbot.errors import BadInput, Conflict, NotFound, Problem, TooLong
from webbot.people import entries
from webbot.store.base import Entry, Store

KIND = "role"
SHARED = "shared role"  # beside each shared role, what its list needs, so that nobody reads all prompts; the role itself decides
LONGEST_TITLE, LONGEST_DESCRIPTION, LONGEST_OPENING = 60, 300, 200  # characters
OPENINGS = 6
MOST = 100  # roles of one person
CHANGEABLE = frozenset({"title", "description", "prompt", "openings"})
NO_TEXT = re.compile("[\x00\ud800-\udfff]")
UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # what shows nothing or turns the writing around
JOINERS = "\u200c\u200d"  # of Persian and Hindi words, and of emoji
FULL = "You have {most} roles. Please delete one first."
GONE = "This role is not here. It may have been deleted, or is not shared any more."
CHANGED = "This role was changed elsewhere meanwhile. Look at it, and save yours again if you still want it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role that `owner` wrote. `prompt` is sent to the model as it is, `openings` are questions to begin with. `version` counts
    changes."""

    id: str
    owner: str
    title: str
    description: str = ""
    prompt: str
    openings: tuple[str, ...] = ()
    shared: bool = False
    created_at: float = 0.0
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the list of the shared roles says of one. `mark` is that of its prompt: see mark_of."""

    id: str
    owner: str
    title: str
    description: str = ""
    openings: tuple[str, ...] = ()
    mark: str = ""
    created_at: float = 0.0
    version: int = 0


class Library:
    """All roles, by who wrote them. An owner is a person's id or, where there are none, whoever owns conversations."""

    def __init__(self, store: Store, prompt_bytes: int = 65536) -> None:
        self.store, self.prompt_bytes = store, prompt_bytes

    def of(self, owner: str) -> Sequence[Role]:
        """The owner's own ones, oldest first."""
        return [_role(entry) for entry in self.store.entries(KIND, owner)] if owner else []

    def shared(self, but: str = "") -> Sequence[Shared]:
        """Those that everybody here may use, but that owner's, in the order in which they were shared."""
        return [entries.read(Shared, entry) for entry in self.store.entries(SHARED) if not but or entry.owner != but]

    def find(self, owner: str, id: str) -> Role:
        """An own role or a shared one. Raises NotFound, also for one that somebody else keeps."""
        role = self._any(id)
        if role is None or not (role.shared or (owner and role.owner == owner)):
            raise NotFound(GONE)
        return role

    def own(self, owner: str, id: str) -> Role:
        """Raises NotFound, also for a role of somebody else."""
        role = self._any(id)
        if role is None or not owner or role.owner != owner:
            raise NotFound(GONE)
        return role

    def title_of(self, owner: str, prompt: str) -> str:
        """The title of the owner's role, else of a shared one, with that prompt; "" where there is none."""
        own = (role.title for role in self.of(owner) if role.prompt == prompt)
        return next(own, "") or next((role.title for role in self.shared(owner) if role.mark == mark_of(prompt)), "")

    def add(self, owner: str, *, title: str, prompt: str, description: str = "", openings: Iterable[str] = ()) -> Role:
        """A new role that nobody else sees yet. Raises BadInput, TooLong, and Conflict for more than MOST."""
        wanted = self._checked({"title": title, "description": description, "prompt": prompt, "openings": openings})
        if len(self.store.entries(KIND, owner)) >= MOST:
            raise Conflict(FULL, most=MOST)
        return self._made(Role(id=_new_id(), owner=owner, **wanted))

    def bring(self, owner: str, given: Iterable[Mapping[str, Any]]) -> Iterator[Role | Problem | None]:
        """Roles from elsewhere become the owner's, one after another: the new role, None for one that is there word for word, or
        why it does not come. `given` are what `add` takes."""
        there = [_said(asdict(role)) for role in self.of(owner)]
        for parts in given:
            try:
                wanted = self._checked(dict(parts))
                if (said := _said(wanted)) in there:
                    yield None
                    continue
                if len(there) >= MOST:
                    raise Conflict(FULL, most=MOST)
            except (BadInput, TooLong, Conflict) as problem:
                yield problem
                continue
            there.append(said)
            yield self._made(Role(id=_new_id(), owner=owner, **wanted))

    def change(self, owner: str, id: str, *, only_version: int | None = None, **changes: Any) -> Role:
        """Sets any of title, description, prompt, openings. With `only_version` it changes just that version and raises Conflict
        for another one. Raises NotFound, BadInput, TooLong."""
        return self._told(self._change(owner, id, only_version, **self._checked(changes)))

    def share(self, owner: str, id: str) -> Role:
        """From now on everybody here may use it. Raises NotFound."""
        return self._told(self._change(owner, id, shared=True), new=True)

    def unshare(self, owner: str, id: str) -> Role:
        """Nobody else sees it any more; conversations that began with it go on. Raises NotFound."""
        return self._told(self._change(owner, id, shared=False))

    def delete(self, owner: str, id: str) -> None:
        """Raises NotFound."""
        self.own(owner, id)
        if not self.store.delete_entry(KIND, id):
            raise NotFound(GONE)
        self.store.delete_entry(SHARED, id)

    def forget(self, owner: str) -> None:
        """Deletes all roles of that owner."""
        for role in self.of(owner):
            with suppress(NotFound):
                self.delete(owner, role.id)

    def hand_over(self, owner: str, to: str) -> int:
        """Gives the roles of `owner` to another one, also above MOST; they get new ids. Returns how many."""
        if owner == to:
            return 0
        roles = self.of(owner)
        for role in roles:  # the new one first: what is broken off leaves two, never none
            made = self._made(replace(role, id=_new_id(), owner=to, shared=False, version=0))
            if role.shared:
                self.share(to, made.id)
            with suppress(NotFound):
                self.delete(owner, role.id)
        return len(roles)

    # inside

    def _any(self, id: str) -> Role | None:
        entry = self.store.entry(KIND, id) if id and not NO_TEXT.search(id) else None
        return _role(entry) if entry is not None else None

    def _made(self, role: Role) -> Role:
        return _role(self.store.put_entry(_entry(role)))

    def _change(self, owner: str, id: str, only_version: int | None = None, **changes: Any) -> Role:
        def changed() -> Entry:
            role = self.own(owner, id)
            if only_version is not None and role.version != only_version:
                raise Conflict(CHANGED)
            return _entry(replace(role, **changes))

        return _role(entries.change(self.store, changed))

    def _told(self, role: Role, new: bool = False) -> Role:
        """Brings what the list of the shared roles says of it up to date; only a `new` one is added."""
        for _ in range(entries.ATTEMPTS):
            now, listed = self._any(role.id), self.store.entry(SHARED, role.id)
            if now is None or not now.shared:
                self.store.delete_entry(SHARED, role.id)
                break
            if listed is None and not new:
                break
            told = Shared(id=now.id, owner=now.owner, title=now.title, description=now.description, openings=now.openings,
                          mark=mark_of(now.prompt), version=listed.version if listed is not None else 0)
            with suppress(Conflict):  # told elsewhere meanwhile, maybe of what it was before
                self.store.put_entry(entries.entry(SHARED, told, owner=now.owner))
                break
        return role

    def _checked(self, changes: dict[str, Any]) -> dict[str, Any]:
        """As they are kept."""
        if not changes.keys() <= CHANGEABLE:
            raise BadInput("A role has no such part.")
        checked = dict(changes)
        if "title" in changes:
            checked["title"] = _line(changes["title"])
            if not 1 <= len(checked["title"]) <= LONGEST_TITLE:
                raise BadInput("The title of a role must have 1 to {limit} characters.", limit=LONGEST_TITLE)
        if "description" in changes:
            checked["description"] = _line(changes["description"])
            if len(checked["description"]) > LONGEST_DESCRIPTION:
                raise BadInput("The description of a role may have {limit} characters.", limit=LONGEST_DESCRIPTION)
        if "prompt" in changes:
            checked["prompt"] = self._prompt(changes["prompt"])
        if "openings" in changes:
            checked["openings"] = _openings(changes["openings"])
        return checked

    def _prompt(self, text: str) -> str:
        prompt = text.replace("\r\n", "\n").strip()
        if not prompt:
            raise BadInput("Say what the model is to be: a role needs its instructions.")
        if NO_TEXT.search(prompt):
            raise BadInput("The instructions hold a character that is no text.")
        if len(prompt.encode()) > self.prompt_bytes:
            raise TooLong("The instructions of a role may have {limit} bytes. Please shorten them.", limit=self.prompt_bytes)
        return prompt


def _new_id() -> str:
    return f"r-{secrets.token_urlsafe(12)}"


def _said(parts: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a role says, by which one is known again that came from elsewhere."""
    return tuple(parts[name] for name in sorted(CHANGEABLE))


def mark_of(prompt: str) -> str:
    """By which a prompt is known again that is not at hand."""
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _line(text: str) -> str:
    """One line, without what is around it. Raises BadInput for what does not show."""
    line = " ".join(text.split())
    if any(letter not in JOINERS and unicodedata.category(letter) in UNSEEN for letter in line):
        raise BadInput("The text holds a character that does not show. Please write it anew.")
    return line if line.strip(JOINERS) else ""


def _openings(texts: Iterable[str]) -> tuple[str, ...]:
    openings = tuple(dict.fromkeys(opening for opening in map(_line, texts) if opening))
    if len(openings) > OPENINGS:
        raise BadInput("A role may have {limit} questions to begin with.", limit=OPENINGS)
    if any(len(opening) > LONGEST_OPENING for opening in openings):
        raise BadInput("A question to begin with may have {limit} characters.", limit=LONGEST_OPENING)
    return openings


def _role(entry: Entry) -> Role:
    """Also of an entry that says another owner inside: whose it is, the store says."""
    return replace(entries.read(Role, entry), owner=entry.owner)


def _entry(role: Role) -> Entry:
    return entries.entry(KIND, role, owner=role.owner)
