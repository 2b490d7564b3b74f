"""A runner over the starter for tests, and prompts for it."""

import copy
import random
from contextlib import contextmanager

import torch

from tests.engines.conftest import until
from webbot.engines.compute import network as networks
from webbot.engines.compute.cache import PagedCache
from webbot.engines.compute.captured import Captured
from webbot.engines.compute.kernels import plain
from webbot.engines.compute.launch import Launcher
from webbot.engines.compute.pages import Pages
from webbot.engines.compute.request import Request
from webbot.engines.compute.runner import Runner
from webbot.engines.compute.sampling import choose_by
from webbot.engines.compute.scheduler import Scheduler

LENGTH, PAGE = 24, 16


@contextmanager
def running(model, *, pages=512, rows=8, ends=(), queue=64, piece=0, wrap=lambda network: network, late=False):
    """`piece` fixes how many tokens a step may compute; `wrap` may change the network; `late` computes as on a GPU: the
    kernels' equals in torch, steps of fixed shapes, tokens that are read while the next step is computed."""
    cache = PagedCache(model.config, pages, PAGE, torch.device("cpu"), torch.float32)
    cache.kernels = plain if late else None
    network = wrap(networks.make(copy.deepcopy(model), cache, "plain"))
    scheduler = Scheduler(rows, Pages(pages, PAGE), queue, queue)
    captured = Captured(network, choose_by, cache, rows=rows, pages=2048 // PAGE, dry=True) if late else None
    launcher = Launcher(network, PAGE, torch.device("cpu"), frozenset(ends), captured=captured, late=late)
    runner = Runner(launcher, scheduler, ends)
    runner.scheduler = scheduler
    if piece:
        runner._piece, runner._learn = piece, lambda step, seconds: None
    runner.start()
    try:
        yield runner
        until(lambda: runner.load() == (0, 0))
        assert scheduler.pages.used == 0  # whatever happened, nobody holds a page any more
    finally:
        runner.stop()


def prompts(seed, lengths):
    generator = random.Random(seed)
    return [[0, *(generator.randrange(8, 4096) for _ in range(length - 1))] for length in lengths]


def submit(runner, prompt, limit=LENGTH, **options):
    request = Request(prompt=prompt, limit=limit, **options)
    runner.submit(request)
    return request


def read(request):
    tokens = []
    while isinstance(event := request.events.get(timeout=60), int):
        tokens.append(event)
    return tokens, event
