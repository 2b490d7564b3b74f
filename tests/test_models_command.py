"""`webbot models ...` as a person types it: without a server, with one, at a terminal, and against a small hub."""

import io
import json
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from huggingface_hub import constants

from tests.models.hub_server import Hub
from webbot import cli, progress
from webbot.models import catalog, choice, control, manifest
from webbot.models.catalog import STARTER
from webbot.models.control import ask
from webbot.settings import ROOT, Settings
from webbot.surroundings import process_environment

NAME = catalog.ENTRIES[0].repositories[0]


@pytest.fixture
def hub(monkeypatch, tmp_path):
    opened = Hub({NAME: STARTER, "somebody/tiny": STARTER})
    monkeypatch.setenv("HF_ENDPOINT", opened.address)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    yield opened
    opened.close()


@pytest.fixture
def models(capsys, tmp_path, monkeypatch):
    """Runs the command in this process: exit status, output, errors."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in list(process_environment()):
        if name.startswith("WEBBOT_"):
            monkeypatch.delenv(name)

    def run(*arguments):
        places = ["--data", str(tmp_path / "data"), "--models", str(tmp_path / "models")]
        try:
            status = cli.main(["models", *arguments, *places])
        except SystemExit as left:
            status = left.code
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return status, told.out, told.err

    return run


def put(folder, repository=""):
    shutil.copytree(STARTER, folder)
    if repository:
        files = {"model.safetensors": manifest.File((STARTER / "model.safetensors").stat().st_size, "0" * 64)}
        manifest.write(folder, manifest.Manifest(repository=repository, revision="f" * 40, files=files))


# without a server


def test_the_list_without_a_server(models, tmp_path):
    put(tmp_path / "models" / "mine")
    status, out, _ = models()
    assert status == 0
    assert re.search(r"^\* +starter +The starter +local +27 MB +here: /", out, re.MULTILINE)
    assert re.search(r"^ +llama-3\.2-1b +Llama 3\.2 1B +local +2\.49 GB +not here: .*pull llama-3\.2-1b$", out, re.MULTILINE)
    assert re.search(r"^ +mine +mine +local +27 MB +here: .*/models/mine$", out, re.MULTILINE)
    assert re.search(r"^\* +whisper-starter ", out, re.MULTILINE)
    assert "no server is running" in out
    rows = {row["name"]: row for row in json.loads(models("list", "--json")[1])}
    assert [name for name, row in rows.items() if row["serves"]] == ["whisper-starter", "starter"]
    assert (rows["mine"]["status"], rows["mine"]["kind"], rows["llama-3.2-1b"]["path"]) == ("here", "local", "")
    assert rows["mine"]["needs"] > 400_000_000


@pytest.mark.parametrize(("arguments", "status", "words"), [
    (("pull",), 2, "Which model?"), (("nonsense",), 2, "invalid choice"), (("pull", "no/such/thing"), 1, "no/such/thing"),
    (("info", "nothing"), 1, "no model 'nothing'"), (("use", "/etc"), 1, "/etc"), (("remove", "starter"), 1, "a part of webbot"),
    (("remove", "llama-3.2-1b"), 1, "not on this machine"), (("pull", "llama-3.2-1b", "--offline"), 1, "WEBBOT_OFFLINE"),
    (("load", "llama-3.2-1b", "--offline"), 1, "WEBBOT_OFFLINE"),
    (("use", "whisper-starter"), 2, "--speech-model whisper-starter"),
    (("remove", "mine", "--yes"), 1, "not downloaded by webbot"), (("remove", "ours"), 2, "--yes"),
    (("pull", "mine", "--model", "/no/such/folder"), 0, ""),
])
def test_wrong_use_is_one_line(models, tmp_path, arguments, status, words):
    put(tmp_path / "models" / "mine")
    put(tmp_path / "models" / "somebody--ours", "somebody/ours")
    found, _, err = models(*arguments)
    assert (found, words in err) == (status, True), err
    if words and status == 1:
        assert len(err.strip().splitlines()) == 1
    assert (tmp_path / "models" / "mine").exists() and (tmp_path / "models" / "somebody--ours").exists()


def test_a_choice_for_the_next_start(models, tmp_path):
    put(tmp_path / "models" / "mine", "somebody/mine")
    assert models("use", "mine")[:2] == (0, "mine answers when the server starts.\n")
    assert choice.kept(Settings(data=tmp_path / "data")) == "mine"
    assert re.search(r"^\* +mine ", models()[1], re.MULTILINE)
    assert "answers when the server starts" in models("remove", "mine", "--yes")[2]
    assert models("use", "starter")[0] == 0
    status, out, _ = models("remove", "mine", "--yes")
    assert (status, out) == (0, "mine is deleted; 27 MB are free again.\n")
    assert not (tmp_path / "models" / "mine").exists()


def test_a_model_larger_than_the_memory_is_refused_with_figures(models, tmp_path):
    put(tmp_path / "models" / "mine")
    status, _, err = models("use", "mine", "--model-memory", "0.3", "--context", "1024", "--precision", "bfloat16")
    assert status == 1
    assert "models may take 0.3 GB here (WEBBOT_MODEL_MEMORY)" in err
    assert "mine (0.4 GB)" in err or "mine needs 0.4 GB" in err
    assert choice.kept(Settings(data=tmp_path / "data")) == ""


def test_what_is_known_of_a_model(models, tmp_path):
    put(tmp_path / "models" / "somebody--ours", "somebody/ours")
    status, out, _ = models("info", "ours")
    assert status == 0
    for line in (r"architecture +LlamaForCausalLM", r"parameters +13,375,872", r"context +2,048", r"template +yes", r"fits +yes",
                 r"from +somebody/ours", r"revision +f{40}", r"needs +\d+ MB", r"quantisation +bfloat16"):
        assert re.search(f"^{line}$", out, re.MULTILINE), line
    facts = json.loads(models("info", "ours", "--json")[1])
    assert (facts["parameters"], facts["damage"], facts["fits"]) == (13_375_872, "", True)
    status, out, _ = models("info", "ours", "--check")
    assert status == 1
    assert "model.safetensors is not what was downloaded" in out
    (tmp_path / "models" / "somebody--ours" / "model.safetensors").write_bytes(b"cut")
    status, out, _ = models("info", "ours")
    assert status == 1
    assert "model.safetensors is truncated" in out
    assert "sha256 ed3a0b6b" in models("info", "whisper-base")[1]


# pull


@pytest.mark.slow
def test_pull_shows_how_far_it_is(models, hub, tmp_path):
    status, out, err = models("pull", "llama-3.2-1b")
    assert status == 0, err
    lines = out.splitlines()
    assert lines[0] == "Asking the model hub."
    assert re.fullmatch(r"Downloading the model\.  100%  27 MB of 27 MB.*", lines[-3])
    assert lines[-2:] == [f"Llama 3.2 1B is here: {tmp_path}/models/llama-3.2-1b",
                          "It answers after: ./run_webbot.sh models use llama-3.2-1b"]
    assert models("pull", "llama-3.2-1b")[1] == f"Llama 3.2 1B is here: {tmp_path}/models/llama-3.2-1b\n"
    file = tmp_path / "models" / "llama-3.2-1b" / "tokenizer.json"
    file.write_bytes(file.read_bytes()[:-5])
    status, out, _ = models("use", "llama-3.2-1b")
    assert status == 0
    assert "tokenizer.json is truncated" in out and "It is fetched again." in out
    assert models("info", "llama-3.2-1b", "--check")[0] == 0
    assert re.search(r"^\* +llama-3\.2-1b ", models()[1], re.MULTILINE)


def test_a_long_name_leaves_the_table_its_width(models, tmp_path):
    put(tmp_path / "models" / ("somebody--" + "x" * 190 + "-Q4_K_M"))
    line = next(line for line in models()[1].splitlines() if "xxxx" in line)
    assert "…xxxxx-q4_k_m " in line and len(line.partition("here: ")[0]) < 120


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_there_until_it_is_removed(hub, models, tmp_path):
    hub.break_after, hub.silent = 10_000_000, True
    arguments = [sys.executable, "-m", "webbot", "models", "pull", "somebody/tiny", "--data", str(tmp_path / "data"),
                 "--models", str(tmp_path / "models")]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=process_environment(PYTHONUNBUFFERED="1")) as process:
        part = tmp_path / "models" / "somebody--tiny.part"
        until = time.monotonic() + 60
        while sum(file.stat().st_size for file in part.glob("*")) < 9_000_000 and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "What has arrived is kept; the same command goes on there." in out
    assert "Traceback" not in err
    assert sum(file.stat().st_size for file in part.glob("*.unfinished")) >= 9_000_000
    assert re.search(r"^ +tiny +tiny +local +27 MB +\d+ MB of 27 MB have come.*pull tiny$", models()[1], re.MULTILINE)
    status, out, _ = models("remove", "tiny", "--yes")
    assert (status, part.exists()) == (0, False) and "What had come of tiny is deleted" in out
    assert not re.search(r"^ +tiny ", models()[1], re.MULTILINE)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_line_at_a_terminal(monkeypatch):
    class Counted:
        done, total = 0, 2_000_000_000

    counted, screen, now = Counted(), Terminal(), [100.0]
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(KeyboardInterrupt), progress.Progress(counted) as shown:
        shown.tell(None, "Asking.")
        for second in range(1, 4):
            counted.done, now[0] = second * 100_000_000, 100.0 + second
            shown.tell(counted.done / counted.total, "Downloading.")
        raise KeyboardInterrupt
    lines = screen.getvalue().split("\r")
    assert lines[-1].startswith("Downloading.  15%  300 MB of 2.00 GB  100 MB/s  0:00:17 left")
    assert lines[-1].endswith("\nStopped. What has arrived is kept; the same command goes on there.\n")
    assert all(len(line.split("\n")[0]) < 100 for line in lines)


# with a server


@pytest.mark.slow
@pytest.mark.model
def test_a_running_server_uses_another_model(models, tmp_path):
    from webbot.services import Services

    put(tmp_path / "models" / "somebody--ours", "somebody/ours")
    chosen = Settings(data=tmp_path / "data", models=tmp_path / "models", speech=False, offline=True, threads=1, context=512)
    services = Services.open(chosen)
    try:
        status, out, err = models("use", "ours")
        assert (status, out.splitlines()[-1]) == (0, "ours serves now."), err
        status, out, _ = models()
        assert re.search(r"^\* +ours +ours +local +27 MB +ready(, [0-9.]+ [MG]B of memory)?$", out, re.MULTILINE), out
        assert "* serves now" in out
        rows = {row["name"]: row for row in json.loads(models("list", "--json")[1])}
        assert (rows["ours"]["status"], rows["ours"]["serves"], rows["starter"]["serves"]) == ("ready", True, False)
        assert rows["ours"]["path"] == str(tmp_path / "models" / "somebody--ours")
        status, _, err = models("remove", "ours", "--yes")
        assert status == 1 and "serves now" in err
        status, _, err = models("use", "nothing")
        assert status == 1 and "no model" in err
        assert choice.kept(chosen) == "ours"
        assert list(ask(control.place(chosen.data), {"unload": "ours"})) == []
    finally:
        services.close()
    assert "no server is running" in models()[1]
