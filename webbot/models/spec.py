"""What a person writes to name a model of the hub: OWNER/NAME, OWNER/NAME@REVISION, OWNER/NAME:Q4_K_M, OWNER/NAME:FILE.gguf."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

MAIN = "main"
WORD = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?"
FORM = re.compile(rf"(?P<repository>{WORD}/{WORD})(?:@(?P<revision>{WORD}(?:/{WORD})*))?(?::(?P<file>{WORD}(?:/{WORD})*))?")
COMMIT = re.compile(r"[0-9a-f]{40}")
PART = re.compile(r"-(\d{5})-of-(\d{5})$")  # how llama.cpp names the parts of a file that was split


@dataclass(frozen=True, slots=True)
class Spec:
    """`file` is "" for a folder of safetensors, else a GGUF file of the repository or the name of its quantisation."""

    repository: str
    revision: str = MAIN
    file: str = ""

    def __str__(self) -> str:
        revision = "" if self.revision == MAIN else f"@{self.revision}"
        return f"{self.repository}{revision}{f':{self.file}' if self.file else ''}"

    @property
    def folder(self) -> str:
        """The name of its folder among the models."""
        revision = "" if self.revision == MAIN else f"@{self.revision.replace('/', '-')}"
        return f"{self.repository.replace('/', '--')}{revision}"

    @property
    def is_gguf(self) -> bool:
        return bool(self.file)

    def matches(self, file: str) -> bool:
        """Whether a file of the repository is meant: by its path there, its name, or its quantisation."""
        path = PurePosixPath(file)
        if path.suffix.lower() != ".gguf":
            return False
        if self.file.lower().endswith(".gguf"):
            return self.file in (file, path.name)
        return quantisation_of(path.stem, self.file)

    def is_kept_as(self, name: str) -> bool:
        """Whether a file on this machine is the one that was meant: folders of the hub are left out here."""
        return self.matches(name) or name == PurePosixPath(self.file).name


def parse(text: str) -> Spec | None:
    """None for what is no name of the hub."""
    found = FORM.fullmatch(text) if len(text) < 300 and ".." not in text else None
    if found is None:
        return None
    return Spec(found["repository"], found["revision"] or MAIN, found["file"] or "")


def quantisation_of(stem: str, wanted: str) -> bool:
    """Whether a file without its ending is named after that quantisation: "x-Q4_K_M" after "q4_k_m", but not after "Q4_K"."""
    return re.search(rf"(?:^|[-._]){re.escape(wanted)}$", PART.sub("", stem), re.IGNORECASE) is not None


def first_part(stem: str) -> bool:
    """False for the second and further parts of a split file."""
    part = PART.search(stem)
    return part is None or int(part[1]) == 1
