"""The person whom a proxy in front of this server names."""

from __future__ import annotations

from webbot.people import People, Person
from webbot.settings import Settings


class Proxy:
    """Believes the proxy's headers only with its secret, over its socket, or from its address."""

    def __init__(self, settings: Settings, people: People) -> None:
        self.settings, self.people = settings, people

    def person(self) -> Person | None:
        """None where no proxy speaks. Raises Unwelcome for whoever only says to be one."""
        return None
