#!/usr/bin/env bash
# Makes the environment, installs the packages when they changed, and starts webbot. Can be run again at any time.
set -euo pipefail

ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
VENV=${WEBBOT_VENV:-$ROOT/.venv}
STAMP=$VENV/installed-for
CPU_INDEX=https://download.pytorch.org/whl/cpu

# What the page's process and the two model processes import.
IMPORTS='
import gevent, gunicorn.workers.ggevent, flask, flask_babel, flask_session, sqlalchemy.dialects.sqlite, sqlalchemy.orm
import msgspec, prometheus_client, markdown_it, mdit_py_plugins, pygments.lexers, nh3, latex2mathml.converter, textile
import flask_openapi3, pydantic, jwt, llguidance.hf
import cryptography.x509, segno, soundfile, soxr, ffmpeg, huggingface_hub, numpy, whisper
from transformers import AutoTokenizer, LlamaForCausalLM
'

usage() {
  cat <<'END'
Usage: ./run_webbot.sh [options]              starts the server at https://localhost:8443
       ./run_webbot.sh COMMAND [arguments]    chat, transcribe, models, store, people, bench, doctor, settings,
                                            certs, version

  --lan                  let phones and other machines in: all interfaces, for people you invite, a help page for phones
  --port PORT            another port than 8443
  --model NAME-OR-PATH   the language model: a name from `./run_webbot.sh models`, a name on the hub, or a folder
  --install              only make the environment and install the packages
  --help                 this text; `./run_webbot.sh serve --help` shows every option

The first start installs about 1.5 GB into .venv (WEBBOT_VENV names another folder, WEBBOT_PYTHON another Python).
Settings are listed in docs/settings.md.
END
}

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

find_python() {
  local candidate
  for candidate in ${WEBBOT_PYTHON:+"$WEBBOT_PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s' "$candidate"
      return
    fi
  done
  die "webbot needs Python 3.11 or newer; found: $(python3 --version 2>&1 || true).
Install it (Debian, Ubuntu: sudo apt install python3.11 python3.11-venv; macOS: brew install python@3.12),
or say where it is: WEBBOT_PYTHON=/path/to/python3.11 ./run_webbot.sh"
}

has_nvidia() { [ -e /proc/driver/nvidia/version ] || [ -e /dev/nvidia0 ] || [ -e /usr/lib/wsl/lib/nvidia-smi ]; }
has_ffmpeg() { command -v ffmpeg >/dev/null; }

# What the environment must fit: a change of any of these installs again.
wanted_stamp() {
  local hash=(sha256sum)
  command -v sha256sum >/dev/null || hash=(shasum -a 256)
  cat "$ROOT"/requirements.txt "$ROOT"/requirements-{speech,gpu,ffmpeg,engines}.txt "$ROOT/run_webbot.sh" | "${hash[@]}" | cut -c 1-64
  if has_nvidia; then echo nvidia; fi
  if has_ffmpeg; then echo ffmpeg; fi
  echo "$VENV"
}

make_environment() {
  if "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then return; fi
  if [ -e "$VENV" ] && [ ! -e "$VENV/pyvenv.cfg" ] && [ -n "$(ls -A "$VENV")" ]; then
    die "$VENV holds something else than a Python environment. Move it away, or set WEBBOT_VENV to another folder."
  fi
  local python
  python=$(find_python)
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    die "This Python cannot make environments. Debian, Ubuntu: sudo apt install python3-venv"
  say "Making the environment in $VENV"
  "$python" -m venv --clear "$VENV" || die "The environment cannot be made in $VENV (disk full? no permission?)."
}

pip_install() {
  "$VENV/bin/python" -m pip install --disable-pip-version-check --no-compile "$@"
}

# An interrupted installation leaves packages without their list of files, or with files cut short: pip takes them for whole.
remove_broken_packages() {
  "$VENV/bin/python" - <<'END'
import importlib.metadata, pathlib, shutil, sys

for package in importlib.metadata.distributions(path=[path for path in sys.path if "site-packages" in path]):
    files = package.files
    broken = files is None or any(
        not (path := pathlib.Path(file.locate())).exists() or path.stat().st_size != file.size for file in files if file.size
    )
    if broken and package._path.name.endswith(".dist-info"):
        print(f"{package._path.name} is not whole and will be installed again", file=sys.stderr)
        shutil.rmtree(package._path)
END
}

answers() {
  "$VENV/bin/python" -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5).close()' "$1" 2>/dev/null
}

# The plain wheel for Linux on x86 brings several GB of CUDA, which help nobody without such a device.
install_packages() {
  if ! has_nvidia && [ "$(uname -sm)" = "Linux x86_64" ] && answers "$CPU_INDEX/torch/"; then
    sed -n 's/^torch==\([0-9.]*\)$/torch==\1+cpu/p' "$ROOT/requirements.txt" > "$VENV/cpu-constraint.txt"
    if pip_install --extra-index-url "$CPU_INDEX" -c "$VENV/cpu-constraint.txt" -r "$ROOT/requirements.txt"; then return; fi
    say "torch without CUDA could not be installed; trying the usual one."
  fi
  pip_install -r "$ROOT/requirements.txt"
}

torch_has_cuda() {
  "$VENV/bin/python" -c '
import importlib.util, pathlib, runpy, sys
folder = pathlib.Path(importlib.util.find_spec("torch").origin).parent
sys.exit(not runpy.run_path(str(folder / "version.py")).get("cuda"))'
}

install() {
  local stamp=$1
  trap 'say ""; say "Interrupted. Run the same command again: it goes on where it stopped."; exit 130' INT TERM
  rm -f "$STAMP"
  make_environment
  remove_broken_packages
  say "Installing the packages (once; this takes some minutes)"
  local trouble="The packages could not be installed; the lines above say why. Is there a network, and room on the disk (df -h)?
Run the same command again: it goes on where it stopped."
  install_packages || die "$trouble"
  pip_install --no-deps -r "$ROOT/requirements-speech.txt" || die "$trouble"
  if torch_has_cuda; then pip_install -r "$ROOT/requirements-gpu.txt" || die "$trouble"; fi
  if ! has_ffmpeg; then pip_install -r "$ROOT/requirements-ffmpeg.txt" || die "$trouble"; fi
  pip_install --only-binary :all: -r "$ROOT/requirements-engines.txt" ||
    say "Without llama.cpp and ctranslate2: GGUF models and WEBBOT_SPEECH_ENGINE=ctranslate2 cannot be used on this machine."
  say "Preparing the packages for quick starts"
  # Only what is imported is compiled: that saves 200 MB.
  env -u PYTHONDONTWRITEBYTECODE "$VENV/bin/python" -c "$IMPORTS" || die "The installed packages do not work together; the lines above say why."
  env -u PYTHONDONTWRITEBYTECODE "$VENV/bin/python" -m compileall -q "$ROOT/webbot" || true
  printf '%s\n' "$stamp" > "$STAMP"
  trap - INT TERM
}

main() {
  case ${1:-} in -h | --help) usage; exit 0 ;; esac
  export PYTHONPATH=$ROOT${PYTHONPATH:+:$PYTHONPATH} PYTHONSAFEPATH=1
  local stamp
  stamp=$(wanted_stamp)
  if [ ! -x "$VENV/bin/python" ] || [ "$stamp" != "$(cat "$STAMP" 2>/dev/null)" ]; then install "$stamp"; fi
  case ${1:-} in
    --install) exit 0 ;;
    "" | -*) exec "$VENV/bin/python" -m webbot serve "$@" ;;
    *) exec "$VENV/bin/python" -m webbot "$@" ;;
  esac
}

main "$@"
