"""Models of this machine that are echoes in place of processes, for tests of the page: loaded and unloaded like any other."""

import dataclasses
import threading
import time
from contextlib import contextmanager

import pytest

from tests.models.hub_server import Hub
from webbot import makers
from webbot.engines.base import EngineState
from webbot.engines.echo import EchoEngine
from webbot.models import manifest
from webbot.models.catalog import STARTER
from webbot.services import Services
from webbot.settings import load

HELD = 1_500_000_000  # bytes


class EchoModel(EchoEngine):
    """An echo with a name that answers once `loaded` is set."""

    def __init__(self, name, pause=0.0):
        super().__init__(pause=pause)
        self.name, self.loaded, self.failed = name, threading.Event(), ""
        self.loaded.set()

    def state(self):
        if self.failed:
            return EngineState(name=self.name, status="failed", sentence=self.failed)
        if not self.loaded.is_set():
            return EngineState(name=self.name, status="loading", progress=0.4, sentence="Reading the weights.")
        return dataclasses.replace(super().state(), name=self.name, memory=HELD)


class EchoModels:
    """The models `alpha` and `beta` in the folder of models, beside the starter. `made` are those that were started."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.made, self.slow, self.broken = folder, {}, set(), {}
        self.put()
        monkeypatch.setattr(makers, "language_model", self.make)

    def put(self):
        for name in ("alpha", "beta"):
            if (self.folder / name).exists():
                continue
            (self.folder / name).mkdir(parents=True)
            for file in STARTER.iterdir():
                (self.folder / name / file.name).symlink_to(file)
            manifest.write(self.folder / name, manifest.Manifest(repository=f"owner/{name}", revision="0" * 40))

    def begin_anew(self, services):
        """As at the start: the starter serves, the others sleep."""
        fleet = services.fleet
        self.slow.clear()
        self.broken.clear()
        for model in self.made.values():
            model.loaded.set()
        for reply in list(services.chat._running.values()):
            reply.stop()
            reply.wait(5)
        while fleet.coming is not None and not fleet.coming.failed:
            time.sleep(0.01)
        fleet.coming, fleet.serving = None, "starter"
        for name in list(fleet.members):
            fleet._forget(name)
        self.made.clear()
        self.put()
        fleet.wake()

    def make(self, settings, found, _beside=0):
        model = EchoModel(found.title)
        if found.name in self.slow:
            model.loaded.clear()
        model.failed = self.broken.get(found.name, "")
        self.made[found.name] = model
        return model


@contextmanager
def services_with_echoes(folder):
    """(services, models, hub): a server's parts with the models starter, alpha and beta, and a hub that has owner/tiny."""
    hub = Hub({"owner/tiny": STARTER})
    with pytest.MonkeyPatch.context() as patch:
        models = EchoModels(folder / "models", patch)
        patch.setenv("HF_ENDPOINT", hub.address)
        given = {"data": folder / "data", "certs": folder / "certs", "models": models.folder, "rate_limit": 10_000}
        services = Services.open(load({}, engine="local", speech=False, **given))
        yield services, models, hub
        services.close()
    hub.close()
