"""Downloads, with the real hub library, from a small hub on loopback: what arrives, what is refused, what goes wrong."""

import json
import random
import shutil
import subprocess
import sys
import threading
import time

import pytest
from huggingface_hub import constants

from tests.models.hub_server import COMMIT, Hub
from webbot.models import catalog, download, manifest
from webbot.models.catalog import STARTER
from webbot.settings import ROOT, Settings
from webbot.surroundings import process_environment

OFFICIAL, MIRROR = catalog.ENTRIES[0].repositories
PINNED = catalog.ENTRIES[0].sources[0].revision
ANY = "somebody/model"
WEIGHTS = 3_000_000  # bytes
FILES = {"config.json", "tokenizer.json", "model.safetensors", "LICENSE.txt", "chat_template.jinja"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model as a hub might have it: with files that nobody should fetch. Its weights are noise."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "original").mkdir()
    for name in ("original/consolidated.00.pth", "original/params.json", "pytorch_model.bin", "modeling.py", "tokenizer.py",
                 "tokenizer.pkl", "README.md", ".hidden.json", "training_args.bin"):
        (folder / name).write_text("not wanted")
    for name in FILES:
        (folder / name).write_text("{}")
    (folder / "model.safetensors").write_bytes(random.Random(1).randbytes(WEIGHTS))
    return folder


@pytest.fixture
def start_hub(monkeypatch):
    """Starts hubs; the library in this process asks the last one."""
    started = []

    def start(*arguments, **more):
        started.append(Hub(*arguments, **more))
        template = started[-1].address + "/{repo_id}/resolve/{revision}/{filename}"  # what HF_ENDPOINT sets at the import
        monkeypatch.setattr(constants, "ENDPOINT", started[-1].address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        return started[-1]

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "")
    yield start
    for hub in started:
        hub.close()


@pytest.fixture
def fetch(capsys, tmp_path):
    """Runs a download in this process; its exit status and what it told."""

    def run(name, models=None):
        status = download.main([name, str(models or tmp_path / "models")])
        return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def command(name, models, hub, **environment):
    """The same as a process of its own: its command and environment."""
    clean = {"HF_HUB_OFFLINE": "0", "HF_TOKEN": "", "HF_HOME": str(models.parent / "home")} | environment
    return [sys.executable, "-m", "webbot.models.download", name, str(models)], process_environment(**clean, HF_ENDPOINT=hub)


def sentence(lines):
    return lines[-1]["sentence"]


def names(folder):
    return {file.name for file in folder.iterdir()}


def visible(folder):
    return {name for name in names(folder) if not name.startswith(".")}


# what arrives


@pytest.mark.slow
def test_the_whole_starter_by_the_real_command(start_hub, tmp_path):
    hub, models = start_hub({OFFICIAL: STARTER}), tmp_path / "models"
    arguments, environment = command("llama-3.2-1b", models, hub.address)
    done = subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, lines
    assert lines[-1]["done"] == lines[-1]["total"] > 26_000_000
    assert all(line["sentence"] for line in lines)
    assert [line["done"] for line in lines] == sorted(line["done"] for line in lines)
    assert visible(models / "llama-3.2-1b") == {file.name for file in STARTER.iterdir()}
    assert (models / "llama-3.2-1b" / "model.safetensors").read_bytes() == (STARTER / "model.safetensors").read_bytes()


def test_only_data_arrives_and_is_noted(model, start_hub, fetch, tmp_path):
    hub = start_hub({OFFICIAL: model})
    status, lines = fetch("llama-3.2-1b")
    folder = tmp_path / "models" / "llama-3.2-1b"
    assert status == 0, lines
    assert names(folder) == FILES | {".webbot.json"}
    assert visible(folder.parent) == {"llama-3.2-1b"}
    came = manifest.read(folder)
    assert (came.repository, came.revision, set(came.files)) == (OFFICIAL, PINNED, FILES)
    assert manifest.verify(folder) == len(FILES)
    asked = [path for _, path, _ in hub.requests if OFFICIAL in path]
    assert asked and all(PINNED in path for path in asked), hub.requests


def test_what_is_here_is_not_fetched_again(model, start_hub, fetch):
    hub = start_hub({OFFICIAL: model})
    assert fetch("llama-3.2-1b")[0] == 0
    hub.requests.clear()
    assert fetch("llama-3.2-1b")[0] == 0
    assert hub.requests == []


def test_a_damaged_model_is_mended(model, start_hub, fetch, tmp_path):
    hub = start_hub({OFFICIAL: model})
    fetch("llama-3.2-1b")
    weights = tmp_path / "models" / "llama-3.2-1b" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    hub.requests.clear()
    assert fetch("llama-3.2-1b")[0] == 0
    assert manifest.verify(weights.parent) == len(FILES)
    assert sum(method == "GET" and "/resolve/" in path for method, path, _ in hub.requests) == 1, "only that file"


def test_any_model_by_its_name_on_the_hub(model, start_hub, fetch, tmp_path):
    hub = start_hub({ANY: model})
    assert fetch(ANY)[0] == 0
    assert fetch(f"{ANY}@v1.0")[0] == 0
    assert visible(tmp_path / "models") == {"somebody--model", "somebody--model@v1.0"}
    assert manifest.read(tmp_path / "models" / "somebody--model").revision == COMMIT
    assert any("/revision/v1.0" in path for _, path, _ in hub.requests)


def test_a_hub_whose_lists_name_no_hashes(model, start_hub, fetch, tmp_path):
    hub = start_hub({ANY: model})
    hub.terse = True
    assert fetch(ANY)[0] == 0
    hub.damaged.add("model.safetensors")
    shutil.rmtree(tmp_path / "models")
    assert "damaged" in sentence(fetch(ANY)[1])


# GGUF


@pytest.fixture(scope="module")
def gguf_repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gguf")
    names = ["tiny-Q4_K_M.gguf", "tiny-Q8_0.gguf", "other-Q8_0.gguf", "mmproj-Q2_K.gguf", "big/big-F16-00001-of-00002.gguf",
             "big/big-F16-00002-of-00002.gguf", "config.json"]
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"GGUF" + name.encode())
    return folder


