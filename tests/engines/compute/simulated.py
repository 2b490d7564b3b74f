"""A device that computes nothing, but remembers what each place of the cache holds, and checks all that is done with it.

The keys of a token are one number that covers it and all tokens before it, and the model's next token is a hash of the same: an
answer's text is known beforehand, and a page that holds what it should not is seen at once. Steps happen on the device in the
order in which they are launched; their tokens may be read one step late.
"""

from random import Random

from webbot.engines.compute.answer import Answer
from webbot.engines.compute.pages import Pages
from webbot.engines.compute.scheduler import Scheduler
from webbot.errors import NoMemory, TooMany

VOCABULARY, END = 4, 0
BEGINNINGS = [[1, 2, 3, 1, 2, 3, 1, 2], [1, 2, 3, 3, 3, 3], [2, 2], []]
MOST_STEPS = 3000


def follow(before, token):
    return (before * 1000003 ^ (token + 7) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF


def next_token(content):
    return END if content % 23 == 0 else 1 + (content >> 20) % (VOCABULARY - 1)


class Truth:
    """What an answer must become: its tokens and, at each place, what the cache holds there."""

    def __init__(self, prompt, limit):
        self.tokens, self.contents = [], []
        for token in prompt:
            self.add(token)
        self.written = []
        while len(self.written) < limit and self.written[-1:] != [END]:
            self.written.append(next_token(self.contents[-1]))
            self.add(self.written[-1])

    def add(self, token):
        self.tokens.append(token)
        self.contents.append(follow(self.contents[-1] if self.contents else 0, token))


class Device:
    """Pages of `size` places, and who wrote them."""

    def __init__(self, count, size):
        self.size = size
        self.memory = [[None] * size for _ in range(count)]
        self.writers = [None] * count

    def compute(self, part, truth, scheduler):
        """Does one part: the tokens that it chooses, one after its last token and after each guessed one."""
        answer, size, pages = part.answer, self.size, part.answer.pages
        assert part.start + part.size <= len(pages) * size, "beyond its pages"
        assert len(set(pages)) == len(pages)
        for number in range(-(-part.start // size)):
            held = min(part.start - number * size, size)
            expected = truth.contents[number * size : number * size + held]
            assert self.memory[pages[number]][:held] == expected, "not what it should find"
            writer = self.writers[pages[number]]
            assert writer is answer or (
                answer.shares and not answer.reads and writer.shares and not writer.reads
                and (writer.owner == answer.owner or (number + 1) * size <= min(answer.common, writer.common))
            ), "somebody else's"
        for page in pages[part.start // size : -(-(part.start + part.size) // size)]:
            assert scheduler.pages._uses[page] == 1, "written by two"
            assert scheduler.pages._keys[page] is None, "what others may find changes"
        content = truth.contents[part.start - 1] if part.start else 0
        chosen = []
        for place, token in enumerate([*truth.tokens[part.start : part.stop], *part.draft], part.start):
            page = pages[place // size]
            content = follow(content, token)
            self.memory[page][place % size], self.writers[page] = content, answer
            if part.chooses and place >= part.stop - 1:
                chosen.append(next_token(content))
        return chosen


class Run:
    """One schedule, from its seed."""

    def __init__(self, seed):
        self.random = random = Random(seed)
        size = random.choice([1, 2, 2, 3, 4])
        self.pages = Pages(random.randint(14, 32) // size, size)
        self.rows = random.randint(1, 5)
        self.scheduler = Scheduler(self.rows, self.pages, random.randint(0, 8), random.randint(1, 6))
        self.device = Device(self.pages.count, size)
        self.budget, self.late = random.randint(1, 12), random.random() < 0.6
        self.trouble = random.random() < 0.3  # cancels and failures
        self.truths, self.flight, self.said, self.read = {}, None, set(), {}
        self.refused = self.steps = self.accepted = 0

    def do(self):
        to_come = self.random.randint(1, 5)
        while True:
            while to_come and self.random.random() < 0.7:
                self.submit(self.answer())
                to_come -= 1
            if self.trouble:
                self.make_trouble()
            step = self.scheduler.next(self.budget)
            self.check()
            if step is None and self.flight is None and not to_come:
                break
            self.launch(step)
            self.steps += 1
            assert self.steps < MOST_STEPS, "no progress"
        self.check_end()

    def answer(self):
        random = self.random
        prompt = [*random.choice(BEGINNINGS), *random.choices(range(1, VOCABULARY), k=random.randint(1, 10))]
        if self.truths and random.random() < 0.4:  # a conversation goes on, or a branch of it
            earlier = random.choice(list(self.truths.values())).tokens
            prompt = [*earlier[: random.randint(1, len(earlier))], *prompt[-random.randint(1, 2) :]]
        kind = random.random()
        answer = Answer(
            prompt=prompt, limit=0 if kind < 0.2 else random.randint(1, 12), owner=random.choice("ab"),
            common=random.choice([0, 0, 4, 8]), shares=random.random() < 0.9, background=kind < 0.1, reads=0.1 <= kind < 0.2,
            drafts=random.choice([0, 0, 2, 5]),
        )
        answer.common = min(answer.common, len(prompt))
        return answer

    def submit(self, answer):
        try:
            self.scheduler.submit(answer)
        except (TooMany, NoMemory):
            self.refused += 1
            return
        self.truths[answer] = Truth(answer.prompt, answer.limit)

    def make_trouble(self):
        luck = self.random.random()
        if luck < 0.05 and self.truths:
            self.random.choice(list(self.truths)).cancelled = True
        elif luck < 0.07:
            self.flight = None
            self.scheduler.forget()
            self.read.clear()
            self.device = Device(self.pages.count, self.pages.size)
        elif luck < 0.1 and self.truths:
            self.scheduler.finish(self.random.choice(list(self.truths)))

    def launch(self, step):
        before, self.flight = self.flight, None
        if step is not None:
            assert step.parts
            assert len({part.answer for part in step.parts}) == len(step.parts)
            chosen = [self.compute(part, step, before) for part in step.parts]
            self.scheduler.advance(step)
            self.flight = list(zip(step.parts, chosen, strict=True))
        if before is not None:
            self.settle(before)
        if self.flight is not None and not self.late:
            before, self.flight = self.flight, None
            self.settle(before)

    def compute(self, part, step, before):
        answer, truth = part.answer, self.truths[part.answer]
        assert part.start < part.stop <= answer.total
        assert part.chooses == (part.stop == answer.total and answer.limit > 0)
        assert step.reads == answer.reads
        if answer.reads:  # what was read for its meaning is not read twice
            assert part.start == self.read.get(answer, 0)
            self.read[answer] = part.stop
        visible = answer.tokens(part.start, part.stop)
        if len(visible) < part.stop - part.start:  # only the token that the step in flight chooses
            assert len(visible) == part.stop - part.start - 1
            assert [len(other.draft) for other, _ in before if other.answer is answer and other.chooses] == [0]
        assert truth.tokens[part.start : part.start + len(visible)] == visible
        assert len(answer.written) + answer.pending + len(part.draft) + part.chooses <= answer.limit
        assert part.stop <= len(truth.tokens)
        return self.device.compute(part, truth, self.scheduler)

    def settle(self, flight):
        for part, chosen in flight:
            answer = part.answer
            kept = []
            for token, guessed in zip(chosen, [*part.draft, None], strict=False):
                kept.append(token)
                if token == END or token != guessed:
                    break
            self.accepted += max(len(kept) - 1, 0)
            self.scheduler.settle(part, kept)
            if answer.over:
                continue
            if answer.limit == 0:
                done = part.stop == len(answer.prompt)
            else:
                done = answer.written[-1:] == [END] or len(answer.written) >= answer.limit
            if done:
                assert answer.written == self.truths[answer].written
                self.said.add(answer)
                self.scheduler.finish(answer)

    def check(self):
        pages, running = self.pages, self.scheduler._running
        assert pages.used + pages.kept + pages.free == pages.count
        assert sum(pages._uses) == sum(len(answer.pages) for answer in running)
        assert len(running) + len(self.scheduler._put_off) <= self.rows
        assert len({answer.background for answer in running}) < 2

    def check_end(self):
        pages = self.pages
        assert (pages.used, self.scheduler.active, self.scheduler.waiting) == (0, [], 0)
        for answer, truth in self.truths.items():
            assert answer.over
            assert answer in self.said or self.trouble
            held = [key in pages._pages for key in answer.keys]
            assert held == sorted(held, reverse=True), "a page is kept whose beginning is gone"
            for number, key in enumerate(answer.keys[: sum(held)]):
                expected = truth.contents[number * pages.size : (number + 1) * pages.size]
                assert self.device.memory[pages._pages[key]] == expected
