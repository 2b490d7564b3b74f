"""run_webbot.sh and run_tests.sh with a Python of the test's own: what they install when, and what they say when they cannot."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # each makes an environment of its own

ROOT = Path(__file__).parents[1]
NO_NETWORK = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
SCRIPTS = [ROOT / "run_webbot.sh", ROOT / "run_tests.sh", ROOT / ".ci" / "run"]
# Stands in for pip and for webbot: the scripts are tested here, not the packages.
PIP = """
import os, pathlib, sys
if "--version" in sys.argv:
    sys.exit()
with open(os.environ["PIP_LOG"], "a") as log:
    print(*sys.argv[1:], file=log)
if os.environ.get("PIP_FAILS"):
    sys.exit("no network")
if os.environ.get("PIP_SLEEPS"):
    import time
    time.sleep(30)
site = pathlib.Path(__file__).parents[1]
(site / "torch").mkdir(exist_ok=True)
(site / "torch" / "__init__.py").touch()
(site / "torch" / "version.py").write_text("cuda = " + repr(os.environ.get("TORCH_CUDA")))
"""


@pytest.fixture
def clone(tmp_path):
    """A copy of the scripts with an empty program in webbot's place and an environment whose pip only writes down."""
    folder = tmp_path / "a folder with blanks"
    (folder / "webbot").mkdir(parents=True)
    for path in [*ROOT.glob("requirements*.txt"), *SCRIPTS[:2]]:
        shutil.copy(path, folder)
    script = folder / "run_webbot.sh"
    before, _, after = script.read_text().partition("IMPORTS='")
    script.write_text(before + "IMPORTS='" + after[after.index("'"):])
    (folder / "webbot" / "__init__.py").touch()
    (folder / "webbot" / "__main__.py").write_text("import os, sys; print('webbot', *sys.argv[1:], os.getcwd(), os.getppid())")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True, timeout=60)
    site = next((folder / ".venv" / "lib").glob("python*/site-packages"))
    (site / "pip").mkdir()
    (site / "pip" / "__init__.py").touch()
    (site / "pip" / "__main__.py").write_text(PIP)
    return folder


def run(folder, *arguments, script="run_webbot.sh", cwd=None, seconds=60, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("WEBBOT_", "PYTHON", "PIP_"))}
    return subprocess.run(
        [folder / script, *arguments], cwd=cwd or folder, capture_output=True, text=True, timeout=seconds, check=False,
        env=clean | NO_NETWORK | {"PIP_LOG": str(folder / "pip.log")} | environment,
    )


def installed(folder):
    log = folder / "pip.log"
    return log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_programs_and_whole(script):
    assert script.stat().st_mode & stat.S_IXUSR
    assert subprocess.run(["bash", "-n", script], timeout=10, check=False).returncode == 0
    if shutil.which("shellcheck"):
        assert subprocess.run(["shellcheck", script], timeout=60, check=False).returncode == 0


def test_help_needs_no_environment(tmp_path):
    for name in ("run_webbot.sh", "run_tests.sh"):
        shutil.copy(ROOT / name, tmp_path)
        ran = run(tmp_path, "--help", script=name)
        assert ran.returncode == 0 and ran.stdout.startswith("Usage: ") and sorted(tmp_path.glob(".venv")) == []


def test_packages_are_installed_once_and_the_server_is_started(clone):
    first = run(clone, "--port", "9999", "--lan")
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("webbot serve --port 9999 --lan")
    assert "Installing" in first.stderr
    log = installed(clone)
    assert any("-r" in line and line.endswith("requirements.txt") for line in log)
    assert any("--no-deps" in line and line.endswith("requirements-speech.txt") for line in log)
    assert not any("requirements-gpu" in line for line in log)
    start = time.monotonic()
    second = run(clone)
    assert time.monotonic() - start < 8
    assert second.stdout.startswith("webbot serve") and second.stderr == "" and installed(clone) == log


def test_a_changed_requirement_is_installed(clone):
    run(clone, "--install")
    count = len(installed(clone))
    with (clone / "requirements.txt").open("a") as file:
        file.write("# changed\n")
    assert run(clone, "--install").returncode == 0
    assert len(installed(clone)) == 2 * count


