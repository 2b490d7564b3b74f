"""How quick the stores are with much in them. Run it alone on the machine.

    python benchmarks/conversations.py [--store sqlite] [--store postgresql] [--store redis] [--conversations 10000]
        [--messages 50] [--long 10000] [--rounds 15] [--at URL]

Fills each store with conversations of one owner (texts of about 200 characters from a list of words in which few are common and
many are rare) and with a long one, then measures in a process of its own: the calls of the store, and the pages over them (the
application without a network). PostgreSQL and Redis are started for it with the settings that keep data; `--at` takes an empty
one that runs. Prints one table and writes benchmarks/results/conversations.json. Times are medians; the memory is that of the
measuring process.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from webbot import makers  # noqa: E402
from webbot.errors import Problem  # noqa: E402
from webbot.messages import Conversation, Message, Usage  # noqa: E402
from webbot.settings import load  # noqa: E402
from webbot.store import address  # noqa: E402
from webbot.store.base import Record, Store  # noqa: E402

STORES = ("sqlite", "postgresql", "redis")
OWNER = "home"
WORDS, COMMON, RARE, BEGUN = 5000, "water", "quetzalcoatl", "quetzal"
PAGE = 100  # messages of a page
DAY = 86400.0
REMEMBERED = 59  # messages that fit the window, as a conversation that grew turn by turn has been cut
LONG = "c-long"
USAGE = Usage(prompt_tokens=100, answer_tokens=50, first_token_seconds=0.1, seconds=1.5)
TARGETS = {"list": 50, "search": 200, "open": 100, "turn": 10}  # milliseconds


def words(chance: random.Random) -> list[str]:
    """Words of two to four syllables, none twice."""
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    found: set[str] = set()
    while len(found) < WORDS:
        found.add("".join(chance.choices(syllables, k=chance.randint(2, 4))))
    return sorted(found)


class Texts:
    """Sentences in which the word of rank n comes about 1/n as often as the first, as in languages."""

    def __init__(self) -> None:
        self.chance = random.Random(1)
        self.words = words(self.chance)
        self.chance.shuffle(self.words)
        self.words[20] = COMMON  # in about every tenth message
        weights = [1 / rank for rank in range(1, WORDS + 1)]
        self.sums = [sum(weights[:1])]
        for weight in weights[1:]:
            self.sums.append(self.sums[-1] + weight)

    def some(self, count: int) -> str:
        return " ".join(self.chance.choices(self.words, cum_weights=self.sums, k=count))

    def message(self) -> str:
        return self.some(self.chance.randint(20, 44)).capitalize() + "."


def records(conversations: int, messages: int, long: int) -> Iterator[Record]:
    texts, now = Texts(), time.time()
    kept = {one.name for one in fields(Message)} - {"tool_calls", "tool_call"}
    rare = conversations // 2
    for number in range(conversations + 1):
        last = number == conversations
        id, count = (LONG, long) if last else (f"c{number:06}", messages)
        begun = now - DAY * (conversations - number) / 20
        about = Conversation(
            id=id, owner=OWNER, title=texts.some(4).capitalize(), titled_by="model", pinned=number % 1000 == 7,
            tip=f"{id}m{count:05}" if count else "", version=count + 1, created_at=begun, updated_at=begun + 60 * count,
            remembers_from=max(1, count - REMEMBERED), cut_for="echo",
        )
        yield Record("conversation", id, {**asdict(about), "deleted_at": None})
        parent = ""
        for place in range(1, count + 1):
            text = texts.message()
            if number == rare and place == 3:
                text += f" {RARE.capitalize()}!"
            answer = place % 2 == 0
            id_ = f"{id}m{place:05}"
            message = Message(
                id=id_, role="assistant" if answer else "user", text=text, number=place, parent=parent,
                created_at=begun + 60 * place, tokens=len(text) // 4, counted_by="echo", usage=USAGE if answer else None,
                remembers_from=max(1, place - REMEMBERED) if answer else 0, cut_for="echo" if answer else "",
            )
            parent, given = id_, asdict(message)
            yield Record("message", id_, {name: given[name] for name in kept} | {"conversation": id})


# measuring, in a process of its own


def median(call: Callable[[], Any], rounds: int) -> float:
    """Milliseconds, after one run that is not counted."""
    call()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return round(1000 * statistics.median(taken), 2)


def measured(url: str, rounds: int, searches: bool) -> dict[str, Any]:
    """The figures of a filled store, in milliseconds and MB."""
    store = makers.open_store(address.read(url))
    process, figures = psutil.Process(), {}
    store.conversations(OWNER, limit=1)
    figures["memory before, MB"] = round(process.memory_info().rss / 1e6, 1)
    some = random.Random(2)
    ids = [about.id for about in store.conversations(OWNER, limit=500, offset=3) if about.id != LONG]

    def opened(id: str, before: int | None = None) -> None:
        store.conversation(OWNER, id)
        page = store.messages(OWNER, id, before=before, limit=PAGE)
        store.versions(OWNER, id, [message.id for message in page])
        store.held(OWNER, id)
        store.files(OWNER, id)

    middle = store.conversation(OWNER, LONG).version // 2
    figures["list"] = median(lambda: store.conversations(OWNER, limit=100), rounds)
    figures["list, its end"] = median(lambda: store.conversations(OWNER, limit=100, offset=9000), rounds)
    if searches or not store.searches_texts:
        for name, search in (
            ("rare word", RARE), ("common word", COMMON), ("two words", f"{COMMON} {Texts().words[60]}"), ("word begun", BEGUN),
            ("two letters", "ba"), ("no such word", "xylophone"),
        ):
            figures[f"search, {name}"] = median(lambda search=search: store.conversations(OWNER, search=search), rounds)
    figures["open, 50 messages"] = median(lambda: opened(some.choice(ids)), rounds)
    figures["open, long"] = median(lambda: opened(LONG), rounds)
    figures["open, long, its middle"] = median(lambda: opened(LONG, middle), rounds)
    figures["turn, begin and end"] = median(lambda: turn(store, some.choice(ids)), rounds)
    figures["turn, long"] = median(lambda: turn(store, LONG), rounds)
    figures["memory after, MB"] = round(process.memory_info().rss / 1e6, 1)
    store.close()
    return figures


def turn(store: Store, id: str) -> None:
    """What a turn writes at least: the question with an empty answer, the answer as it grew once, its end."""
    _, answer = store.begin_turn(OWNER, id, Message(role="user", text="And how much water does that take?"))
    store.save_answer(OWNER, id, replace(answer, text="As much as "))
    ended = replace(answer, text="As much as it takes.", status="complete", usage=USAGE)
    store.save_answer(OWNER, id, ended)


def pages(url: str, rounds: int) -> dict[str, Any]:
    """The same over the pages of the application, without a network and without a browser."""
    os.environ["WEBBOT_STORE"] = url
    from webbot.factory import create_app
    from webbot.services import Services

    figures, process = {}, psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        places = {name: Path(folder) / name for name in ("data", "certs")}
        services = Services.open(load(engine="echo", speech=False, owner="home", **places))
        try:
            client = create_app(services).test_client()

            def get(path: str) -> None:
                answer = client.get(path, base_url="https://localhost:8443")
                assert answer.status_code == 200, answer.text[:300]

            get("/list")
            figures["memory before, MB"] = round(process.memory_info().rss / 1e6, 1)
            ids = [about.id for about in services.store.conversations(OWNER, limit=rounds + 5, offset=3) if about.id != LONG]
            middle = services.store.conversation(OWNER, LONG).version // 2
            figures["list"] = median(lambda: get("/list"), rounds)
            figures["search, rare word"] = median(lambda: get(f"/list?q={RARE}"), rounds)
            figures["search, common word"] = median(lambda: get(f"/list?q={COMMON}"), rounds)
            paths = iter([f"/c/{id}" for id in ids])
            figures["open, 50 messages"] = median(lambda: get(next(paths)), min(rounds, len(ids) - 1))
            figures["open, 50 messages, again"] = median(lambda: get(f"/c/{ids[0]}"), rounds)
            figures["open, long"] = median(lambda: get(f"/c/{LONG}"), rounds)
            figures["open, long, its middle"] = median(lambda: get(f"/c/{LONG}?before={middle}"), rounds)
            figures["memory after, MB"] = round(process.memory_info().rss / 1e6, 1)
        finally:
            services.close()
    return figures


# the whole


@contextlib.contextmanager
def place(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty store of that kind."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/webbot.db"
        return
    from tests import servers

    class Lasting(servers.PostgresServer):
        """As a package installs it, but for the place."""

        SETTINGS = ("listen_addresses=", "shared_buffers=128MB", "lc_messages=C")

    if kind == "postgresql":
        database = Lasting()
        try:
            yield database.url()
        finally:
            database.remove()
    else:
        redis = servers.RedisServer(appendfsync="everysec")
        try:
            yield redis.url()
        finally:
            redis.stop()


def run(url: str, given: argparse.Namespace) -> dict[str, Any]:
    store = makers.open_store(address.read(url))
    began = time.perf_counter()
    store.take(records(given.conversations, given.messages, given.long))
    figures: dict[str, Any] = {"filled, s": round(time.perf_counter() - began, 1)}
    store.close()
    for name in ("measured", "pages"):
        command = [sys.executable, __file__, "--measure", name, "--rounds", str(given.rounds)]
        environment = os.environ | {"BENCHMARK_STORE": url}  # a password on the command line would be seen by others
        asked = subprocess.run(command, text=True, check=False, stdout=subprocess.PIPE, env=environment)
        if asked.returncode == 0:
            figures |= {f"page: {name_}" if name == "pages" else name_: value
                        for name_, value in json.loads(asked.stdout.splitlines()[-1]).items()}
    return figures


def report(results: dict[str, dict[str, Any]], given: argparse.Namespace) -> None:
    names = list(dict.fromkeys(name for figures in results.values() for name in figures))
    print(f"\n{given.conversations} conversations of {given.messages} messages, one of {given.long}; milliseconds, medians")
    print(f"{'':34}" + "".join(f"{kind:>12}" for kind in results) + f"{'target':>9}")
    for name in names:
        target = next((value for word, value in TARGETS.items() if re.match(rf"(page: )?{word}\b", name)), "")
        print(f"{name:34}" + "".join(f"{figures.get(name, ''):>12}" for figures in results.values()) + f"{target:>9}")
    folder = ROOT / "benchmarks" / "results"
    folder.mkdir(exist_ok=True)
    written = {
        "machine": platform.processor() or platform.machine(), "processors": os.cpu_count(), "python": platform.python_version(),
        "conversations": given.conversations, "messages": given.messages, "long": given.long, "targets_ms": TARGETS,
        "figures": results,
    }
    (folder / "conversations.json").write_text(json.dumps(written, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", action="append", choices=STORES)
    parser.add_argument("--at", action="append", default=[], metavar="URL", help="an empty store that runs")
    parser.add_argument("--conversations", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=50)
    parser.add_argument("--long", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--measure", choices=["measured", "pages"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        url = os.environ["BENCHMARK_STORE"]
        print(json.dumps(measured(url, given.rounds, True) if given.measure == "measured" else pages(url, given.rounds)))
        return
    results: dict[str, dict[str, Any]] = {}
    for kind in given.store or (() if given.at else STORES):
        with tempfile.TemporaryDirectory() as folder, place(kind, Path(folder)) as url:
            results[kind] = run(url, given)
            report(results, given)
    for url in given.at:
        results[address.read(url).shown] = run(url, given)
    report(results, given)


if __name__ == "__main__":
    try:
        main()
    except Problem as problem:
        sys.exit(str(problem))