@pytest.mark.parametrize(("asked", "there"), [
    ("Q4_K_M", {"tiny-Q4_K_M.gguf"}), ("q4_k_m", {"tiny-Q4_K_M.gguf"}), ("tiny-Q8_0.gguf", {"tiny-Q8_0.gguf"}),
    ("F16", {"big-F16-00001-of-00002.gguf", "big-F16-00002-of-00002.gguf"}),
    ("big/big-F16-00001-of-00002.gguf", {"big-F16-00001-of-00002.gguf", "big-F16-00002-of-00002.gguf"}),
])
def test_gguf_files(gguf_repository, start_hub, fetch, tmp_path, asked, there):
    start_hub({ANY: gguf_repository})
    status, lines = fetch(f"{ANY}:{asked}")
    assert status == 0, lines
    models = tmp_path / "models"
    assert {file.name for file in models.glob("*.gguf")} == there
    assert visible(models) - there == {f"{min(there)}.json"}
    assert manifest.verify(models / min(there)) == len(there)
    found = catalog.wanted(f"{ANY}:{asked}", Settings(models=models, data=tmp_path))
    assert (found.path, found.kind, found.removable) == (models / min(there), "gguf", True)
    assert catalog.remove(found, Settings(models=models)) > 0
    assert visible(models) == set()


@pytest.mark.parametrize(("asked", "words"), [
    (":Q8_0", "several GGUF files Q8_0. Please name one of: other-Q8_0.gguf, tiny-Q8_0.gguf"),
    (":Q5_K_M", "no GGUF file Q5_K_M. There are: big/big-F16-00001-of-00002.gguf, mmproj-Q2_K.gguf, other"),
    (":Q4_K", "no GGUF file Q4_K."), (":none.gguf", "no GGUF file none.gguf"),
    ("", "Please name one, like somebody/model:big-F16-00001-of-00002.gguf"),
])
def test_gguf_files_that_are_not_meant(gguf_repository, start_hub, fetch, tmp_path, asked, words):
    start_hub({ANY: gguf_repository})
    status, lines = fetch(ANY + asked)
    assert status == 1
    assert words in sentence(lines)


def test_another_file_of_that_name_stays(gguf_repository, start_hub, fetch, tmp_path):
    start_hub({ANY: gguf_repository})
    own = tmp_path / "models" / "tiny-Q4_K_M.gguf"
    own.parent.mkdir()
    own.write_text("somebody's own")
    assert "came from elsewhere" in sentence(fetch(f"{ANY}:Q4_K_M")[1])
    assert own.read_text() == "somebody's own"


# leave


def test_a_gated_model_comes_from_its_mirror(model, start_hub, fetch, tmp_path):
    start_hub({OFFICIAL: model, MIRROR: model}, gated=[OFFICIAL])
    assert fetch("llama-3.2-1b")[0] == 0
    assert manifest.read(tmp_path / "models" / "llama-3.2-1b").repository == MIRROR