def test_it_works_from_any_folder_and_keeps_the_callers(clone, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "json.py").write_text("raise SystemExit('the caller\\'s file was imported')")
    ran = run(clone, "--model", "./mine", cwd=tmp_path / "elsewhere")
    assert ran.returncode == 0 and f"serve --model ./mine {tmp_path / 'elsewhere'}" in ran.stdout, ran


def test_other_commands_are_passed_on(clone):
    assert run(clone, "models", "load", "x").stdout.startswith("webbot models load x")


def test_the_server_takes_the_scripts_place(clone):
    """Signals reach the server, because there is no shell between."""
    assert run(clone, "chat").stdout.split()[-1] == str(os.getpid())


def test_cuda_brings_torchaudio_and_nothing_else_does(clone):
    run(clone, "--install", TORCH_CUDA="13.0")
    assert any(line.endswith("requirements-gpu.txt") for line in installed(clone))


def test_ffmpeg_comes_as_a_wheel_only_where_the_system_has_none(clone, tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "cat", "cut", "dirname", "env", "ls", "readlink", "rm", "sed", "sha256sum", "uname"):
        (programs / name).symlink_to(shutil.which(name))
    assert run(clone, "--install", PATH=str(programs)).returncode == 0
    assert any(line.endswith("requirements-ffmpeg.txt") for line in installed(clone))


def test_a_failure_of_pip_is_a_sentence_and_the_next_run_repairs(clone):
    ran = run(clone, PIP_FAILS="1")
    assert ran.returncode == 1 and "could not be installed" in ran.stderr and "webbot serve" not in ran.stdout
    assert run(clone).stdout.startswith("webbot serve")


def test_an_interrupted_installation_is_repaired(clone):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("WEBBOT_", "PYTHON"))}
    process = subprocess.Popen(
        [clone / "run_webbot.sh"], env=clean | NO_NETWORK | {"PIP_LOG": str(clone / "pip.log"), "PIP_SLEEPS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )
    until = time.monotonic() + 30
    while not installed(clone):
        assert time.monotonic() < until
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, _ = process.communicate(timeout=20)
    assert process.returncode != 0 and "webbot serve" not in out
    # what pip leaves behind when it is killed in the middle of a package: no list of files
    site = next((clone / ".venv" / "lib").glob("python*/site-packages"))
    (site / "half-1.0.dist-info").mkdir()
    (site / "half-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: half\nVersion: 1.0\n")
    ran = run(clone)
    assert ran.stdout.startswith("webbot serve") and "half-1.0" in ran.stderr
    assert not (site / "half-1.0.dist-info").exists()


def test_an_old_python_is_refused_with_the_remedy(clone, tmp_path):
    shutil.rmtree(clone / ".venv")
    old = tmp_path / "bin"
    old.mkdir()
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        (old / name).write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
        (old / name).chmod(0o755)
    ran = run(clone, PATH=f"{old}:{os.environ['PATH']}")
    assert ran.returncode == 1 and "3.11" in ran.stderr and "Python 3.9.2" in ran.stderr and "WEBBOT_PYTHON" in ran.stderr


def test_a_foreign_folder_is_not_emptied(clone, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear")
    ran = run(clone, WEBBOT_VENV=str(mine))
    assert ran.returncode == 1 and "WEBBOT_VENV" in ran.stderr
    assert (mine / "letter.txt").read_text() == "dear"


def test_the_fast_tests_are_chosen_by_their_marks():
    text = (ROOT / "run_tests.sh").read_text()
    assert "not slow and not browser and not model" in text
    assert "WEBBOT_TEST_ALL=1" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("wanted", "status"), [("", 0), ("1", 1)])
def test_a_skipped_test_fails_where_all_must_run(tmp_path, wanted, status):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(
        "import pytest\ndef test_a(): pass\n@pytest.mark.skip(reason='no moon')\ndef test_b(): pass\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path], capture_output=True, text=True, timeout=60,
        check=False, cwd=tmp_path, env=os.environ | {"WEBBOT_TEST_ALL": wanted},
    )
    assert ran.returncode == status, ran.stdout
    assert ("test_b: " in ran.stdout and "no moon" in ran.stdout) or not wanted
