"""The command line in processes of its own, as people use it."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from webbot import __version__, cli, doctor, manual, settings
from webbot.errors import SettingsError

ROOT = Path(__file__).parents[1]


def run(*arguments, given="", seconds=60, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WEBBOT_")}
    return subprocess.run(
        [sys.executable, "-m", "webbot", *arguments], cwd=ROOT, input=given, capture_output=True, text=True, timeout=seconds,
        check=False, env=clean | environment,
    )


def test_version():
    ran = run("version")
    assert ran.returncode == 0 and ran.stdout == f"webbot {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        (), ("nonsense",), ("serve", "--nonsense"), ("serve", "--port", "0"), ("serve", "--port", "many"),
        ("serve", "--device", "abacus"), ("models", "load"), ("transcribe", "/nowhere/at/all.wav"),
        ("store",), ("store", "copy", "sqlite:////a/b.db"), ("store", "check", "mysql://user:secret@host/name"),
        ("people", "rank", "Ann", "king"), ("serve", "--lan", "--access", "open"),
    ],
)
def test_wrong_use_is_status_2_without_a_stack_trace(arguments):
    ran = run(*arguments)
    assert ran.returncode == 2, ran
    assert ran.stderr and "Traceback" not in ran.stderr


def test_an_unknown_setting_in_the_environment_is_named():
    ran = run("serve", WEBBOT_PROT="9443")
    assert ran.returncode == 2 and "WEBBOT_PROT" in ran.stderr and len(ran.stderr.strip().splitlines()) == 1


def test_the_page_of_settings_is_the_one_in_docs():
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == manual.settings_page(), "run: python -m webbot settings --write"


def test_every_setting_but_the_secret_ones_is_an_option():
    given = cli._parser().parse_args(["serve"])
    options = {name.removeprefix("setting_") for name in vars(given) if name.startswith("setting_")}
    secret = {"access_code", "leonid_secret", "oidc_secret", "openai_key", "proxy_secret", "redis", "remote_key", "store"}
    assert options == {row.name for row in settings.table()} - secret


def test_options_win_over_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("WEBBOT_PORT", "1111")
    monkeypatch.setenv("WEBBOT_OFFLINE", "yes")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "llama").mkdir()
    given = cli._parser().parse_args(["serve", "--port", "2222", "--lan", "--model", "llama", "--hosts", "a.example,b.example"])
    chosen = cli._settings(given)
    assert (chosen.port, chosen.lan, chosen.offline, chosen.hosts) == (2222, True, True, ("a.example", "b.example"))
    assert chosen.model == str(tmp_path / "llama")  # whatever folder a process runs in later


def test_an_option_is_checked_like_the_setting():
    with pytest.raises(SettingsError, match="65535"):
        cli._settings(cli._parser().parse_args(["serve", "--port", "70000"]))


def test_certs_shows_and_renews(tmp_path):
    first = run("certs", "--certs", str(tmp_path))
    assert first.returncode == 0 and "localhost" in first.stdout
    before = (tmp_path / "webbot.pem").read_bytes()
    run("certs", "--certs", str(tmp_path))
    assert (tmp_path / "webbot.pem").read_bytes() == before
    assert run("certs", "renew", "--certs", str(tmp_path)).returncode == 0
    assert (tmp_path / "webbot.pem").read_bytes() != before


def test_models_in_a_process_of_its_own(tmp_path):
    """The rest is in test_models_command.py, in the process of the tests."""
    ran = run("models", "--models", str(tmp_path), "--data", str(tmp_path / "data"), HF_HOME=str(tmp_path))
    assert ran.returncode == 0 and re.search(r"^\* +starter\b.*\bhere: ", ran.stdout, re.MULTILINE), ran
    assert not (tmp_path / "data").exists(), "looking makes nothing"


def test_the_starter_is_no_folder_of_that_name(monkeypatch):
    monkeypatch.chdir(ROOT)  # where there is a folder starter/
    assert cli._settings(cli._parser().parse_args(["serve", "--model", "starter"])).model == "starter"


def test_chat_in_the_terminal_with_the_echo_engine(tmp_path):
    ran = run("chat", "--engine", "echo", given="Seven grey cats\n\n", TMPDIR=str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    assert "Seven grey cats" in ran.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_stops_an_answer_and_the_next_question_is_heard(tmp_path):
    question = "word " * 2000
    with subprocess.Popen(
        [sys.executable, "-m", "webbot", "chat", "--engine", "echo"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, start_new_session=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        process.stdin.write(question + "\n")
        process.stdin.flush()
        heard = ""
        while heard.count("word") < 3:
            heard += process.stdout.read(5)
        process.send_signal(signal.SIGINT)
        process.stdin.write("still there?\n")
        process.stdin.close()
        rest = process.stdout.read()
        assert process.wait(20) == 0
    assert "still there?" in rest and rest.count("word") < 1000


@pytest.mark.slow
@pytest.mark.model
def test_transcribe_prints_the_words(tmp_path):
    recording = tmp_path / "spoken.wav"
    subprocess.run(["espeak-ng", "-w", str(recording), "What is the capital of France?"], check=True, timeout=30)
    ran = run("transcribe", str(recording), "--speech-model", "starter", seconds=170)
    assert ran.returncode == 0, ran.stderr
    assert "france" in ran.stdout.lower()


# the doctor


@pytest.mark.slow
def test_the_doctor_finds_nothing_needed_missing_here(tmp_path):
    chosen = settings.load({}, data=tmp_path / "data", certs=tmp_path / "certs", offline=True, port=free_port())
    findings = list(doctor.examine(chosen))
    assert [finding for finding in findings if finding.remedy and finding.needed] == []
    assert any("torch" in finding.what for finding in findings)


@pytest.mark.slow
def test_the_doctor_says_the_remedy_and_leaves_with_1(tmp_path):
    (tmp_path / "data").touch()  # a file in the folder's place
    ran = run("doctor", "--data", str(tmp_path / "data"), "--certs", str(tmp_path / "certs"), "--offline", seconds=120)
    assert ran.returncode == 1 and "problem" in ran.stdout and "WEBBOT_DATA" in ran.stdout and "Traceback" not in ran.stderr


@pytest.mark.parametrize(("url", "remedy"), [
    ("http://127.0.0.1:9", "cannot be reached"), ("ftp://x", "WEBBOT_REMOTE_URL"),
    ("http://n:hidden-word@x", "WEBBOT_REMOTE_KEY"),
])
def test_the_doctor_says_why_the_model_server_cannot_be_asked(url, remedy):
    finding = doctor._remote(settings.load({}, remote_url=url, remote_key="hidden-key"))
    assert remedy in finding.remedy and "hidden" not in f"{finding}"


def test_the_doctor_says_what_the_model_server_lists():
    class Listing(BaseHTTPRequestHandler):
        def do_GET(self):
            told = json.dumps({"data": [{"id": f"model-{number}"} for number in range(7)]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Listing) as listing:
        threading.Thread(target=listing.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{listing.server_port}"
        finding = doctor._remote(settings.load({}, remote_url=url))
        assert finding.what.endswith("model-0, model-1, model-2, model-3, model-4 and 2 more") and not finding.remedy
        finding = doctor._remote(settings.load({}, remote_url=url, remote_model=("model-1", "other")))
        assert "lists no other" in finding.what and finding.remedy and not finding.needed
        listing.shutdown()


def test_a_taken_port_is_a_note_of_the_doctor(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        chosen = settings.load({}, port=taken.getsockname()[1])
        (finding,) = doctor._ports(chosen)
    assert finding.remedy and not finding.needed


# serve, whole


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_serve_prints_the_owners_link_and_a_qr_code(tmp_path):
    """The rest is in test_banner.py."""
    port = free_port()
    data = ["--data", str(tmp_path / "data"), "--certs", str(tmp_path / "certs")]
    with (tmp_path / "out").open("w+") as out, subprocess.Popen(
        [sys.executable, "-m", "webbot", "serve", "--lan", "--engine", "echo", "--no-speech",
         "--port", str(port), "--lan-port", str(free_port()), *data],
        cwd=ROOT, stdout=out, stderr=out, text=True,
    ) as process:
        try:
            page = visit(port, tmp_path / "certs" / "ca.pem", process)
            assert process.poll() is None
            invited = run("people", "invite", "Bob", *data)  # beside the server, and it knows by which port that is reached
            assert re.search(rf"https://localhost:{port}/join/\S{{32}}\n", invited.stdout) and "█" in invited.stdout
        finally:
            process.terminate()
        assert process.wait(25) == 0
        out.seek(0)
        printed = out.read()
    assert re.search(rf"https://localhost:{port}/join/\S{{32}}\n", printed) and "no owner yet" in printed
    assert "█" in printed and "http://" in printed
    assert b"401" in page.split(b"\r\n", 1)[0]  # a visitor without it sees no more
    assert "Traceback" not in printed


def visit(port, authority, process, seconds=30):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert process.poll() is None
        try:
            raw = socket.create_connection(("127.0.0.1", port), 5)
            with ssl.create_default_context(cafile=authority).wrap_socket(raw, server_hostname="localhost") as sock:
                sock.settimeout(20)
                sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return b"".join(iter(lambda: sock.recv(65536), b""))
        except (OSError, FileNotFoundError):
            time.sleep(0.1)
    raise AssertionError("the page did not come")


def test_the_version_is_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" in project["dynamic"] and re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_the_wsgi_entry_point_opens_nothing_when_it_is_imported():
    ran = subprocess.run(
        [sys.executable, "-c", "import sys, app; print(callable(app.app), 'flask' in sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=True,
    )
    assert ran.stdout.split() == ["True", "False"]
