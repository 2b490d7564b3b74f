"""`python -m webbot models list|pull|use|remove|info [NAME]`: the models, from a terminal.

Where a server with the same data folder runs, it is asked over its control socket: what is loaded, and to use another model while
the one that serves goes on. Without a server a choice is kept for its next start.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from webbot.errors import Conflict, NotFound, Problem, SettingsError, Unavailable, Unusable
from webbot.models import about, catalog, choice, control, manifest, plan
from webbot.models.catalog import Found
from webbot.models.pulling import Pull
from webbot.models.unfinished import Unfinished
from webbot.progress import Progress, size_text
from webbot.settings import Settings
from webbot.speech import weights

COMMAND = "./run_webbot.sh models"
WIDEST = 40  # characters of a name in the table


def run(given: argparse.Namespace, settings: Settings) -> int:
    """The exit status. Raises Problems."""
    if given.action == "list":
        return _list(settings, as_json=given.json)
    if not given.name:
        raise SettingsError("Which model? `python -m webbot models` lists the names.")
    if given.action == "use":
        return _use(given.name, settings)
    if given.action == "remove":
        return _remove(given.name, settings, sure=given.yes)
    if given.action == "info":
        return _info(given.name, settings, as_json=given.json, check=given.check)
    return _pull(given.name, settings)


def _running(settings: Settings) -> list[dict[str, Any]] | None:
    """The models as a running server tells them; None where there is no server."""
    try:
        return [model for step in control.ask(control.place(settings.data), {"list": True}) for model in step.get("models", ())]
    except Unavailable:
        return None


# list


def _list(settings: Settings, *, as_json: bool) -> int:
    told = _running(settings)
    rows = [_row(found, settings) for found in catalog.here(settings)]
    if told is None:
        serving = _will_serve(settings)
        for row in rows:
            row["serves"] = row["name"] in serving
    else:
        rows = _merged(rows, told)
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    rows.sort(key=lambda row: row["kind"] == "speech")
    table = [["", "NAME", "TITLE", "KIND", "SIZE", "STATUS"]]
    table += [["*" if row["serves"] else "", _short(row["name"]), _short(row["title"]), row["kind"], size_text(row["size"]),
               _status(row)] for row in rows]
    widths = [max(len(line[column]) for line in table) for column in range(5)]
    for line in table:
        print("  ".join(cell.rjust(width) if column == 4 else cell.ljust(width)
                        for column, (cell, width) in enumerate(zip(line[:5], widths, strict=True))), line[5], sep="  ")
    print("\n* serves now" if told is not None else "\n* answers when the server starts (no server is running)")
    return 0


def _short(name: str) -> str:
    """A name that leaves the table room: its beginning and its end, where a quantisation stands."""
    return name if len(name) <= WIDEST else f"{name[:WIDEST - 13]}…{name[-12:]}"


def _row(found: Found, settings: Settings) -> dict[str, Any]:
    return {
        "name": found.name, "title": found.title, "kind": found.kind, "status": "here" if found.path else "absent",
        "sentence": found.begun.sentence if found.path is None and found.begun is not None else "", "size": found.size,
        "path": str(found.path) if found.path else "", "memory": 0,
        "needs": plan.need(found, settings), "serves": False, "starter": found.starter, "removable": found.removable,
    }


def _merged(rows: list[dict[str, Any]], told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is on the disk with what the server says of it; its remote models, too."""
    known = {row["name"]: row for row in rows}
    wanted = ("name", "title", "kind", "status", "sentence", "size", "memory", "needs", "serves", "starter", "removable")
    return [known.get(model["name"], {"path": ""}) | {name: model[name] for name in wanted} for model in told]


def _will_serve(settings: Settings) -> set[str]:
    """What answers and what hears when a server starts now."""
    hears = next((found for found in catalog.here(settings) if found.kind == "speech" and found.path is not None
                  and found.is_called(settings.speech_model)), None)
    return {catalog.choose(settings).name, hears.name if hears is not None else "whisper-starter"}


def _status(row: dict[str, Any]) -> str:
    status = row["status"]
    if status == "absent":
        if row["sentence"]:
            return row["sentence"] + (f" {COMMAND} pull {row['name']}" if row["removable"] else "")
        return f"not here: {COMMAND} pull {row['name']}"
    if status == "here":
        return f"here: {row['path']}"
    words = {"sleeping": "sleeps until it is asked"}.get(status, status)
    if row["memory"]:
        words += f", {size_text(row['memory'])} of memory"
    if row["sentence"] and status != "ready":
        words += f": {row['sentence']}"
    return words


# pull


def _pull(name: str, settings: Settings) -> int:
    found = catalog.wanted(name, settings)
    if _is_whole(found):
        print(f"{found.title} is here: {found.path}")
        return 0
    found = _fetched(found, name, settings)
    print(f"{found.title} is here: {found.path}")
    if found.kind == "speech":
        print(f"It hears when the server starts with --speech-model {found.name}.")
    else:
        print(f"It answers after: {COMMAND} use {found.name}")
    return 0