def test_with_a_token_the_original_is_read(model, start_hub, fetch, tmp_path, monkeypatch):
    start_hub({OFFICIAL: model, MIRROR: model}, gated=[OFFICIAL])
    monkeypatch.setenv("HF_TOKEN", "hf_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
    assert fetch("llama-3.2-1b")[0] == 0
    assert manifest.read(tmp_path / "models" / "llama-3.2-1b").repository == OFFICIAL


def test_a_gated_model_without_a_mirror_says_what_to_do(model, start_hub, fetch, tmp_path):
    start_hub({ANY: model, OFFICIAL: model}, gated=[ANY, OFFICIAL])
    assert "HF_TOKEN" in sentence(fetch(ANY)[1])
    assert "HF_TOKEN" in sentence(fetch("llama-3.2-1b")[1]), "and not that the mirror is not there"
    assert visible(tmp_path / "models") <= {"somebody--model.part", "llama-3.2-1b.part"}


def test_a_revision_that_is_gone_is_one_sentence(model, start_hub, fetch):
    hub = start_hub({OFFICIAL: model, ANY: model})
    hub.gone |= {PINNED, "v1"}
    assert f"no revision {PINNED} of {OFFICIAL}" in sentence(fetch("llama-3.2-1b")[1])
    assert f"no revision v1 of {ANY}" in sentence(fetch(f"{ANY}@v1")[1])


@pytest.mark.parametrize(("name", "word"), [
    ("nobody/nothing", "no model"), ("../../etc", "no name"), ("no-such-name", "no name"), ("a/../b", "no name"),
    ("a/b@../c", "no name"), ("a/b:../c.gguf", "no name"), ("whisper-base", "no name"), ("", "no name"), ("/etc", "no name"),
])
def test_unknown_models(start_hub, fetch, tmp_path, name, word):
    start_hub({})
    status, lines = fetch(name)
    assert status == 1
    assert word in sentence(lines)
    assert not (tmp_path / "models").exists()


def test_a_hubs_list_cannot_name_places(model, start_hub, fetch, tmp_path):
    hub = start_hub({ANY: model})
    evil = ["../evil.json", "/tmp/evil.json", "a/../../evil.json", "..json", ".evil.json", "evil\\x.json", "evil\n.json",
            "LICENSE/x", "con\0.json", "tokenizer.PY", "model.safetensors.bin", "\u202eevil.json"]
    hub.listed += [{"rfilename": name, "size": 1} for name in evil] + [{"rfilename": "huge.json", "size": -5}]
    assert fetch(ANY)[0] == 1, "the file of a negative size is not there"
    hub.listed.pop()
    assert fetch(ANY)[0] == 0
    assert names(tmp_path / "models" / "somebody--model") == FILES | {".webbot.json"}
    assert not list(tmp_path.rglob("*evil*"))


def test_a_model_with_pickles_only(model, start_hub, fetch, tmp_path):
    pickles = tmp_path / "pickles"
    shutil.copytree(model, pickles)
    (pickles / "model.safetensors").unlink()
    start_hub({ANY: pickles})
    assert "no weights in the safetensors format" in sentence(fetch(ANY)[1])


# what goes wrong


def test_a_lost_connection_is_taken_up_again(model, start_hub, fetch, tmp_path):
    hub = start_hub({OFFICIAL: model})
    hub.break_after = WEIGHTS * 2 // 3
    assert fetch("llama-3.2-1b")[0] == 0
    assert manifest.verify(tmp_path / "models" / "llama-3.2-1b")


@pytest.mark.slow
def test_a_killed_download_goes_on_where_it_was(model, start_hub, fetch, tmp_path):
    hub, models = start_hub({OFFICIAL: model}), tmp_path / "models"
    hub.break_after, hub.silent = WEIGHTS * 2 // 3, True
    arguments, environment = command("llama-3.2-1b", models, hub.address)
    with subprocess.Popen(arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:  # killed in the middle of the weights
            if json.loads(line)["done"] >= WEIGHTS // 2:
                status, lines = fetch("llama-3.2-1b")
                assert status == 1
                assert "Another process is downloading llama-3.2-1b" in sentence(lines)
                process.kill()
                break
    assert not (models / "llama-3.2-1b").exists()
    hub.break_after, hub.requests[:] = None, []
    assert fetch("llama-3.2-1b")[0] == 0
    ranges = [asked for method, path, asked in hub.requests if method == "GET" and path.endswith("model.safetensors")]
    assert ranges
    assert all(asked and int(asked.removeprefix("bytes=").rstrip("-")) >= WEIGHTS // 2 for asked in ranges)
    assert manifest.verify(models / "llama-3.2-1b")


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_a_wrong_hash_is_noticed_and_mended(model, start_hub, fetch, tmp_path, file):
    hub = start_hub({OFFICIAL: model})
    hub.damaged.add(file)
    status, lines = fetch("llama-3.2-1b")
    assert status == 1
    assert f"{file} arrived damaged" in sentence(lines)
    assert not (tmp_path / "models" / "llama-3.2-1b").exists()
    hub.damaged.clear()
    assert fetch("llama-3.2-1b")[0] == 0


def test_a_damaged_part_is_noticed(model, start_hub, fetch, tmp_path):
    hub = start_hub({OFFICIAL: model})
    part = tmp_path / "models" / "llama-3.2-1b.part"
    part.mkdir(parents=True)
    digest = hub_digest(hub, model / "model.safetensors")
    (part / f"model.safetensors.{digest[:16]}.unfinished").write_bytes(bytes(1000))
    (part / "tokenizer.json").write_text("of another version")
    assert "damaged" in sentence(fetch("llama-3.2-1b")[1])
    assert fetch("llama-3.2-1b")[0] == 0
    assert names(tmp_path / "models" / "llama-3.2-1b") == FILES | {".webbot.json"}


def hub_digest(hub, file):
    import hashlib

    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_more_than_announced_is_not_written(model, start_hub, fetch, tmp_path):
    hub = start_hub({ANY: model})
    hub.terse = True
    hub.listed.append({"rfilename": "model-2.safetensors", "size": 10, "blobId": "1" * 40})
    hub.models["x/y"] = model
    (model / "model-2.safetensors").write_bytes(bytes(100_000))
    try:
        status, lines = fetch(ANY)
    finally:
        (model / "model-2.safetensors").unlink()
    assert status == 1
    assert "more of model-2.safetensors than it announced" in sentence(lines)


def test_too_little_space_is_told_with_figures(model, start_hub, fetch, monkeypatch, tmp_path):
    start_hub({OFFICIAL: model})
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    status, lines = fetch("llama-3.2-1b")
    assert status == 1
    assert "3.00 GB" not in sentence(lines)
    assert "0.00 GB are missing and 0.00 GB are free" in sentence(lines)
    assert lines[-1]["problem"]["class"] == "DiskFull"


@pytest.mark.slow
def test_a_full_disk(start_hub, tmp_path):
    """The limit on the size of a file stands for a disk that is full: the write fails in the middle."""
    hub = start_hub({OFFICIAL: STARTER})
    arguments, environment = command("llama-3.2-1b", tmp_path / "models", hub.address)
    limited = ["bash", "-c", 'trap "" XFSZ; ulimit -f 10000; exec "$@"', "limited", *arguments]
    done = subprocess.run(limited, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "disk is full" in json.loads(done.stdout.splitlines()[-1])["sentence"]
    assert not (tmp_path / "models" / "llama-3.2-1b").exists()


def test_no_hub_to_reach(start_hub, fetch, monkeypatch):
    start_hub({})
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    status, lines = fetch("llama-3.2-1b")
    assert status == 1
    assert "cannot be reached" in sentence(lines)


def test_a_hub_with_troubles(start_hub, fetch):
    start_hub({}).broken = 500
    assert "error 500" in sentence(fetch("llama-3.2-1b")[1])


def test_the_hub_library_told_to_stay_offline(start_hub, fetch, monkeypatch):
    start_hub({})
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    status, lines = fetch("llama-3.2-1b")
    assert status == 1
    assert "HF_HUB_OFFLINE" in sentence(lines)


def test_a_folder_that_somebody_began_stays(start_hub, fetch, tmp_path):
    start_hub({})
    own = tmp_path / "models" / "llama-3.2-1b"
    own.mkdir(parents=True)
    (own / "config.json").write_text("{}")
    assert "not a whole model" in sentence(fetch("llama-3.2-1b")[1])
    assert names(own) == {"config.json"}


def test_two_at_once_are_one(model, start_hub, fetch, tmp_path, monkeypatch):
    """In one process the lock is between two open files, as it is between processes."""
    hub = start_hub({ANY: model})
    hub.pause = 0.3
    first = threading.Thread(target=download.download, args=(ANY, tmp_path / "models"))
    first.start()
    until = time.monotonic() + 10
    while not (tmp_path / "models" / "somebody--model.part").exists() and time.monotonic() < until:
        time.sleep(0.01)
    status, lines = fetch(ANY)
    first.join(30)
    assert status == 1
    assert "Another process is downloading somebody--model" in sentence(lines)
    assert fetch(ANY)[0] == 0
