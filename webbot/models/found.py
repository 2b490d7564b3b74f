"""A model as the catalog finds it: what it is called, what it is and where."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from webbot.models import spec
from webbot.models.entries import Entry
from webbot.models.spec import Spec
from webbot.models.unfinished import Unfinished
from webbot.speech import weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A model and its folder or file; `path` is None while it is not on this machine.

    `name` is unique and what requests say: lower case, without blanks, never a path. `title` is for people. `size` are bytes on
    the disk, or of the download while it is absent; 0 where nobody knows. `removable`: webbot downloaded it and may delete it.
    `hub` is where it can be had beside the entries, `spelled` what the settings call it,
    `begun` a download of it that did not come to its end.
    """

    name: str
    title: str
    path: Path | None = None
    kind: Literal["local", "gguf", "speech"] = "local"
    size: int = 0
    starter: bool = False
    entry: Entry | None = None
    removable: bool = False
    hub: Spec | None = None
    spelled: str = ""
    begun: Unfinished | None = None

    def is_called(self, name: str) -> bool:
        """Whether a name means this model: its own, the setting's, the hub's, or its title without blanks."""
        said = [self.name, dashed(self.title), *(self.entry.repositories if self.entry else ())]
        said += [str(self.hub), self.hub.repository] if self.hub is not None else []
        if self.kind == "speech":
            said.append(self.name.removeprefix(weights.PREFIX))
            name = weights.full_name(name.lower()) if weights.known(name.lower()) else name
        if name.lower() in map(str.lower, said) or (bool(self.spelled) and name == self.spelled):
            return True
        asked = spec.parse(name) if self.kind == "gguf" else None
        return asked is not None and asked.is_gguf and self.hub is not None and self.path is not None \
            and self.hub.repository == asked.repository and asked.is_kept_as(self.path.name)


def dashed(title: str) -> str:
    """A name from a title or a file's: lower case, dashes for what is neither letter, digit nor one of . _ @ + -"""
    return re.sub(r"[^\w.@+-]+", "-", title.strip().lower()).strip("-.") or "model"


def titled(stem: str) -> str:
    """A title from a file's name."""
    return stem.replace("-", " ")
