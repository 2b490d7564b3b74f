"""How the messages of a conversation follow one another: ids and numbers only, without texts. Pure arithmetic.

It is kept as a hash: the id of a message ("" before the first ones) -> "NUMBER:ID NUMBER:ID ..." of what follows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tree:
    """`after` are the messages behind each one, oldest first; `number` and `before` are those of each message."""

    after: dict[str, list[str]] = field(default_factory=dict)
    number: dict[str, int] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)

    def add(self, id: str, number: int, before: str) -> None:
        """Numbers come in order."""
        self.after.setdefault(before, []).append(id)
        self.number[id], self.before[id] = number, before

    def branch(self, tip: str) -> list[str]:
        """From the beginning to `tip`; nothing for ""."""
        way, seen = [], set()
        while tip in self.number and tip not in seen:  # damage must not keep anybody here for ever
            way.append(tip)
            seen.add(tip)
            tip = self.before[tip]
        return way[::-1]

    def newest_behind(self, id: str) -> str:
        """The newest message behind that one, itself when it is the last; with "" the newest of all, "" when there is none."""
        newest, open_ends, seen = id, [id], {id}
        while open_ends:
            for one in self.after.get(open_ends.pop(), ()):
                if one in seen:
                    continue
                seen.add(one)
                open_ends.append(one)
                if self.number[one] > self.number.get(newest, 0):
                    newest = one
        return newest

    def value(self, before: str) -> bytes:
        """What the hash keeps for that message."""
        return value((self.number[id], id) for id in self.after.get(before, ()))


def value(following: Iterable[tuple[int, str]]) -> bytes:
    return " ".join(f"{number}:{id}" for number, id in following).encode()


def following(kept: str) -> list[tuple[int, str]]:
    """Number and id of each, from what the hash keeps. Raises ValueError."""
    pairs = (one.partition(":") for one in kept.split(" ") if one)
    return [(int(number), id) for number, _, id in pairs]


def from_lines(lines: str) -> Tree:
    """From the lines of "PARENT NUMBER:ID ..." that the script TREE makes. Raises ValueError."""
    known = {}
    for line in lines.split("\n") if lines else ():
        before, _, kept = line.partition(" ")
        for number, id in following(kept):
            known[id] = (number, before)
    return from_parents(known)


def from_parents(known: Mapping[str, tuple[int, str]]) -> Tree:
    """`known` are number and parent of each message."""
    tree = Tree()
    for id, (number, before) in sorted(known.items(), key=lambda one: one[1][0]):
        tree.add(id, number, before)
    return tree
