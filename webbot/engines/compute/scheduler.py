"""What is computed next: which answers wait, which hold pages, and what the next step is. No torch, no threads, no clock.

Answers that write are in every step; prompts are read beside them, in chunks. Where the pages do not suffice the youngest answer
gives its own away and goes on later, so the oldest one always gets on.
"""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict, deque
from collections.abc import Iterable
from itertools import count

from webbot.engines.compute.answer import Answer, Part, Step
from webbot.engines.compute.pages import Pages, keys
from webbot.errors import NoMemory, TooMany

RETRY_SECONDS = 5
TOO_LONG = "This is too long for the memory of this machine. Please begin a new conversation, or send less."


class Scheduler:
    """At most `rows` answers at once, in `pages`; of the others `queue` may wait, `queue_owner` of them of one owner.

    The order of calls: `next`, then `advance` when that step was launched, then `settle` for each part of the step before it or
    of this one. At most one step is in flight when `next` is called. `preempted` counts answers that gave their pages away.
    """

    def __init__(self, rows: int, pages: Pages, queue: int, queue_owner: int) -> None:
        self.pages, self.preempted = pages, 0
        self._rows, self._queue, self._queue_owner = rows, queue, queue_owner
        self._waiting: OrderedDict[str, deque[Answer]] = OrderedDict()
        self._background: deque[Answer] = deque()
        self._running: list[Answer] = []  # those that hold pages, by age
        self._put_off: list[Answer] = []  # those that gave them away, by age
        self._ages = count(1)
        self._read_last = False

    @property
    def active(self) -> list[Answer]:
        """The answers that have begun, by age."""
        return sorted([*self._running, *self._put_off], key=_age)

    @property
    def waiting(self) -> int:
        """How many have not begun; those in the background are not counted."""
        return sum(len(line) for line in self._waiting.values())

    def submit(self, answer: Answer, *, again: bool = False) -> None:
        """Queues an answer, and lowers its limit to what all pages together hold. With `again` it follows one that was queued
        and finds a place in any case.

        Raises NoMemory when all pages together do not hold its prompt, TooMany when the queue, or the owner's part of it, is
        full.
        """
        room = self.pages.count * self.pages.size - len(answer.prompt)
        if room < 0:
            raise NoMemory(TOO_LONG)
        free = self._rows - sum(not one.background for one in [*self._running, *self._put_off])
        line: Iterable[Answer] = self._background if answer.background else self._waiting.get(answer.owner, ())
        total = len(self._background) if answer.background else self.waiting
        mine = sum(one.owner == answer.owner for one in line)
        if not again and (total >= self._queue + free or mine >= self._queue_owner + free):
            raise TooMany("Too many answers are waiting. Please try again in a moment.", retry_after=RETRY_SECONDS)
        answer.limit = min(answer.limit, room + 1)  # the last token of all is chosen, but never computed
        if answer.background:
            self._background.append(answer)
        else:
            self._waiting.setdefault(answer.owner, deque()).append(answer)

    def next(self, budget: int) -> Step | None:
        """What to compute now: one token of each answer that writes, and `budget` tokens of prompts.

        Texts that are read for their meaning and answers take turns. None: there is nothing to do before what is in flight has
        settled, or at all.
        """
        self._drop_cancelled()
        if self._waiting or self._put_off or any(not one.background for one in self._running):
            for answer in [one for one in self._running if one.background]:
                self._preempt(answer)
        self._admit()
        for reads in (not self._read_last, self._read_last):
            parts = self._parts(budget, reads)
            if parts:
                self._read_last = reads
                return Step(parts, reads)
        return None

    def advance(self, step: Step) -> None:
        """The step was launched: on the device, whatever comes later finds its keys and values."""
        for part in step.parts:
            if part.answer.over:
                continue
            part.answer.cached = part.stop
            part.answer.pending += part.chooses
            part.answer.tried = len(part.draft)

    def settle(self, part: Part, chosen: list[int]) -> None:
        """A launched part is computed. `chosen` are the tokens that count: the guessed ones that were right, and one more; none
        after a part that does not choose. Harmless for an answer that is over, or has given its pages away."""
        answer = part.answer
        if answer.over:
            return
        stop = part.stop
        if part.chooses:
            answer.written += chosen
            answer.pending -= 1
            answer.lookup.learn(len(part.draft), len(chosen) - 1)
            if answer.tried and answer.pages:  # not where the keys of what was guessed are gone with the pages
                answer.cached = stop = part.stop + len(chosen) - 1
            answer.tried = 0
        self._keep(answer, min(stop, answer.cached, answer.known))

    def finish(self, answer: Answer) -> None:
        """Takes an answer out, wherever it is. What was computed stays for whoever asks the same. Harmless when repeated."""
        answer.over = True
        if answer in self._running:
            self._running.remove(answer)
            self._give_back(answer)
        if answer in self._put_off:
            self._put_off.remove(answer)
        if answer in self._background:
            self._background.remove(answer)
        line = self._waiting.get(answer.owner)
        if line and answer in line:
            line.remove(answer)
            if not line:
                del self._waiting[answer.owner]

    def forget(self) -> None:
        """What the pages hold is void, and so is the step in flight: it is not settled any more. Answers that have begun are
        computed anew."""
        for answer in self.active:
            answer.pending = answer.tried = 0
        for answer in list(self._running):
            self._preempt(answer)
        self.pages.forget()

    def _drop_cancelled(self) -> None:
        lines: list[Iterable[Answer]] = [self._running, self._put_off, self._background, *self._waiting.values()]
        for answer in [answer for line in lines for answer in line if answer.cancelled]:
            self.finish(answer)

    # Who holds pages

    def _admit(self) -> None:
        """Gives pages to those that wait: first to who has had some, then to one owner after the other."""
        while len(self._running) < self._rows:
            if self._put_off:
                if not self._place(self._put_off[0]):
                    return
                self._put_off.pop(0)
            elif self._waiting:
                owner, line = next(iter(self._waiting.items()))
                if not self._place(line[0]):
                    return
                line.popleft()
                self._waiting.move_to_end(owner)
                if not line:
                    del self._waiting[owner]
            elif self._background and not self._running:
                if not self._place(self._background[0]):
                    return
                self._background.popleft()
            else:
                return

    def _place(self, answer: Answer) -> bool:
        """Gives an answer pages for all its tokens, those that are there already first. Its last token is always computed.

        Beside others it begins only where one page more for each of them is left, so that nobody has to give way at once.
        """
        pages, size = self.pages, self.pages.size
        found = pages.find(self._keys(answer, min(answer.total - 1, answer.known) // size))
        needed = -(-answer.total // size) - len(found)
        spare = len(self._running) + (answer.total % size == 0) if self._running else 0
        taken = None
        if needed + spare <= pages.free + pages.kept:
            taken = pages.take(needed, found[-1] if found else None)
        if taken is None:
            pages.give_back(found)
            return False
        if not answer.age:
            answer.age, answer.found = next(self._ages), len(found) * size
            pages.asked += len(answer.prompt)
            pages.found += answer.found
        answer.pages, answer.kept, answer.cached = [*found, *taken], len(found), len(found) * size
        insort(self._running, answer, key=_age)
        return True

    def _grow(self, answer: Answer) -> bool:
        """Gives an answer a page for its last token where it needs one. Younger ones give theirs away for it."""
        while answer.total > len(answer.pages) * self.pages.size:
            taken = self.pages.take(1, answer.pages[-1])
            if taken is not None:
                answer.pages += taken
                continue
            # What was read for its meaning is not kept, and would have to be read from its beginning.
            younger = [other for other in self._running if other.age > answer.age and not other.reads]
            if not younger:
                return False
            self._preempt(younger[-1])
        return True

    def _preempt(self, answer: Answer) -> None:
        """Takes an answer's pages. What they hold can be found until they are given to others."""
        self._running.remove(answer)
        self._give_back(answer)
        if answer.background:
            self._background.appendleft(answer)
            return
        insort(self._put_off, answer, key=_age)
        self.preempted += 1

    def _give_back(self, answer: Answer) -> None:
        # Pages that another answer had computed at the same time may have gone since then: now these count.
        answer.kept = 0
        self._keep(answer, min(answer.cached, answer.known))
        self.pages.give_back(answer.pages)
        self.pages.touch(answer.keys[: answer.kept])
        answer.pages, answer.cached, answer.kept = [], 0, 0

    def _keep(self, answer: Answer, tokens: int) -> None:
        """The first `tokens` of an answer are computed: their full pages can be found."""
        full = tokens // self.pages.size
        if full <= answer.kept:
            return
        chain = self._keys(answer, full)
        if chain:
            for number in range(answer.kept, full):
                self.pages.keep(answer.pages[number], chain[number])
            answer.kept = full

    def _keys(self, answer: Answer, full: int) -> list[bytes]:
        """Those of an answer's first `full` pages; none where nothing is shared."""
        if not answer.shares or answer.reads:
            return []
        have, size = len(answer.keys), self.pages.size
        if have < full:
            answer.keys += keys(answer.tokens(have * size, full * size), size, answer.owner, answer.common, answer.keys)
        return answer.keys[:full]

    # What a step computes

    def _parts(self, budget: int, reads: bool) -> list[Part]:
        writing: list[Answer] = []
        reading: list[Answer] = []
        for answer in self._running:
            if answer.reads == reads and _ready(answer):
                (writing if answer.limit and answer.cached == answer.total - 1 else reading).append(answer)
        if not writing and not reading:
            return []
        # Only younger ones give way, and a part comes after those of older ones: none is made in vain.
        grown = [answer for answer in writing if answer.pages and self._grow(answer)]
        reading = [answer for answer in reading if answer.pages]
        parts = [Part(answer, answer.cached, answer.total, chooses=True) for answer in grown]
        if reading:
            return [*parts, *_chunks(reading, max(budget, 1))]
        return [self._guess(part, answer.drafts // len(parts)) for answer, part in zip(grown, parts, strict=True)]

    def _guess(self, part: Part, most: int) -> Part:
        """Adds tokens to try, where nobody's prompt is read: there the device has time for a few more."""
        answer = part.answer
        if answer.pending or most < 1:
            return part
        answer.lookup.add(answer.tokens(len(answer.lookup), answer.known))
        draft = answer.lookup.propose(min(most, answer.limit - len(answer.written) - 1))
        needed = -(-(answer.total + len(draft)) // self.pages.size) - len(answer.pages)
        answer.pages += (self.pages.take(needed, answer.pages[-1]) if needed > 0 else None) or []
        draft = draft[: len(answer.pages) * self.pages.size - answer.total]
        return Part(answer, part.start, part.stop, draft, chooses=True)


def _age(answer: Answer) -> int:
    return answer.age


def _ready(answer: Answer) -> bool:
    """Whether there is something to compute that can be known now."""
    if answer.tried or answer.cached >= answer.total:
        return False
    return not answer.limit or (answer.pending <= 1 and len(answer.written) + answer.pending < answer.limit)


def _chunks(reading: list[Answer], room: int) -> list[Part]:
    """Shares `room` tokens: half of it for the oldest, so that a long prompt gets on; the rest for those that are nearly read."""
    oldest = reading[0]
    missing = {answer: answer.total - answer.cached for answer in reading}
    sizes = {oldest: min(missing[oldest], -(-room // 2))}
    room -= sizes[oldest]
    for answer in sorted(reading[1:], key=missing.__getitem__):
        sizes[answer] = min(missing[answer], room)
        room -= sizes[answer]
    sizes[oldest] = min(missing[oldest], sizes[oldest] + room)
    return [
        Part(answer, answer.cached, answer.cached + size, chooses=bool(answer.limit) and size == missing[answer])
        for answer, size in sizes.items() if size
    ]
