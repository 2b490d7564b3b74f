"""The language models as a person sees them: what is here, what is on its way, what answers and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterator

from webbot.engines.base import Engine
from webbot.errors import Problem
from webbot.models import catalog, plan
from webbot.models.catalog import Found
from webbot.models.fleet import REMOTE, Fleet
from webbot.models.state import ModelState


def states(fleet: Fleet) -> list[ModelState]:
    """Every language model, the one that serves first."""
    told = [_fixed(fleet, name, engine) for name, engine in fleet.fixed.items()]
    if not fleet.fixed:
        told += [_local(fleet, found) for found in catalog.here(fleet.settings) if found.kind != "speech"]
    told += _upstreams(fleet, {state.name for state in told})
    known = {state.name for state in told}
    told += [ModelState(name=name, title=coming.name, kind="local", status="absent" if coming.failed else "coming",
                        progress=coming.progress, sentence=coming.sentence)
             for name, coming in fleet.pulls.all().items() if name not in known]  # of the hub, by its name there
    return sorted(told, key=lambda state: not state.serves)


def usable(fleet: Fleet) -> list[ModelState]:
    """The models that can be asked now, the one that serves first."""
    return [state for state in states(fleet) if state.status not in ("absent", "coming") and state.possible]


def _fixed(fleet: Fleet, name: str, engine: Engine) -> ModelState:
    state = engine.state()
    return ModelState(name=name, title=state.name, kind="echo", status=state.status, context=state.context,
                      serves=name == fleet.serving)


def _local(fleet: Fleet, found: Found) -> ModelState:
    reason = _obstacle(fleet, found)
    told = ModelState(
        name=found.name, title=found.title, kind=found.kind, status="sleeping" if found.path is not None else "absent",
        size=found.size, needs=plan.need(found, fleet.settings), serves=found.name == fleet.serving, starter=found.starter,
        possible=not reason, reason=reason, removable=found.removable,
    )
    member, coming = fleet.members.get(found.name), fleet.pulls.coming(found.name)
    if coming is not None:
        return told.but(status="absent" if coming.failed else "coming", progress=coming.progress, sentence=coming.sentence)
    if member is None:
        return told.but(sentence=found.begun.sentence) if found.path is None and found.begun is not None else told
    state = member[1].state()
    return told.but(status=state.status, progress=state.progress, sentence=state.sentence, memory=state.memory,
                    context=state.context)


def _obstacle(fleet: Fleet, found: Found) -> str:
    try:
        fleet.check(found)
    except Problem as problem:
        return str(problem)
    return "" if found.path is not None else catalog.obstacle(found, fleet.settings)


def _upstreams(fleet: Fleet, taken: set[str]) -> Iterator[ModelState]:
    for number, upstream in enumerate(fleet.upstreams):
        serves = number == 0 and fleet.serving == REMOTE
        opened = dict(upstream.open_engines())
        for name in upstream.names() or ([""] if serves else []):
            shown = f"{REMOTE}/{name}" if name in taken else name or REMOTE
            told = ModelState(name=shown, title=name or REMOTE, kind="remote", status="ready",
                              serves=(serves and name == upstream.first()) or fleet.serving == shown)
            if name in opened:
                state = opened[name].state()
                title = name or state.name or REMOTE
                told = told.but(title=title, status=state.status, sentence=state.sentence, context=state.context)
            yield told
