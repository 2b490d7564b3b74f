"""Makes the parts of a server from its settings. The only chooser of classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from webbot.chat import titling
from webbot.engines.base import Engine
from webbot.engines.echo import EchoEngine
from webbot.engines.embedder import Embedder
from webbot.engines.fair import FairEngine
from webbot.engines.gguf import GgufEngine
from webbot.engines.local import LocalEngine
from webbot.engines.remote import RemoteEngine, list_models
from webbot.errors import SettingsError
from webbot.models import catalog, plan
from webbot.models.catalog import Found
from webbot.models.fleet import Fleet
from webbot.models.hearing import Hearing
from webbot.models.household import Household
from webbot.models.upstream import Upstream
from webbot.settings import Settings
from webbot.speech import weights
from webbot.speech.transcribe import Transcriber
from webbot.store import address
from webbot.store.address import StoreAddress
from webbot.store.base import Store

if TYPE_CHECKING:
    from webbot.relay import RelayedChannels

PARALLEL_ELSEWHERE = 32  # answers that one model of a server elsewhere is asked for at once


def store_address(settings: Settings) -> StoreAddress:
    """Where the conversations are kept. Raises SettingsError for what names no store."""
    return address.read(settings.store) if settings.store else address.in_folder(settings.data)


def store(settings: Settings) -> Store:
    """The store of the settings, opened. Raises what `open_store` raises."""
    return open_store(store_address(settings))


def open_store(at: StoreAddress) -> Store:
    """The store at that address. Raises SettingsError for one that cannot be used, Unavailable for one that is away."""
    if at.kind == "redis":
        from webbot.store.redis import RedisStore

        return RedisStore(at.url)
    from webbot.store.sql import SqlStore

    return SqlStore(at.url)


def relay_url(settings: Settings) -> str:
    """The Redis through which web processes tell one another what happens; "" where there is none. Raises SettingsError."""
    named = settings.redis or settings.store
    if not named:
        return ""
    at = address.read(named)
    if at.kind == "redis":
        return at.url
    if settings.redis:
        raise SettingsError("WEBBOT_REDIS is the address of a Redis: redis://HOST/0.")
    return ""


def relay(settings: Settings) -> RelayedChannels | None:
    """What reaches other web processes, where there is a Redis for it. Raises SettingsError."""
    url = relay_url(settings)
    if not url:
        return None
    from webbot.relay import RelayedChannels

    return RelayedChannels(url)


def household(settings: Settings) -> Household:
    """The models of this machine, in processes of this one. Raises SettingsError."""
    speech = hearing(settings)
    return Household(settings, fleet(settings, speech), speech, embedder(settings))


def fleet(settings: Settings, hearing: Hearing | None) -> Fleet:
    """Every language model. With the echo engine there is no other."""
    fixed = {"echo": _in_line(settings, EchoEngine(settings.context, pause=0.02))} if settings.engine == "echo" else {}
    beside = hearing.needs if hearing is not None else dict
    return Fleet(settings, partial(_started, settings, hearing), list(_upstreams(settings)), fixed=fixed, beside=beside)


def _started(settings: Settings, hearing: Hearing | None, found: Found) -> Engine:
    """A model of this machine with the line in front of it: both are there while the model is in memory."""
    return _in_line(settings, language_model(settings, found, _unheard(settings, hearing) if hearing is not None else 0))


def _unheard(settings: Settings, hearing: Hearing) -> int:
    """The bytes that the speech model is going to take: 0 once it is there."""
    if hearing.current.starter and weights.known(settings.speech_model):
        return plan.need(catalog.find(settings.speech_model, settings), settings)
    return sum(hearing.needs().values()) if hearing.current.state().status != "ready" else 0


def _in_line(settings: Settings, engine: Engine, parallel: int = 0) -> FairEngine:
    """The engine behind a fair line; `parallel` 0 is that of the settings."""
    return FairEngine(engine, parallel or settings.parallel, settings.queue, settings.queue_owner, background={titling.OWNER})


def language_model(settings: Settings, found: Found, others: int = 0) -> Engine:
    """Starts the process of a model that is on this machine. `others` are bytes for models that are still to be loaded."""
    shared: dict[str, Any] = {
        "name": found.title, "starter": found.starter, "context": settings.context, "parallel": settings.parallel,
        "queue": settings.queue, "queue_owner": settings.queue_owner, "threads": settings.threads,
        "token_timeout": settings.token_timeout, "runtime": settings.data / "run",
    }
    if found.kind == "gguf":
        return GgufEngine(found.path, gpu_layers=settings.gpu_layers if settings.device != "cpu" else 0, **shared)
    return LocalEngine(found.path, device=settings.device, precision=settings.precision, weights=settings.weights,
                       cache_memory=settings.cache_memory, spare=plan.spare(settings, others), **shared)


def check(settings: Settings) -> None:
    """Raises SettingsError for addresses and keys of servers that are none, and for a store that is none."""
    store_address(settings)
    for upstream in _upstreams(settings):
        upstream.close()


def _upstreams(settings: Settings) -> Iterator[Upstream]:
    """The operator's own server first, then OpenAI."""
    if settings.remote_url:
        url, key = settings.remote_url, settings.remote_key
        yield Upstream(_remote(settings, url, key, settings.remote_end), known=settings.remote_model,
                       names=partial(list_models, url, key))
    if settings.openai_key:
        yield Upstream(_remote(settings, settings.openai_url, settings.openai_key), known=settings.openai_models, anything=True)


def _remote(settings: Settings, url: str, key: str, end: str = "") -> Callable[[str], Engine]:
    """What makes the engine of a model of that server. Raises SettingsError for an address or a key that is none: at the start,
    not at the first question."""
    def make(model: str) -> Engine:
        engine = RemoteEngine(
            url, model=model, key=key, end=end, name=model, context=settings.context, token_timeout=settings.token_timeout,
            parallel=PARALLEL_ELSEWHERE,
        )
        return _in_line(settings, engine, PARALLEL_ELSEWHERE)

    make("").close()
    return make


def embedder(settings: Settings) -> Embedder | None:
    """The model for sentence embeddings, where one is set."""
    if not settings.embedding_model:
        return None
    return Embedder(
        Path(settings.embedding_model).expanduser().resolve(), device=settings.device, threads=settings.threads,
        queue=settings.queue, queue_owner=settings.queue_owner, runtime=settings.data / "run",
    )


def hearing(settings: Settings) -> Hearing | None:
    """The speech models, where speech is on."""
    return Hearing(settings, partial(_transcriber, settings)) if settings.speech else None


def _transcriber(settings: Settings, found: weights.Found) -> Transcriber:
    return Transcriber(
        found.path, name=found.name, starter=found.starter, device=settings.device, threads=settings.threads,
        runtime=settings.data / "run", seconds=settings.audio_seconds, engine=settings.speech_engine,
    )
