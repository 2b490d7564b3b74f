"""What the engines of this machine measured of themselves (engines/compute/figures), in Prometheus' form, by model.

They are counted where a model computes, so that all web processes tell the same. A model that is loaded again begins at 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from webbot.engines.compute.figures import STEP_BOUNDS, WAIT_BOUNDS

Figures = Mapping[str, Mapping[str, Any]]  # by the name of the model
# kind: the figure behind it
TOKENS = {"read": "read", "written": "written", "drafted": "drafted", "accepted": "accepted", "asked": "asked", "cached": "found"}
COUNTERS = {
    "failures": ("webbot_engine_failures", "Answers that the engine could not finish"),
    "preemptions": ("webbot_engine_preemptions", "Answers that gave their pages away and were read again"),
    "evictions": ("webbot_engine_evictions", "Pages of earlier conversations that gave way to new ones"),
}
GAUGES = {
    "rate": ("webbot_engine_tokens_per_second", "Tokens written a second, in the last 5 seconds"),
    "conversations": ("webbot_engine_conversations_kept", "Conversations whose keys and values are kept for their next turn"),
}
PARTS = {
    "pages": ("webbot_engine_pages", "Pages of the cache by their state", "state", ("used", "kept", "free")),
    "gpu": ("webbot_engine_gpu_bytes", "Memory of the GPU that the model's process holds", "kind", ("allocated", "reserved")),
}
SECONDS = {
    "steps": ("webbot_engine_step_seconds", "One step of the model, whatever number of answers it computes", STEP_BOUNDS),
    "queue": ("webbot_engine_queue_seconds", "From asking the engine to an answer's first step", WAIT_BOUNDS),
    "prefill": ("webbot_engine_prefill_seconds", "From an answer's first step to its first token", WAIT_BOUNDS),
    "first": ("webbot_engine_first_token_seconds", "From asking the engine to an answer's first token", WAIT_BOUNDS),
    "decode": ("webbot_engine_decode_seconds", "From an answer's first token to its end", WAIT_BOUNDS),
}


class EngineMetrics:
    """A collector as Prometheus' library reads it."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        yield self._tokens()
        for figure, (name, text) in COUNTERS.items():
            counter = CounterMetricFamily(name, text, labels=["model"])
            for model, taken in self._having(figure):
                counter.add_metric([model], taken[figure])
            yield counter
        for figure, (name, text) in GAUGES.items():
            gauge = GaugeMetricFamily(name, text, labels=["model"])
            for model, taken in self._having(figure):
                gauge.add_metric([model], taken[figure])
            yield gauge
        yield from self._parts()
        yield from self._seconds()

    def _having(self, figure: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The models that tell this figure."""
        return ((model, taken) for model, taken in self._figures.items() if figure in taken)

    def _tokens(self) -> Metric:
        text = "Tokens: read and written by the model, drafted and accepted as guesses, asked in prompts and cached of these"
        counter = CounterMetricFamily("webbot_engine_tokens", text, labels=["model", "kind"])
        for kind, figure in TOKENS.items():
            for model, taken in self._having(figure):
                counter.add_metric([model, kind], taken[figure])
        return counter

    def _parts(self) -> Iterator[Metric]:
        answers = GaugeMetricFamily("webbot_engine_answers", "Answers by their state", labels=["model", "state"])
        for state in ("running", "waiting"):
            for model, taken in self._having(state):
                answers.add_metric([model, state], taken[state])
        yield answers
        page = GaugeMetricFamily("webbot_engine_page_bytes", "Bytes of one page", labels=["model"])
        for model, taken in self._having("pages"):
            page.add_metric([model], taken["pages"].get("bytes", 0))
        yield page
        for figure, (name, text, label, values) in PARTS.items():
            gauge = GaugeMetricFamily(name, text, labels=["model", label])
            for model, taken in self._having(figure):
                for value in values:
                    gauge.add_metric([model, value], taken[figure].get(value, 0))
            yield gauge

    def _seconds(self) -> Iterator[Metric]:
        for figure, (name, text, bounds) in SECONDS.items():
            histogram = HistogramMetricFamily(name, text, labels=["model"])
            for model, taken in self._having(figure):
                buckets, total = [], 0
                for bound, count in zip((*map(str, bounds), "+Inf"), taken[figure]["counts"], strict=True):
                    total += count
                    buckets.append((bound, total))
                histogram.add_metric([model], buckets, taken[figure]["sum"])
            yield histogram
