"""`python -m webbot bench`: what it asks of the process that measures, and what it shows of the answer."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from webbot import cli

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("WEBBOT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("WEBBOT_MODELS", str(tmp_path / "models"))


@pytest.mark.parametrize(("options", "status", "told"), [
    (["--streams", "1,x"], 2, "--streams"),
    (["--streams", "0"], 2, "--streams"),
    (["--tokens", "3"], 2, "--tokens"), (["--tokens", "0"], 2, "--tokens"), (["--output", "/dev/null/x"], 2, "--output"),
    (["--context", "0"], 2, "--context"),
    (["--model", "no-such-model"], 1, "no-such-model"),
])
def test_wrong_wishes_are_told_before_anything_is_loaded(options, status, told, capsys):
    assert cli.main(["bench", *options]) == status
    assert told in capsys.readouterr().err


def test_a_shape_and_a_model_exclude_each_other(capsys):
    with pytest.raises(SystemExit):
        cli.main(["bench", "--shape", "1b", "--model", "starter"])
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.model
def test_a_quick_run_on_the_starter(tmp_path, capfd, monkeypatch):
    """All the way: the process, both sides, the table and the files."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # threads that wait for a busy core take longest of all
    status = cli.main(["bench", "--model", "starter", "--device", "cpu", "--quick", "--streams", "2", "--context", "20",
                       "--tokens", "8", "--output", str(tmp_path / "out")])
    told = capfd.readouterr()
    assert status == 0 and "Tokens per second" in told.out and "First token" in told.out
    found = json.loads((tmp_path / "out" / "bench.json").read_text())
    row = found["rates"][0]
    assert (row["streams"], row["context"]) == (2, 20) and row["webbot"] > 0 and row["generate"] > 0 and row["limit"] > 0
    assert [each["what"] for each in found["left_out"]] == ["generate, compiled", "transformers' batching"]
    assert len(found["waits"]) == 5 and all(each["webbot"] >= 0 for each in found["waits"])
    assert (tmp_path / "out" / "bench.md").read_text().startswith("# ")
    assert "</svg>" in (tmp_path / "out" / "bench.svg").read_text()


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_behind(tmp_path):
    """Sent as a terminal does, to both processes."""
    command = [sys.executable, "-m", "webbot", "bench", "--model", "starter", "--device", "cpu"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr.readline() == "Loading torch.\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 130
    assert "Traceback" not in process.stderr.read()
    with pytest.raises(ProcessLookupError):
        until = time.monotonic() + 10
        while time.monotonic() < until:
            os.killpg(process.pid, 0)
            time.sleep(0.05)
