#!/usr/bin/env bash
# Makes everything the tests need, then runs them. Arguments go to pytest; --fast leaves out what takes long.
set -euo pipefail

ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
VENV=${WEBBOT_VENV:-$ROOT/.venv}
STAMP=$VENV/tests-installed-for
LIMIT=${LIMIT:-20m}   # for each of the three parts; each test has its own limit in pyproject.toml

usage() {
  cat <<'END'
Usage: ./run_tests.sh [--fast] [arguments of pytest]

  --fast    without the tests marked slow, browser or model: under 30 seconds
  --help    this text

WEBBOT_TEST_ALL=1 turns tests that would be left out into failures.
END
}

say() { printf '%s\n' "$*" >&2; }

# Debian keeps the programs of PostgreSQL's server out of the path.
is_here() {
  command -v "$1" >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null
}

# These come from the system; without the right to install them their tests are left out.
install_programs() {
  local program missing=()
  for program in chromium espeak-ng ffmpeg node npm redis-server postgres; do
    is_here "$program" || case $program in
      node) missing+=(nodejs) ;;
      postgres) missing+=(postgresql) ;;
      *) missing+=("$program") ;;
    esac
  done
  if [ "${#missing[@]}" = 0 ]; then return; fi
  local as_root=()
  if [ "$(id -u)" != 0 ]; then as_root=(sudo -n); fi
  if ! command -v apt-get >/dev/null; then
    say "Tests that need ${missing[*]} are left out: install them with the system's package manager."
  elif [ "${#as_root[@]}" != 0 ] && ! sudo -n true 2>/dev/null; then
    say "Tests that need ${missing[*]} are left out: sudo apt-get install ${missing[*]}"
  else
    say "Installing ${missing[*]}"
    { "${as_root[@]}" timeout 120 apt-get update -qq &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive timeout 400 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    } || say "Not all of ${missing[*]} could be installed; tests that need them are left out."
  fi
}

install_packages() {
  "$ROOT/run_webbot.sh" --install
  local wanted
  wanted=$(cat "$VENV/installed-for" "$ROOT/requirements-tests.txt")
  if [ "$wanted" != "$(cat "$STAMP" 2>/dev/null)" ]; then
    "$VENV/bin/python" -m pip install --disable-pip-version-check -q --no-compile -r "$ROOT/requirements-tests.txt" || {
      say "The test packages could not be installed; the lines above say why."
      exit 1
    }
    printf '%s' "$wanted" > "$STAMP"
  fi
}

main() {
  local marks=()
  case ${1:-} in
    -h | --help) usage; exit 0 ;;
    --fast) marks=(-m "not slow and not browser and not model" --timeout 30 --numprocesses auto); shift ;;
  esac
  install_packages
  if [ "${#marks[@]}" = 0 ]; then install_programs; fi
  cd "$ROOT"
  export PYTHONPATH=$ROOT PYTHONSAFEPATH=1
  local limited=()
  if command -v timeout >/dev/null; then limited=(timeout --foreground --signal INT --kill-after 30 "$LIMIT"); fi
  local tests=("${limited[@]}" "$VENV/bin/python" -m pytest)
  if [ "${#marks[@]}" != 0 ] || [ "$#" != 0 ]; then exec "${tests[@]}" ${marks[@]+"${marks[@]}"} "$@"; fi
  # The longest files first, beside one another; then those that wait and would feel the rest; then those that would feel anybody.
  local failed=0 part
  # One process more than there are processors: while one waits for a server or a browser, another one computes.
  local beside=(--numprocesses "$(($(getconf _NPROCESSORS_ONLN) + 1))" --dist loadfile --no-loadscope-reorder)
  for part in "not alone and not calm" calm alone; do
    if [ "$part" = alone ]; then beside=(); fi
    # One thread for each model: the threads of several would wait for one another in turns. The limit is for numba, which tells
    # Whisper when a word is spoken and sets the number for the whole process.
    OMP_NUM_THREADS=1 OMP_THREAD_LIMIT=1 "${tests[@]}" -m "$part" ${beside[@]+"${beside[@]}"} || failed=$?
    if [ "$failed" -gt 1 ]; then exit "$failed"; fi  # interrupted, or pytest itself failed
  done
  exit "$failed"
}

main "$@"
