"""For all tests: nothing is left out in silence. With WEBBOT_TEST_ALL=1 a skipped test fails the session."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

# run_tests.sh runs the tests in three parts. These measure times as short as a moment: each for itself.
ALONE = ("modelhost/", "store/test_sql_speed.py")
# These mostly wait, and measure how long: they are beside one another, where the machine has time for them.
CALM = (
    "live/test_faults.py", "browser/test_voice", "live/test_programs_load.py", "browser/test_page_away.py", "test_server.py",
    "live/test_workers.py", "live/test_crash.py", "live/test_store_faults.py", "store/test_sql_faults.py",
    "store/test_redis_faults.py",
    "test_scripts.py",
)
PARTS = {"alone": ALONE, "calm": CALM}
REST = "not alone and not calm"
# The rest is shared by as many processes as there are processors, a file to each; these go to the same one, because they share a
# model or a server. What takes long comes first, so that all are done at the same time.
TOGETHER = ("engines/", "peers/test_openai", "peers/test_l", "peers/test_npm", "speech/")
FIRST = (
    "engines/", "speech/", "peers/test_schemathesis.py", "peers/", "live/test_exchange.py", "web/v1/test_audio_doors.py",
    "live/test_faults.py", "live/test_programs_load.py", "browser/", "live/",
)
ROOT = Path(__file__).parent
ALL = os.environ.get("WEBBOT_TEST_ALL", "").lower() in ("1", "true", "yes", "on")
left_out: list[str] = []


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""


def part_of(name: str) -> str:
    return next((part for part, names in PARTS.items() if name.startswith(names)), "")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files that have no test of the part are not read: with torch and others that they import, that takes long."""
    wanted, name = config.option.markexpr, name_of(collection_path)
    if collection_path.suffix != ".py" or wanted not in (*PARTS, REST) or part_of(name) == wanted:
        return None
    unwanted = part_of(name) != "" if wanted == REST else f"mark.{wanted}" not in collection_path.read_text()
    return True if unwanted else None


def pytest_make_parametrize_id(val: Any, argname: str) -> str | None:
    """All processes must know a test by the same name, so none is made of what may carry the time: bytes and large numbers."""
    return argname if isinstance(val, bytes) or (isinstance(val, int | float) and abs(val) >= 1e9) else None


def pytest_configure(config: pytest.Config) -> None:
    """Whoever starts the tests in the background may have Ctrl-C ignored; the programs under test would inherit that."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next((number for number, name in enumerate(FIRST) if name_of(item.path).startswith(name)), len(FIRST))

    for item in items:
        part = part_of(name_of(item.path))
        if part and item.get_closest_marker("alone") is None:
            item.add_marker(part)
    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            name = super()._split_scope(nodeid)
            return next((shared for shared in TOGETHER if name.removeprefix("tests/").startswith(shared)), name)

    return Together(config, log) if config.option.dist == "loadfile" else None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _note(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _note(report)


def _note(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        left_out.append(f"{report.nodeid}: {reason}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if ALL and left_out and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if ALL and left_out:
        terminalreporter.section("left out, though WEBBOT_TEST_ALL asks for all", red=True)
        for line in left_out:
            terminalreporter.write_line(line)
