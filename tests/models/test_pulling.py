"""A download's process: what it tells, how it fails, how it is ended."""

import json
import sys
import threading
import time

import psutil
import pytest

from webbot.errors import DiskFull, Unavailable
from webbot.modelhost import frames
from webbot.models.pulling import Pull


def step(done, total, sentence="Downloading.", **more):
    return json.dumps({"done": done, "total": total, "sentence": sentence} | more)


def printing(*lines, status=0, after=""):
    program = f"import sys, time\nfor line in {lines!r}:\n    print(line, flush=True)\n{after}\nsys.exit({status})"
    return [sys.executable, "-S", "-c", program]


def run(command):
    told, pull = [], Pull("a model", command)
    pull.run(lambda progress, sentence: told.append((progress, sentence)))
    return told, pull


def test_steps_are_told():
    told, pull = run(printing(step(0, 0, "Asking."), step(5, 10), "garbage", "[]", "{}", step(20, 10)))
    assert told == [(None, "Asking."), (0.5, "Downloading."), (1.0, "Downloading.")]
    assert (pull.done, pull.total) == (20, 10)


def test_the_last_sentence_says_what_went_wrong():
    full = DiskFull("{missing} GB are missing.", missing=3)
    with pytest.raises(Unavailable) as raised:
        run(printing(step(5, 10), step(0, 0, str(full), problem=frames.pack_problem(full)), status=1))
    assert (str(raised.value), raised.value.sentence, raised.value.values) == ("3 GB are missing.", "{missing} GB are missing.",
                                                                              {"missing": 3})


@pytest.mark.parametrize("lines", [(), (step(1, 2),), (step(0, 0, problem={}),), (step(0, 0, problem=[1]),)])
def test_a_crash_is_a_sentence(lines):
    with pytest.raises(Unavailable, match="log"):
        run(printing(*lines, status=3))


def test_a_command_that_is_not_there():
    with pytest.raises(Unavailable, match="cannot be started"):
        run(["/no/such/program"])


def test_cancel_ends_it_at_once():
    pull, told, problems = Pull("a model", printing(step(1, 10), after="time.sleep(60)")), [], []

    def work():
        try:
            pull.run(lambda progress, sentence: told.append(psutil.Process().children()))
        except Unavailable as problem:
            problems.append(str(problem))

    thread = threading.Thread(target=work)
    thread.start()
    until = time.monotonic() + 20
    while not told and time.monotonic() < until:
        time.sleep(0.01)
    pull.cancel()
    thread.join(10)
    assert problems and "was stopped" in problems[0]
    assert not any("sleep(60)" in " ".join(_command(process)) for process in told[0])
    with pytest.raises(Unavailable, match="was stopped"):
        pull.run(lambda progress, sentence: None)


def test_an_interrupted_reader_ends_the_process():
    started = []

    def tell(progress, sentence):
        started.extend(psutil.Process().children())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Pull("a model", printing(step(1, 10), after="time.sleep(60)")).run(tell)
    assert started and not any("sleep(60)" in " ".join(_command(process)) for process in started)


def _command(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []
