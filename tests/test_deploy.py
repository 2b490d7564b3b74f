"""The files for home servers: the unit, the image, the tunnel, and that their pages name what exists."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from webbot import settings

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "deploy" / "webbot.service"
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not on this machine")


def values(name):
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


@needs_systemd
def test_systemd_understands_the_unit(tmp_path):
    here = tmp_path / "webbot.service"
    here.write_text(UNIT.read_text().replace("/opt/webbot/.venv/bin/python", sys.executable))
    checked = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0 and checked.stderr == ""


@needs_systemd
def test_the_unit_is_hardened():
    checked = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager", UNIT],
        capture_output=True, text=True, timeout=60, check=False,
    )
    assert checked.returncode == 0, checked.stdout[-300:]


def test_the_unit_starts_the_environment_of_run_webbot_and_gives_it_time():
    assert values("ExecStart") == ["/opt/webbot/.venv/bin/python -m webbot serve"]
    assert values("Restart") == ["on-failure"] and values("RestartPreventExitStatus") == ["2"]
    assert int(values("TimeoutStopSec")[0]) >= 25
    assert {"NoNewPrivileges", "ProtectSystem", "PrivateTmp"} <= set(re.findall(r"^(\w+)=", UNIT.read_text(), re.MULTILINE))


def test_the_units_settings_are_settings():
    named = {name: value for line in values("Environment") for name, value in re.findall(r"(WEBBOT_\w+)=(\S+)", line)}
    chosen = settings.load(named)
    assert all(str(path).startswith(values("ReadWritePaths")[0]) for path in (chosen.data, chosen.certs, chosen.models))


def test_what_the_image_copies_exists_and_reaches_the_builder():
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    sources = [source for line in lines if line.startswith("COPY ") for source in line.split()[1:-1]]
    assert sources and [source for source in sources if not (ROOT / source).exists()] == []
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert [source for source in sources if not any(Path(source).match(pattern) for pattern in allowed)] == []
    assert "data" not in allowed and "certs" not in allowed


def test_the_image_runs_as_nobody_special_and_says_how_it_is():
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    assert text.startswith("#") and "FROM python:3.11-slim" in text
    assert text.index("USER webbot") < text.index("ENTRYPOINT")
    assert "HEALTHCHECK" in text and "/healthz" in text
    named = dict(re.findall(r"(WEBBOT_(?!VENV)\w+)=(\S+)", text))
    assert settings.load(named).protected  # who can reach it is asked for the code


def test_the_tunnel_is_what_a_current_frp_reads_and_leads_to_webbot():
    text = (ROOT / "frpc.ini").read_text()
    assert "\n[common]" not in text  # this alone makes frp take a file for its old format
    (proxy,) = tomllib.loads(text)["proxies"]
    assert (proxy["type"], proxy["localIP"], proxy["localPort"]) == ("tcp", "127.0.0.1", settings.Settings().port)
    assert tomllib.loads(text)["auth"]["token"] == "{{ .Envs.FRP_TOKEN }}"


def test_a_tunnels_name_switches_the_code_on():
    assert settings.load({"WEBBOT_HOSTS": "frps.example.org"}).protected


def test_the_pages_name_settings_and_files_that_exist():
    for page in (ROOT / "deploy" / "README.md", ROOT / "certs" / "README.md"):
        text = page.read_text()
        known = {settings.PREFIX + row.name.upper() for row in settings.table()} | settings.FOREIGN
        assert set(re.findall(r"WEBBOT_[A-Z_]+", text)) <= known
        for path in re.findall(r"(?:deploy|certs|docs)/[\w.-]+\.\w+", text):
            assert (ROOT / path).exists() or path == "certs/ca.pem", path
