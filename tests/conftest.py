"""For all tests: nothing is left out in silence. With WEBBOT_TEST_ALL=1 a skipped test fails the session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# These measure times, or the whole machine: beside other tests they would see those.
ALONE = (
    "browser/test_page_away.py", "browser/test_voice", "live/test_exchange.py", "live/test_faults.py",
    "live/test_programs_load.py", "modelhost/", "store/test_sql_faults.py", "store/test_sql_speed.py", "test_server.py",
    "test_scripts.py",
)
ROOT = Path(__file__).parent
ALL = os.environ.get("WEBBOT_TEST_ALL", "").lower() in ("1", "true", "yes", "on")
left_out: list[str] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(ROOT).as_posix().startswith(ALONE):
            item.add_marker("alone")


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
