"""The process that measures: `python -m webbot.engines.bench JSON`, the fields of `wanted.Wanted`.

It tells on stderr what it does, and writes the result after each part of it: what was measured before Ctrl-C stays.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

from webbot.engines.bench.wanted import Wanted
from webbot.errors import Problem
from webbot.modelhost import apart


def main() -> int:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    try:
        Bench(Wanted(**json.loads(sys.argv[1]))).run()
    except Problem as problem:
        _say(f"webbot: {problem}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _end_with_parent() -> None:
    """stdin is a pipe that only the command holds."""
    while os.read(sys.stdin.fileno(), 65536):
        pass
    os._exit(1)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class Bench:
    """One run. `result` is what webbot.engines.bench describes."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.result: dict[str, Any] = {"rates": [], "waits": [], "checks": [], "left_out": []}

    def run(self) -> None:
        _say("Loading torch.")
        if self.wanted.check:
            self._check()
        self._measure()

    def _save(self) -> None:
        file = Path(self.wanted.result)
        unfinished = file.with_suffix(".part")
        unfinished.write_text(json.dumps(self.result, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(file)

    def _left(self, what: str, why: str) -> None:
        _say(f"left out: {what}. {why}")
        self.result["left_out"].append({"what": what, "why": why})

    def _check(self) -> None:
        from webbot.engines.bench import check

        rows = check.rows(self.wanted, _say)
        while (row := apart(lambda: next(rows, None))) is not None:
            _say(f"{'ok   ' if row['well'] else 'WRONG'}  {row['what']}: {row['found']}")
            self.result["checks"].append(row)

    def _measure(self) -> None:
        from webbot.engines.bench import bandwidth, measuring
        from webbot.engines.bench.subject import bring

        subject = apart(lambda: bring(self.wanted, _say))
        self.result |= measuring.described(subject, self.wanted)
        _say("Measuring the memory.")
        self.result["bandwidth"] = subject.alone(lambda: bandwidth.measure(subject.device, subject.loaded.precision))
        self._save()
        run = measuring.Measuring(subject, self.wanted, max(self.result["bandwidth"].values()), self._left, _say)
        self.result["threads"] = run.threads
        for part, row in run.rows():
            self.result[part].append(row)
            self._save()


if __name__ == "__main__":
    sys.exit(main())
