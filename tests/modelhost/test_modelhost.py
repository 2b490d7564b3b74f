"""A model's process: started, asked, cancelled, lost, hung, restarted, ended."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from webbot.errors import TooMany, Unavailable
from webbot.modelhost import ModelHost

WORKER = str(Path(__file__).with_name("counting_worker.py"))


def until(condition, seconds=15.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def make(tmp_path):
    made = []

    def make(mode="count", patience=10.0):
        host = ModelHost(
            "counting", [sys.executable, WORKER, mode, str(tmp_path / "notes")], runtime=tmp_path, patience=patience,
            environment={"PYTHONPATH": str(Path(__file__).parents[2])},
        )
        made.append(host)
        host.start()
        return host

    yield make
    for host in made:
        host.stop()


@pytest.fixture
def ready(make):
    host = make()
    assert until(lambda: host.state().status == "ready")
    return host


def frames_of(host, **request):
    return [frame for frame in host.ask(request) if frame]


def test_figures_come_with_the_signs_of_life(ready):
    frames_of(ready, do="count", to=5)
    assert until(lambda: ready.figures == {"counted": 5})
    pid = ready.pid
    frames_of(ready, do="count", to=8)
    assert until(lambda: ready.figures == {})  # what fails while it is taken takes no model with it
    assert ready.pid == pid and frames_of(ready, do="count", to=1)


def test_a_request_is_answered_in_order_with_its_bytes(ready):
    assert ready.state().info == {"context": 7}
    answer = [frame for frame in ready.ask({"do": "count", "to": 3}, b"x" * 3_000_000) if frame]
    assert answer == [{"number": 0}, {"number": 1}, {"number": 2}, {"bytes": 3_000_000}]


def test_a_problem_arrives_as_itself(ready):
    with pytest.raises(TooMany, match="At most 3 at once") as caught:
        frames_of(ready, do="refuse")
    assert caught.value.retry_after == 9


def test_a_bug_of_the_worker_is_one_sentence_and_the_process_lives_on(ready):
    with pytest.raises(Unavailable, match="failed on this request"):
        frames_of(ready, do="break")
    assert frames_of(ready, do="count", to=1)[0] == {"number": 0}


def test_closing_the_generator_reaches_the_worker_at_once(ready, tmp_path):
    answer = ready.ask({"do": "wait"})
    assert next(answer) == {}, "while nothing comes there are ticks"
    answer.close()
    left = time.time()
    notes = tmp_path / "notes"
    assert until(lambda: notes.exists() and notes.read_text(), 5)
    assert float(notes.read_text().split()[1]) - left < 0.2


def test_a_lost_process_ends_the_answer_and_comes_back(ready):
    before = ready.pid
    with pytest.raises(Unavailable, match="lost"):
        frames_of(ready, do="die")
    assert until(lambda: ready.pid != before and ready.state().status == "ready")
    assert frames_of(ready, do="count", to=1)[0] == {"number": 0}


@pytest.mark.slow
def test_a_hung_process_is_killed_after_the_patience(make):
    host = make(patience=2.0)
    assert until(lambda: host.state().status == "ready")
    before = host.pid
    started = time.monotonic()
    with pytest.raises(Unavailable):
        frames_of(host, do="stop")
    assert time.monotonic() - started < 15
    assert until(lambda: host.pid != before and host.state().status == "ready")


@pytest.mark.slow
def test_a_computation_that_hangs_is_noticed_though_nobody_waits_for_it(make):
    host = make(patience=2.0)
    assert until(lambda: host.state().status == "ready")
    before = host.pid
    assert frames_of(host, do="stick") == [{"number": 0}]
    assert host.state().status == "ready", "the process itself gives signs of life on"
    assert until(lambda: host.pid != before and host.state().status == "ready")


@pytest.mark.slow
def test_a_process_that_begins_anew_has_not_crashed(make):
    host = make()
    for _ in range(6):  # one more than crashes are forgiven
        assert until(lambda: host.state().status == "ready")
        with pytest.raises(Unavailable):
            frames_of(host, do="anew")
        until(lambda before=host.pid: host.pid != before)
    assert until(lambda: host.state().status == "ready")


def test_a_model_knows_no_secrets_and_reaches_nobody(make, monkeypatch):
    secrets = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "LLM__CREDS", "GITHUB_TOKEN",
               "CUDA_LICENSE_KEY", "HTTPS_PROXY", "HF_ENDPOINT", "DATABASE_URL", "KUBECONFIG", "WEBBOT_ACCESS_CODE")
    for name in secrets:
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(0)
        host = make()
        assert until(lambda: host.state().status == "ready")
        (seen,) = frames_of(host, do="look", port=canary.getsockname()[1])
        assert not set(secrets) & set(seen["names"])
        assert {"PATH", "CUDA_VISIBLE_DEVICES"} <= set(seen["names"])
        if may_leave_the_network():
            assert not seen["reached"]
            with pytest.raises(BlockingIOError):
                canary.accept()


def may_leave_the_network():
    ran = subprocess.run([sys.executable, "-c", "from webbot.modelhost import network; print(network.leave())"],
                         cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    return ran.stdout.strip() == "True"


def test_what_cannot_be_loaded_is_said_and_not_tried_again(make):
    host = make("unusable")
    assert until(lambda: host.state().status == "failed")
    assert host.state().sentence == "The folder nowhere holds no model."
    with pytest.raises(Unavailable, match="nowhere"):
        frames_of(host, do="count", to=1)


@pytest.mark.slow
def test_after_five_crashes_it_stays_down(make):
    host = make("crash")
    assert until(lambda: host.state().status == "failed", 60)
    assert "crashed several times" in host.state().sentence


def test_stop_leaves_nothing_behind(ready):
    process = psutil.Process(ready.pid)
    ready.stop()
    assert not process.is_running()
    assert not ready.socket_path.exists()


def test_the_process_ends_when_its_parent_is_killed(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from webbot.modelhost import ModelHost\n"
        f"h = ModelHost('c', [sys.executable, {WORKER!r}, 'count', {str(tmp_path / 'n')!r}], runtime=Path({str(tmp_path)!r}),\n"
        f"              environment={{'PYTHONPATH': {str(Path(__file__).parents[2])!r}}})\n"
        "h.start()\n"
        "while h.state().status != 'ready': time.sleep(0.01)\n"
        "print(h.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    assert until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 5)
