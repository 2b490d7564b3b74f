"""What a store should know of a conversation, kept in plain Python: a tree of messages, the branch that is shown, the marks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from webbot.messages import Message


@dataclass
class Talk:
    """The messages are as the store gave them, changed by what was asked since."""

    id: str
    owner: str
    title: str
    messages: dict[str, Message] = field(default_factory=dict)
    tip: str = ""
    marks: tuple[int, str] = (0, "")
    pinned: bool = False
    version: int = 1
    deleted: bool = False
    unsure: str = ""  # the answer that was streaming when it was deleted
    token: str = ""
    shared: tuple[str, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)

    # looking

    def tree(self) -> list[Message]:
        return sorted(self.messages.values(), key=lambda message: message.number)

    def branch(self, tip: str | None = None) -> list[Message]:
        """From the beginning to `tip`, the one that is shown unless given."""
        found, at = [], self.tip if tip is None else tip
        while at:
            found.append(self.messages[at])
            at = self.messages[at].parent
        return found[::-1]

    def last_answer(self, tip: str | None = None) -> Message | None:
        return next((message for message in reversed(self.branch(tip)) if message.role == "assistant"), None)

    def streaming(self) -> Message | None:
        return next((message for message in self.messages.values() if message.status == "streaming"), None)

    def versions(self) -> dict[str, list[str]]:
        """Of each message that has versions, all of them, oldest first."""
        found = {}
        for message in self.messages.values():
            same = [other.id for other in self.tree() if other.parent == message.parent]
            if len(same) > 1:
                found[message.id] = same
        return found

    def held(self) -> list[str]:
        """The ids of the turns of which a message is pinned."""
        branch, found = self.branch(), set()
        for at, message in enumerate(branch):
            if message.pinned:
                found.add(message.id)
                if message.role == "user" and at + 1 < len(branch) and branch[at + 1].role == "assistant":
                    found.add(branch[at + 1].id)
                if message.role == "assistant" and at and branch[at - 1].role == "user":
                    found.add(branch[at - 1].id)
        return [message.id for message in branch if message.id in found]

    def newest_behind(self, id: str) -> str:
        """The message with the greatest number in the tree that begins with this one."""
        behind = [message for message in self.messages.values() if id in {one.id for one in self.branch(message.id)}]
        return max(behind, key=lambda message: message.number).id

    # changing

    def begun(self, question: Message, answer: Message) -> None:
        """A turn, or one more answer to a question that was there."""
        greatest = max((message.number for message in self.messages.values()), default=0)
        for message in (question, answer):
            if message.id not in self.messages:
                assert message.number > greatest, "numbers only grow"
                greatest = message.number
        before = self.last_answer(question.parent)
        assert (answer.remembers_from, answer.cut_for) == ((before.remembers_from, before.cut_for) if before else (0, ""))
        assert (answer.parent, answer.role, answer.status) == (question.id, "assistant", "streaming")
        self.messages[question.id], self.messages[answer.id] = question, answer
        self.show(answer.id)

    def show(self, tip: str) -> None:
        self.tip = tip
        last = self.last_answer()
        self.marks = (last.remembers_from, last.cut_for) if last else (0, "")

    def mark(self, number: int, cut_for: str) -> None:
        self.marks = (number, cut_for)
        if last := self.last_answer():
            self.change(last.id, remembers_from=number, cut_for=cut_for)

    def change(self, id: str, **changes: object) -> None:
        self.messages[id] = replace(self.messages[id], **changes)

    def remove(self, ids: set[str]) -> None:
        """What follows a removed message then follows what was before it."""
        while self.tip in ids:
            self.tip = self.messages[self.tip].parent
        for message in self.tree():
            parent = message.parent
            while parent in ids:
                parent = self.messages[parent].parent
            self.messages[message.id] = replace(message, parent=parent)
        for id in ids:
            self.messages.pop(id, None)

    def clear(self) -> None:
        self.messages, self.files, self.tip, self.token, self.shared = {}, {}, "", "", ()
        self.marks = (0, "")
