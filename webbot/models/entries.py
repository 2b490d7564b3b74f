"""The models that webbot knows by a short name, and the revision of the hub that each stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Source:
    """A place on the hub: its owner and name, and the commit that is fetched, whatever is put there later."""

    repository: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A model that can be brought here by name. Of `sources` the first that may be read is taken; `size` is in bytes.

    Whisper comes from openai's own server: `weights` is its name there, which stands for one SHA-256 (speech.weights).
    `parameters`, `embedded` of them in the table of tokens, `cached` (the numbers that its cache holds for a token) and `window`
    are its shape, known before it is here.
    """

    name: str
    title: str
    kind: Literal["local", "speech"] = "local"
    sources: tuple[Source, ...] = ()
    weights: str = ""
    size: int = 0
    parameters: int = 0
    embedded: int = 0
    cached: int = 0
    window: int = 0

    @property
    def repositories(self) -> tuple[str, ...]:
        """The names on the hub."""
        return tuple(source.repository for source in self.sources)


ENTRIES = (
    Entry(
        name="llama-3.2-1b", title="Llama 3.2 1B", size=2_488_000_000, parameters=1_235_814_400,
        embedded=128_256 * 2048, cached=2 * 16 * 8 * 64, window=131_072,
        sources=(
            Source("meta-llama/Llama-3.2-1B-Instruct", "9213176726f574b556790deb65791e0c5aa438b6"),
            Source("unsloth/Llama-3.2-1B-Instruct", "5a8abab4a5d6f164389b1079fb721cfab8d7126c"),
        ),
    ),
    Entry(
        name="llama-3.2-3b", title="Llama 3.2 3B", size=6_443_000_000, parameters=3_212_749_824,
        embedded=128_256 * 3072, cached=2 * 28 * 8 * 128, window=131_072,
        sources=(
            Source("meta-llama/Llama-3.2-3B-Instruct", "0cb88a4f764b7a12671c53f0838cd831a0843b95"),
            Source("unsloth/Llama-3.2-3B-Instruct", "006f5dcd1393c3add266de40994ba96225e9689d"),
        ),
    ),
    Entry(name="whisper-base", title="Whisper base", kind="speech", weights="base", size=145_262_807),
    Entry(name="whisper-small", title="Whisper small", kind="speech", weights="small", size=483_617_219),
    Entry(name="whisper-large-v3-turbo", title="Whisper large v3 turbo", kind="speech", weights="large-v3-turbo",
          size=1_617_941_637),
)


def entry_of(name: str) -> Entry | None:
    """The entry of a name, in any case, also by the name that it has on the hub."""
    wanted = name.lower()
    return next((entry for entry in ENTRIES if wanted in (entry.name, *map(str.lower, entry.repositories))), None)
