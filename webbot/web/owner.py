"""The page of the owner: who is here and what they may do, and how the server is. Everything on it is for owners only.

Knows no secrets: a link for somebody who is invited stands in one answer and nowhere else. What is slow to find out (checkup) is
looked at away from the request.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webbot import certs, makers
from webbot.errors import BadInput, Conflict, NotFound, Problem
from webbot.people import Person
from webbot.people.invitations import Invitation
from webbot.people.people import last_seen
from webbot.services import Services
from webbot.web import engine_views, forms, reachable
from webbot.web.browsers import browser_name
from webbot.web.checkup import Checkup
from webbot.web.drawn import drawn
from webbot.web.presence import presence, require_owner
from webbot.web.problems import sentence_of, wants_json
from webbot.web.times import day, since, until
from webbot.web.views import View, Views

NAME_BYTES = 1000
NOTHING = "There is nothing here."


class Owner:
    """GET /owner and /owner/checkup, and the acts below /owner: people/<id>/name, limits, rank, sign_out, remove and admit;
    invitations, invitations/<id>/take_back; checkup."""

    def __init__(self, services: Services, views: Views) -> None:
        self.services, self.settings, self.people, self.views = services, services.settings, services.people, views
        self.checkup = Checkup(services.settings)
        self.blueprint = Blueprint("owner", __name__, url_prefix="/owner")
        self.blueprint.before_request(require_owner)
        self.blueprint.add_url_rule("", "page", self.show)
        self.blueprint.add_url_rule("/checkup", "findings", self.findings)
        self.blueprint.add_url_rule("/checkup", "look", self.look, methods=["POST"])
        acts: tuple[tuple[str, Callable[..., ResponseReturnValue]], ...] = (
            ("/people/<id>/name", self.rename), ("/people/<id>/limits", self.limit), ("/people/<id>/rank", self.rank),
            ("/people/<id>/sign_out", self.sign_out), ("/people/<id>/remove", self.remove), ("/people/<id>/admit", self.admit),
            ("/invitations", self.invite), ("/invitations/<id>/take_back", self.take_back),
        )
        for path, act in acts:
            self.blueprint.add_url_rule(path, act.__name__, self._told(path.split("/")[1], act), methods=["POST"])

    def _told(self, section: str, act: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
        """Without script a refusal is the page with the sentence where the form stands, and what was typed in its fields."""

        def view(**named: str) -> ResponseReturnValue:
            if not self.settings.has_people:
                raise NotFound(NOTHING)
            try:
                return act(**named)
            except NotFound:
                raise
            except Problem as problem:
                if wants_json():
                    raise
                return self._page(trouble=sentence_of(problem), where=section, about=named.get("id", ""), typed=request.form,
                                  status=problem.status)

        return view

    # the page

    def show(self) -> ResponseReturnValue:
        if self.checkup.due:
            self.checkup.begin()
        return self._page()

    def _page(
        self, *, trouble: str = "", where: str = "", about: str = "", typed: Mapping[str, str] | None = None, status: int = 200,
        **once: Any,
    ) -> ResponseReturnValue:
        """`trouble` is a sentence for the section `where`, about the person or the invitation with that id; `once` is what is
        shown only now: link."""
        models = self.views.models.page()
        rows = [*models["language"], *models["speech"]]
        return render_template(
            "owner.html", current=None, trouble=trouble, where=where, about=about, typed=typed or {}, mode=self.settings.mode,
            people=[self._person(person) for person in self.people.all()] if self.settings.has_people else None,
            barred=self.people.barred() if self.settings.has_people else (),
            invitations=[_invitation(each) for each in self.people.invitations.all()] if self.settings.mode == "invite" else None,
            standard={"turns": self.settings.turns_a_minute, "tokens": self.settings.tokens_a_day},
            loaded=self._loaded(rows), memory=self.views.models.memory(), queue=self._queue(), storage=self._storage(rows),
            certificate=self._certificate(), **self._checkup(), **once, **self.views.lists.asked(),
        ), status

    def _person(self, person: Person) -> View:
        time.sleep(0)  # others may go on in between
        devices = self.people.devices.of(person.id)
        keys = self.people.keys.of(person.id)
        me = presence().person
        return {
            "id": person.id, "name": person.name, "email": person.email, "rank": person.rank, "since": day(person.created_at),
            "seen": since(last_seen(devices, keys)), "keys": len(keys),
            "devices": [browser_name(device.name) for device in devices],
            "conversations": self.services.store.count(person.id), "tokens": self.people.usage.tokens_today(person.id),
            "turns_a_minute": person.turns_a_minute, "tokens_a_day": person.tokens_a_day,
            "me": me is not None and me.id == person.id,
        }

    def _loaded(self, models: Sequence[View]) -> list[View]:
        """Those that hold memory, or will, each with how it works where it tells that."""
        figures = self.services.figures()
        return [
            row | {"work": engine_views.shown(figures[row["name"]], row["context"]) if row["name"] in figures else None}
            for row in models if row["status"] in ("loading", "ready") and row["kind"] != "remote"
        ]

    def _queue(self) -> View:
        """Answers in work and in the line, of all models together."""
        names = [state.name for state in self.views.models.states() if state.kind != "speech" and state.status == "ready"]
        states = []
        for name in names:
            with suppress(Problem):
                states.append(self.services.fleet.engine(name).state())
        return {
            "working": sum(state.working for state in states), "waiting": sum(state.waiting for state in states),
            "parallel": self.settings.parallel, "most": self.settings.queue, "most_of_one": self.settings.queue_owner,
        }

    def _storage(self, models: Sequence[View]) -> View:
        """`size` is None for a database that another server keeps."""
        at = makers.store_address(self.settings)
        kinds = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "redis": "Redis"}
        parts = [at.path, *(at.path.with_name(at.path.name + end) for end in ("-wal", "-shm"))] if at.path is not None else []
        place = self.settings.data
        on_disk = [row["size"] for row in models
                   if row["status"] in ("sleeping", "loading", "ready", "failed") and row["kind"] not in ("remote", "echo")]
        return {
            "kind": kinds[at.kind], "at": at.shown, "size": sum(map(_size, parts)) if parts else None,
            "free": shutil.disk_usage(place).free, "models": sum(on_disk), "folder": str(self.settings.models),
            "conversations": self.services.store.count(),
        }

    def _certificate(self) -> View | None:
        """None where none can be read."""
        own = self.settings.certificate
        try:
            facts = certs.facts(self.settings.certs / "webbot.pem" if not own else Path(own).expanduser())
        except (OSError, ValueError):
            return None
        ends = facts.ends.timestamp()
        return {"names": facts.names, "ends": day(ends), "left": until(ends), "own": bool(own)}

    # the self-check

    def _checkup(self) -> View:
        return {
            "findings": self.checkup.found, "looking": self.checkup.looks,
            "looked": since(self.checkup.looked_at) if self.checkup.looked_at else "",
        }

    def findings(self) -> ResponseReturnValue:
        """What was found, as a part of the page; the script asks until the looking has ended."""
        found = self._checkup()
        if wants_json():
            return jsonify(looking=found["looking"], findings=[
                {"what": each.what, "remedy": each.remedy, "needed": each.needed} for each in found["findings"]
            ])
        return render_template("_findings.html", **found)

    def look(self) -> ResponseReturnValue:
        forms.only()
        self.checkup.begin()
        return self._done("checkup")

    # people

    def rename(self, id: str) -> ResponseReturnValue:
        forms.only("name")
        self.people.change(self.people.person(id).id, name=forms.text("name", limit=NAME_BYTES))
        return self._done(id)

    def limit(self, id: str) -> ResponseReturnValue:
        """An empty field is the server's setting, 0 is no limit."""
        forms.only("turns_a_minute", "tokens_a_day")
        person = self.people.person(id)
        self.people.change(person.id, turns_a_minute=forms.whole("turns_a_minute"), tokens_a_day=forms.whole("tokens_a_day"))
        return self._done(id)

    def rank(self, id: str) -> ResponseReturnValue:
        forms.only("rank")
        rank = forms.choice("rank", "owner", "member")
        if rank is None:
            raise BadInput("A person is owner or member.", parameter="rank")
        self.people.person(id)
        if self.settings.mode != "invite":
            raise Conflict("Who owns this server is set with WEBBOT_OWNERS here.")
        self.people.change(id, rank=rank)
        me = presence().person
        if rank == "member" and me is not None and me.id == id:
            return jsonify(url="/preferences") if wants_json() else redirect("/preferences", 303)
        return self._done(id)

    def sign_out(self, id: str) -> ResponseReturnValue:
        """Ends all sessions of that person."""
        forms.only()
        self.people.devices.sign_out_all(self.people.person(id).id)
        return self._done(id)

    def remove(self, id: str) -> ResponseReturnValue:
        forms.only()
        self.services.part_with(self.people.person(id).id)
        return self._done("people")

    def admit(self, id: str) -> ResponseReturnValue:
        """Lets somebody in again who was removed."""
        forms.only()
        self.people.admit(id)
        return self._done("people")

    # invitations

    def invite(self) -> ResponseReturnValue:
        forms.only("name", "rank")
        if self.settings.mode != "invite":
            raise NotFound(NOTHING)
        rank = forms.choice("rank", "owner", "member") or "member"
        me = presence().person
        invitation, token = self.people.invite(
            forms.text("name", limit=NAME_BYTES), "owner" if rank == "owner" else "member", me.id if me else "",
        )
        address, *others = reachable.links(self.settings, f"join/{token}")
        if wants_json():
            told = {"id": invitation.id, "name": invitation.name, "rank": invitation.rank, "ends_at": invitation.ends_at}
            return jsonify(told | {"link": address, "others": others}), 201
        shown = {"address": address, "others": others, "drawn": drawn(address), "name": invitation.name,
                 "ends": until(invitation.ends_at)}
        return self._page(link=shown, status=201)

    def take_back(self, id: str) -> ResponseReturnValue:
        forms.only()
        self.people.invitations.take_back(id)
        return self._done("invitations")

    @staticmethod
    def _done(section: str) -> ResponseReturnValue:
        return jsonify(url="/owner") if wants_json() else redirect(f"/owner#{section}", 303)


def _invitation(invitation: Invitation) -> View:
    return {"id": invitation.id, "name": invitation.name, "rank": invitation.rank, "ends": until(invitation.ends_at)}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
