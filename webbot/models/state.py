"""How a model is, as a thing that one lists, brings here, uses and removes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["local", "gguf", "remote", "echo", "speech"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelState:
    """One model. `name` is what requests, the command line and the menus say, `title` is for people.

    `status`: "absent" is not on this machine, "coming" is being downloaded, "sleeping" is here and takes no memory until it is
    asked, "loading", "ready" and "failed" are those of its engine. `progress` is 0 to 1 where it is known; `sentence` says
    what goes on or what failed. `size` are its bytes on the disk (or of the download; 0 unknown), `memory` the bytes that it
    holds now, `needs` those that it is planned to take (0 unknown). `serves`: answers where nothing else was chosen.
    `possible` says whether it can be used here, `reason` why not (with figures). `chosen` by a person, by way of a setting or
    `use`; `removable` is whether webbot may delete its files: those that it downloaded itself.
    """

    name: str
    title: str
    kind: Kind
    status: Literal["absent", "coming", "sleeping", "loading", "ready", "failed"]
    progress: float | None = None
    sentence: str = ""
    size: int = 0
    memory: int = 0
    needs: int = 0
    context: int = 0
    serves: bool = False
    starter: bool = False
    possible: bool = True
    reason: str = ""
    removable: bool = False

    def but(self, **changes: Any) -> ModelState:
        """The same with these changes."""
        return replace(self, **changes)
