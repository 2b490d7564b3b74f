"""Downloads, by the real command and the real hub library, from a small hub on loopback that serves the starter."""

import hashlib
import json
import shutil
import subprocess
import sys

import pytest

from tests.models.hub_server import Hub
from webbot.models import catalog
from webbot.models.catalog import STARTER
from webbot.settings import ROOT, process_environment

pytestmark = pytest.mark.slow
OFFICIAL, MIRROR = catalog.ENTRIES[0].repositories


@pytest.fixture
def model(tmp_path):
    """The starter as a hub might have it: with files that nobody should fetch."""
    folder = tmp_path / "hub"
    shutil.copytree(STARTER, folder)
    (folder / "original").mkdir()
    for name in ("original/consolidated.00.pth", "original/params.json", "pytorch_model.bin", "modeling.py", "README.md"):
        (folder / name).write_text("not wanted")
    return folder


@pytest.fixture
def start_hub():
    started = []

    def start(*arguments, **more):
        started.append(Hub(*arguments, **more))
        return started[-1]

    yield start
    for hub in started:
        hub.close()


def download(name, folder, hub, **environment):
    command = [sys.executable, "-m", "webbot.models.download", name, str(folder)]
    clean = {"HF_HUB_OFFLINE": "0", "HF_TOKEN": "", "HF_HOME": str(folder.parent / "home")} | environment
    done = subprocess.run(
        command, cwd=ROOT, env=process_environment(**clean, HF_ENDPOINT=hub), capture_output=True, text=True,
        timeout=120, check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def names(folder):
    return {file.name for file in folder.iterdir()}


def test_a_model_arrives_whole_and_without_what_is_not_wanted(model, start_hub, tmp_path):
    hub, folder = start_hub({OFFICIAL: model}), tmp_path / "models" / "llama-3.2-1b"
    status, lines = download("llama-3.2-1b", folder, hub.address)
    assert status == 0, lines
    assert lines[-1]["done"] == lines[-1]["total"] > 26_000_000
    assert all(line["sentence"] for line in lines)
    assert [line["done"] for line in lines] == sorted(line["done"] for line in lines)
    assert names(folder) == {file.name for file in STARTER.iterdir()}
    assert (folder / "model.safetensors").read_bytes() == (STARTER / "model.safetensors").read_bytes()
    assert names(folder.parent) <= {"llama-3.2-1b", "home"}


def test_what_is_here_is_not_fetched_again(start_hub, tmp_path):
    shutil.copytree(STARTER, tmp_path / "model")
    hub = start_hub({})
    assert download("llama-3.2-1b", tmp_path / "model", hub.address)[0] == 0
    assert hub.requests == []


def test_a_gated_model_comes_from_its_mirror(model, start_hub, tmp_path):
    hub = start_hub({OFFICIAL: model, MIRROR: model}, gated=[OFFICIAL])
    status, lines = download("llama-3.2-1b", tmp_path / "model", hub.address)
    assert status == 0, lines
    assert any(MIRROR in path for _, path, _ in hub.requests)


def test_with_a_token_the_original_is_read(model, start_hub, tmp_path):
    hub = start_hub({OFFICIAL: model, MIRROR: model}, gated=[OFFICIAL])
    status, lines = download("llama-3.2-1b", tmp_path / "model", hub.address, HF_TOKEN="hf_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
    assert status == 0, lines
    assert not any(MIRROR in path for _, path, _ in hub.requests)


def test_a_gated_model_without_a_mirror_says_what_to_do(model, start_hub, tmp_path):
    hub = start_hub({"somebody/model": model}, gated=["somebody/model"])
    status, lines = download("somebody/model", tmp_path / "model", hub.address)
    assert status == 1
    assert "HF_TOKEN" in lines[-1]["sentence"]
    assert not (tmp_path / "model").exists()


def test_a_lost_connection_is_taken_up_again(model, start_hub, tmp_path):
    hub = start_hub({OFFICIAL: model})
    hub.break_after = 20_000_000
    status, lines = download("llama-3.2-1b", tmp_path / "model", hub.address)
    assert status == 0, lines
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == (STARTER / "model.safetensors").read_bytes()


def test_an_interrupted_download_goes_on_where_it_was(model, start_hub, tmp_path):
    hub = start_hub({OFFICIAL: model})
    hub.break_after, hub.silent = 20_000_000, True
    folder = tmp_path / "model"
    command = [sys.executable, "-m", "webbot.models.download", "llama-3.2-1b", str(folder)]
    environment = process_environment(HF_ENDPOINT=hub.address, HF_HUB_OFFLINE="0", HF_HOME=str(tmp_path / "home"))
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:  # killed in the middle of the weights
            if json.loads(line)["done"] >= 10_000_000:
                process.kill()
                break
    assert not folder.exists()
    hub.break_after, hub.requests[:] = None, []
    status, lines = download("llama-3.2-1b", folder, hub.address)
    assert status == 0, lines
    ranges = [asked for method, path, asked in hub.requests if method == "GET" and path.endswith("model.safetensors")]
    assert ranges
    assert all(asked and int(asked.removeprefix("bytes=").rstrip("-")) >= 10_000_000 for asked in ranges)
    assert (folder / "model.safetensors").read_bytes() == (STARTER / "model.safetensors").read_bytes()


def test_a_damaged_part_is_noticed(model, start_hub, tmp_path):
    hub, folder = start_hub({OFFICIAL: model}), tmp_path / "model"
    part = tmp_path / "model.part"
    part.mkdir()
    digest = hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()
    (part / f"model.safetensors.{digest[:16]}.unfinished").write_bytes(bytes(1000))
    status, lines = download("llama-3.2-1b", folder, hub.address)
    assert status == 1
    assert "damaged" in lines[-1]["sentence"]
    assert download("llama-3.2-1b", folder, hub.address)[0] == 0
    assert names(folder) == {file.name for file in STARTER.iterdir()}


@pytest.mark.parametrize(("name", "word"), [
    ("nobody/nothing", "no model"), ("../../etc", "no name"), ("no-such-name", "no name"),
])
def test_unknown_models(start_hub, tmp_path, name, word):
    status, lines = download(name, tmp_path / "model", start_hub({}).address)
    assert status == 1
    assert word in lines[-1]["sentence"]


def test_no_hub_to_reach(tmp_path):
    status, lines = download("llama-3.2-1b", tmp_path / "model", "http://127.0.0.1:9")
    assert status == 1
    assert "cannot be reached" in lines[-1]["sentence"]


def test_the_hub_library_told_to_stay_offline(tmp_path):
    status, lines = download("llama-3.2-1b", tmp_path / "model", "http://127.0.0.1:9", **{"HF_HUB_OFFLINE": "1"})
    assert status == 1
    assert "HF_HUB_OFFLINE" in lines[-1]["sentence"]


def test_a_model_with_pickles_only(model, start_hub, tmp_path):
    (model / "model.safetensors").unlink()
    status, lines = download("somebody/model", tmp_path / "model", start_hub({"somebody/model": model}).address)
    assert status == 1
    assert "safetensors" in lines[-1]["sentence"]


def test_a_full_disk(model, start_hub, tmp_path):
    """The limit on the size of a file stands for a disk that is full: the write fails in the middle."""
    hub = start_hub({OFFICIAL: model})
    command = [sys.executable, "-m", "webbot.models.download", "llama-3.2-1b", str(tmp_path / "model")]
    limited = ["bash", "-c", 'trap "" XFSZ; ulimit -f 10000; exec "$@"', "limited", *command]
    environment = process_environment(HF_ENDPOINT=hub.address, HF_HUB_OFFLINE="0", HF_HOME=str(tmp_path / "home"))
    done = subprocess.run(limited, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "disk is full" in json.loads(done.stdout.splitlines()[-1])["sentence"]
    assert not (tmp_path / "model").exists()
