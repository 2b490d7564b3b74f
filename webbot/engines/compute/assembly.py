"""Puts a runner together for a model that was loaded: the same way for the server and for whoever measures it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from webbot.engines.compute import network as networks
from webbot.engines.compute.cache import PagedCache, bytes_a_token
from webbot.engines.compute.captured import Captured
from webbot.engines.compute.fitting import threads_for
from webbot.engines.compute.launch import Launcher
from webbot.engines.compute.pages import Pages
from webbot.engines.compute.planning import PAGE
from webbot.engines.compute.runner import Runner
from webbot.engines.compute.sampling import choose_by
from webbot.engines.compute.scheduler import Scheduler
from webbot.engines.llama.loading import Loaded
from webbot.engines.processor import thread_limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a runner is asked for: `context` in tokens, `parallel` answers at once, how many may wait, `threads` (0: by itself),
    how weights are held, `cache_bytes` for keys and values (0: whole windows for all of them)."""

    context: int
    parallel: int = 8
    queue: int = 64
    queue_owner: int = 8
    threads: int = 0
    weights: str = "auto"
    cache_bytes: int = 0


def assemble(loaded: Loaded, wanted: Wanted) -> Runner:
    """A runner that was warmed up and is not started. Raises Unusable when the model leaves no memory to compute in."""
    torch.set_num_threads(thread_limit(wanted.threads or threads_for(loaded)))
    each = bytes_a_token(loaded.model.config, loaded.precision)
    count = wanted.cache_bytes // (PAGE * each) or wanted.parallel * -(-wanted.context // PAGE)
    cache = PagedCache(loaded.model.config, count, PAGE, loaded.device, loaded.precision)
    network = networks.make(loaded.model, cache, wanted.weights)
    scheduler = Scheduler(wanted.parallel, Pages(count, PAGE), wanted.queue, wanted.queue_owner)
    captured = None
    if cache.kernels is not None:
        captured = Captured(network, choose_by, cache, rows=wanted.parallel, pages=-(-wanted.context // PAGE))
        captured.capture()
    launcher = Launcher(network, PAGE, loaded.device, loaded.ends, captured=captured, bytes_a_token=each)
    runner = Runner(launcher, scheduler, loaded.ends)
    runner.warm_up()
    return runner
