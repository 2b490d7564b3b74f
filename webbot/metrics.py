"""The names of all counters and histograms, in Prometheus' form. GET /metrics prints them. Each web process counts for itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Metric, generate_latest

process = ""  # the number of this web process, where there are several

answers = Counter("webbot_answers_total", "Answers by how they ended", ["end"])
answer_tokens = Counter("webbot_answer_tokens_total", "Tokens written by the language model")
first_token_seconds = Histogram(
    "webbot_first_token_seconds", "From the model's start on a question to its first token",
    buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
)
transcripts = Counter("webbot_transcripts_total", "Recordings by their outcome", ["end"])
transcribe_seconds = Histogram(
    "webbot_transcribe_seconds", "From the end of the upload to the transcript", buckets=(0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)
)
requests = Counter("webbot_requests_total", "HTTP requests by status", ["status"])
request_seconds = Histogram(
    "webbot_request_seconds", "HTTP requests without streams", buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 30)
)
streams = Gauge("webbot_streams", "Open event streams")
busy = Gauge("webbot_answers_running", "Answers in work or waiting")
queue_waiting = Gauge("webbot_queue_waiting", "Answers that wait for their turn with the model that serves")
queue_working = Gauge("webbot_queue_working", "Answers that the model that serves is working on")
queue_wait_seconds = Histogram(
    "webbot_queue_wait_seconds", "From asking a model to an answer's turn", buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)
)
refused = Counter("webbot_refused_total", "Answers that were not begun, by what spoke against it", ["why"])
ready = Gauge("webbot_ready", "1 when the language model answers")


class _OfOneProcess:
    """The figures of this process, each with its number."""

    def collect(self) -> Iterator[Metric]:
        for metric in REGISTRY.collect():
            labelled = Metric(metric.name, metric.documentation, metric.type, metric.unit)
            labelled.samples = [sample._replace(labels={**sample.labels, "web_process": process}) for sample in metric.samples]
            yield labelled


class Collector(Protocol):
    """More figures, looked at when they are printed."""

    def collect(self) -> Iterator[Metric]: ...


def printed(more: Collector) -> bytes:
    """All figures; where there are several web processes, those of the one that answers, labelled `web_process`. `more` is the
    same in each of them."""
    return generate_latest(_OfOneProcess() if process else REGISTRY) + generate_latest(more)