def _is_whole(found: Found) -> bool:
    """Whether there is nothing to fetch; what is damaged and can be had again is fetched again."""
    if found.path is None:
        return False
    if not found.path.exists():
        raise NotFound("There is no model {name}. `python -m webbot models` lists the names.", name=found.spelled or found.name)
    try:
        manifest.check(found.path)
    except Unusable as problem:
        if found.entry is None and found.hub is None:
            raise
        print(f"{problem}\nIt is fetched again.")
        return False
    return True


def _fetched(found: Found, name: str, settings: Settings) -> Found:
    """Downloads the model and shows how far it is. Ctrl-C keeps what is there."""
    pull = Pull(found.title, catalog.download_command(found, settings))
    with Progress(pull) as progress:
        pull.run(progress.tell)
    return catalog.wanted(name, settings)


# use


def _use(name: str, settings: Settings) -> int:
    try:
        found: Found | None = catalog.wanted(name, settings)
    except NotFound:
        found = None
    running = _running(settings)
    if found is not None and not _is_whole(found):
        found = _fetched(found, name, settings)
    if running is not None:
        return _use_now(found.name if found is not None else name, settings)
    if found is None:
        raise NotFound("There is no model {name}. `python -m webbot models` lists the names.", name=repr(name)[:80])
    if found.kind == "speech":
        raise SettingsError("No server is running. Start it with --speech-model {name}.", name=found.name)
    plan.check(_needs(found, settings), settings)
    choice.keep(found.name, settings)
    print(f"{found.title} answers when the server starts.")
    return 0


def _use_now(name: str, settings: Settings) -> int:
    with Progress() as progress:
        for step in control.ask(control.place(settings.data), {"use": name}):
            progress.tell(step.get("progress"), str(step.get("sentence", "")))
    print(f"{name} serves now.")
    return 0


def _needs(found: Found, settings: Settings) -> dict[str, int]:
    """What the models take together that a server would load at its start."""
    needs = {found.name: plan.least(found, settings)}
    if settings.speech and (hears := weights.find(settings.speech_model, settings.models)) is not None:
        needs |= {other.name: plan.need(other, settings) for other in catalog.here(settings) if other.path == hears.path}
    return needs


# remove


def _remove(name: str, settings: Settings, *, sure: bool) -> int:
    found = catalog.find(name, settings)
    running = _running(settings)
    if found.path is None and found.begun is None:
        raise NotFound("{name} is not on this machine.", name=found.title)
    if found.begun is not None and not (found.path is not None and found.removable):
        return _remove_begun(found.begun, found, settings, running=running is not None, sure=sure)
    if not found.removable:
        catalog.remove(found, settings)  # says why not
    if running is None and found.name in _will_serve(settings):
        raise Conflict("{name} answers when the server starts. Please use another model first.", name=found.title)
    if not sure and not _agreed(f"Delete {found.title} ({size_text(found.size)}, {found.path})?"):
        print("Nothing was deleted.")
        return 1
    if running is not None:
        list(control.ask(control.place(settings.data), {"remove": found.name}))
    else:
        catalog.remove(found, settings)
    print(f"{found.title} is deleted; {size_text(found.size)} are free again.")
    return 0


def _remove_begun(begun: Unfinished, found: Found, settings: Settings, *, running: bool, sure: bool) -> int:
    """Deletes what has come of a model."""
    come = size_text(begun.come) or "0 MB"
    if not sure and not _agreed(f"Delete what has come of {found.title} ({come}, {begun.place})?"):
        print("Nothing was deleted.")
        return 1
    if running:
        list(control.ask(control.place(settings.data), {"remove": found.name}))
    else:
        catalog.remove(found, settings)
    print(f"What had come of {found.title} is deleted; {come} are free again.")
    return 0


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise SettingsError("Nobody can be asked here. Please add --yes.")
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


# info


def _info(name: str, settings: Settings, *, as_json: bool, check: bool) -> int:
    found = catalog.wanted(name, settings)
    facts = about.of(found, settings)
    damage = ""
    if check and found.path is not None:
        with Progress() as progress:
            try:
                checked = about.verify(found, lambda share: progress.tell(share, "Checking the files."))
                facts["checked"] = f"{checked} files are what was published" if checked else "no hashes are known"
            except Problem as problem:
                damage = facts["checked"] = str(problem)
    if as_json:
        print(json.dumps(facts, indent=1, ensure_ascii=False))
    else:
        width = max(map(len, facts))
        for label, value in facts.items():
            if value not in ("", None, 0):
                print(f"{label:<{width}}  {_said(label, value)}")
    return 1 if damage or facts["damage"] else 0


def _said(label: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if label in ("size", "needs"):
        return size_text(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
