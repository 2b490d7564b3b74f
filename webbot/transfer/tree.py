"""The messages of a conversation as a tree: checked where it is ours, made where a program elsewhere wrote it.

Made means: what is not shown here (hidden messages, those of tools) is passed over, messages of one speaker in a row become one,
parents come before their children, and every branch begins with a question.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from webbot.errors import BadInput
from webbot.messages import Feedback, Message, Status
from webbot.transfer.values import checked_text

NO_QUESTION = "…"  # stands where a conversation begins with an answer


def check(messages: Sequence[Message], tip: str) -> None:
    """Raises BadInput unless ids are there once, numbers grow, each parent comes before its children, and the tip is there."""
    seen: set[str] = set()
    number = 0
    for place, message in enumerate(messages):
        where = f"messages[{place}]"
        if not message.id or message.id in seen:
            raise BadInput("{place} is there twice, or empty.", place=f"{where}.id")
        if message.parent and message.parent not in seen:
            raise BadInput("{place} names a message that does not stand before it.", place=f"{where}.parent")
        if message.number <= number:
            raise BadInput("{place} is not larger than the number before it.", place=f"{where}.number")
        number = message.number
        seen.add(message.id)
    if (tip or messages) and tip not in seen:
        raise BadInput("{place} names a message that is not there.", place="tip")


@dataclass(slots=True)
class Node:
    """A message as a program elsewhere wrote it. `role` "" is one that is not shown here; `parent` "" begins a branch."""

    id: str
    parent: str
    role: str = ""
    text: str = ""
    time: float = 0.0
    status: Status = "complete"
    error: str = ""
    feedback: Feedback = ""


def grown(nodes: Iterable[Node], tip: str) -> tuple[tuple[Message, ...], str]:
    """Messages by number, with ids of their own, and the id of the one that `tip` leads to (the newest where it leads nowhere).

    A parent that is nowhere makes a first message. Raises BadInput for ids that are there twice and for parents in a ring,
    TooLong for what became too long a message.
    """
    known: dict[str, Node] = {}
    for node in nodes:
        if not node.id or node.id in known:
            raise BadInput("{place} is there twice, or empty.", place=f"id {node.id[:60]!r}")
        known[node.id] = node
    row = Row(_in_order(known))
    messages = row.messages()
    return messages, row.id_of(tip) or (messages[-1].id if messages else "")


def _in_order(known: Mapping[str, Node]) -> list[Node]:
    """Parents first; otherwise by time, then as they stood in the file."""
    children: dict[str, list[tuple[int, Node]]] = {}
    for place, node in enumerate(known.values()):
        children.setdefault(node.parent if node.parent in known else "", []).append((place, node))
    waiting = [(node.time, place, node) for place, node in children.get("", ())]
    heapq.heapify(waiting)
    found: dict[str, Node] = {}
    while waiting:
        time, _, node = heapq.heappop(waiting)
        found[node.id] = node
        for place, child in children.get(node.id, ()):
            child.time = child.time or time
            heapq.heappush(waiting, (max(child.time, time), place, child))
    if len(found) < len(known):
        lost = next(name for name in known if name not in found)
        raise BadInput("The messages follow one another in a ring: see id {place}.", place=repr(lost[:60]))
    return list(found.values())


@dataclass(slots=True, eq=False)
class Kept:
    """A message as it is kept: of one node, of several of one speaker in a row, or one that was put between two."""

    role: str
    parent: Kept | None
    texts: list[str]
    node: Node  # the last of them
    number: int = 0


class Row:
    """What is kept of nodes that stand in order, parents first."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.kept: list[Kept] = []
        self.standing: dict[str, Kept | None] = {}  # for each node the message it is in, or the one that is left before it
        shown: dict[str, str] = {}  # for each node itself, or the nearest one before it that is shown here
        for node in nodes:
            shown[node.id] = node.id if node.role and (node.text.strip() or node.error) else shown.get(node.parent, "")
        followers = Counter(shown.get(node.parent, "") for node in nodes if shown[node.id] == node.id)
        for node in nodes:
            before = self.standing.get(node.parent)
            if shown[node.id] != node.id:
                self.standing[node.id] = before
            else:
                self.standing[node.id] = self._add(node, before, alone=followers[shown.get(node.parent, "")] == 1)

    def _add(self, node: Node, before: Kept | None, alone: bool) -> Kept:
        """`alone`: no other message follows the same one."""
        same = before is not None and before.role == node.role
        if before is not None and same and alone and before.node.status == "complete":
            before.texts.append(node.text)
            before.node = node
            return before
        if same or (before is None and node.role == "assistant"):
            before = self._put(self._between(node), before)
        return self._put(node, before)

    @staticmethod
    def _between(node: Node) -> Node:
        """What keeps two messages of one speaker apart, and what comes before an answer without a question."""
        if node.role == "assistant":
            return Node("", "", "user", NO_QUESTION, node.time)
        return Node("", "", "assistant", "", node.time, "stopped")

    def _put(self, node: Node, before: Kept | None) -> Kept:
        self.kept.append(Kept(node.role, before, [node.text], node, number=len(self.kept) + 1))
        return self.kept[-1]

    def id_of(self, tip: str) -> str:
        found = self.standing.get(tip)
        return str(found.number) if found is not None else ""

    def messages(self) -> tuple[Message, ...]:
        return tuple(
            Message(
                id=str(kept.number), parent=str(kept.parent.number) if kept.parent else "", number=kept.number,
                role="user" if kept.role == "user" else "assistant",
                text=checked_text("\n\n".join(filter(None, kept.texts)), f"message {kept.number}"), created_at=kept.node.time,
                status=kept.node.status, error=kept.node.error, feedback=kept.node.feedback if kept.role == "assistant" else "",
            )
            for kept in self.kept
        )
