"""What happens to a conversation beside its answers, posted to its channel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Changed:
    """Posted when a conversation was renamed, got another role or was cleared."""

    cleared: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """Posted when a conversation was deleted."""
