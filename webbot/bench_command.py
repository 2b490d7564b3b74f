"""`python -m webbot bench`: has the model measured in a process of its own, and shows what came out. Imports no model library."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from webbot.engines.bench import picture, tables, wanted
from webbot.engines.bench.wanted import Wanted
from webbot.engines.local import ENVIRONMENT
from webbot.errors import NotFound, SettingsError, Unavailable, Unusable
from webbot.models import catalog, control
from webbot.progress import size_text
from webbot.settings import ROOT, Settings
from webbot.surroundings import model_environment

END_SECONDS = 10.0
INTERRUPTED = 130


def run(given: argparse.Namespace, settings: Settings) -> int:
    """The exit status: 1 where something is wrong or nothing could be measured, 130 after Ctrl-C; what was measured until then is
    shown."""
    chosen = _wanted(given, settings)
    if given.output:
        _make(given.output)
    _say_who_else(settings)
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "bench.json"
        status = _measured(chosen, result)
        found = json.loads(result.read_text(encoding="utf-8")) if result.exists() else {}
    if not found:
        return status
    print(f"\n{tables.terminal(found)}")
    if given.output:
        _write(found, given.output)
    wrong = any(not row["well"] for row in found["checks"])
    return status or int(wrong or not found["rates"])


def _wanted(given: argparse.Namespace, settings: Settings) -> Wanted:
    """What the options say, with the model found. Raises SettingsError, and what speaks against the model."""
    try:
        loads = tuple(given.streams.split(",")) if given.streams else ()
        for text in loads:
            wanted.load(text, given.context)
    except ValueError:
        raise SettingsError("--streams are numbers of answers at once, such as 1,4,16 or 64@1000.") from None
    if given.context < 1 or (given.tokens is not None and given.tokens < wanted.LEAST_TOKENS):
        raise SettingsError("--context is at least 1 and --tokens at least {least}.", least=wanted.LEAST_TOKENS)
    folder, name = ("", "") if given.shape else _model(given, settings)
    return Wanted(
        folder=folder, shape=given.shape or "", name=name, device=settings.device, precision=settings.precision,
        weights=settings.weights, threads=settings.threads, loads=loads, context=given.context, tokens=given.tokens or 0,
        quick=given.quick, check=given.check,
    )


def _model(given: argparse.Namespace, settings: Settings) -> tuple[str, str]:
    """The folder and the title of the model of the settings."""
    found = catalog.wanted(given.setting_model, settings) if given.setting_model else catalog.choose(settings)
    if found.path is None:
        raise Unavailable("{name} is not on this machine.", name=found.title)
    if not found.path.exists():
        raise NotFound("There is no model {name}. `python -m webbot models` lists the names.", name=found.spelled or found.name)
    if found.kind != "local":
        raise Unusable("Only models of safetensors are measured here; {name} is none.", name=found.title)
    return str(found.path), found.title


def _make(folder: Path) -> None:
    """Raises SettingsError before anything is measured for a folder that cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError("--output must be a folder that can be written ({reason}).", reason=reason) from None


def _say_who_else(settings: Settings) -> None:
    """A server that runs takes memory and time: that is told, not forbidden."""
    try:
        told = [model for step in control.ask(control.place(settings.data), {"list": True}) for model in step.get("models", ())]
    except Unavailable:
        return
    held = sum(model["memory"] for model in told)
    taking = f" Its models hold {size_text(held)} of memory." if held else ""
    print(f"A server is running here.{taking} It disturbs the figures: stop it first for true ones.", file=sys.stderr)


def _measured(chosen: Wanted, result: Path) -> int:
    """Runs the process to its end; its exit status."""
    asked = json.dumps(asdict(chosen) | {"result": str(result)})
    process = subprocess.Popen(
        [sys.executable, "-m", "webbot.engines.bench", asked], stdin=subprocess.PIPE, cwd=ROOT,
        env=model_environment(**ENVIRONMENT),
    )
    assert process.stdin is not None
    try:
        return process.wait()
    except KeyboardInterrupt:  # the terminal tells the process, too
        print("\nEnding.", file=sys.stderr)
        return INTERRUPTED
    finally:
        process.stdin.close()  # it ends with this
        try:
            process.wait(END_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            process.kill()
            process.wait()


def _write(found: dict[str, Any], folder: Path) -> None:
    """The result as JSON, Markdown and a picture."""
    found = found | {"date": time.strftime("%Y-%m-%d")}
    texts = {"bench.json": json.dumps(found, indent=1) + "\n", "bench.md": tables.markdown(found)}
    if found["rates"]:
        texts["bench.svg"] = picture.svg(found)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    print(f"\n{', '.join(texts)} in {folder}")
