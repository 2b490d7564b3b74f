"""The doors for programs, as the rest of the house sees them: where they are, how they tell an error, who checks who comes in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flask import Flask, Response, current_app, request

from webbot.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An error on its way to a program. `sentence` is English; the rest as in errors.Problem."""

    status: int
    sentence: str
    parameter: str = ""
    code: str = ""
    retry_after: int | None = None

    @classmethod
    def of(cls, problem: Problem) -> Trouble:
        return cls(status=problem.status, sentence=str(problem), parameter=problem.parameter, code=problem.code,
                   retry_after=problem.retry_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramDoor:
    """A door at `prefixes` and below. `tell` gives an error its wire form; what every error has is added by `refusal`.

    `scope` is what a person's key must be for, `scopes` the same for some paths. With `checks` the door itself finds out who
    comes in (a signed token, say); otherwise a key does where one is needed.
    """

    prefixes: tuple[str, ...]
    tell: Callable[[Trouble], Response]
    checks: bool = False
    scopes: Mapping[str, str] = field(default_factory=dict)
    scope: str = "chat"

    def scope_of(self, path: str) -> str:
        """What a person's key must be for to open that path."""
        return next((scope for prefix, scope in self.scopes.items() if path.startswith(prefix)), self.scope)

    def refusal(self, trouble: Trouble) -> Response:
        """The error as this door's programs read it, with its status."""
        response = self.tell(trouble)
        response.status_code = trouble.status
        if trouble.retry_after:
            response.headers["Retry-After"] = str(trouble.retry_after)
        if trouble.status == 401 and not self.checks:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response

    def holds(self, path: str) -> bool:
        return any(path == prefix or path.startswith(f"{prefix}/") for prefix in self.prefixes)


def install_programs(app: Flask, *doors: ProgramDoor) -> None:
    app.extensions["program_doors"] = doors


def program_door() -> ProgramDoor | None:
    """The door of the running request; None for the page's."""
    doors: tuple[ProgramDoor, ...] = current_app.extensions.get("program_doors", ())
    return next((door for door in doors if door.holds(request.path)), None)
