"""What an engine measured, in Prometheus' form."""

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from webbot.engines.compute.figures import STEP_BOUNDS, Figures
from webbot.web.engine_metrics import EngineMetrics


def told(figures):
    """{(name, labels): value} of all samples."""
    text = generate_latest(EngineMetrics(figures)).decode()
    return {(sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples}


def test_every_figure_is_told_by_model():
    figures = Figures(lambda: {"waiting": 4, "running": 2, "pages": {"used": 5, "kept": 6, "free": 7, "size": 16, "bytes": 512},
                               "gpu": {"allocated": 10, "reserved": 20}, "preemptions": 3, "evictions": 8, "conversations": 9})
    figures.step(0.003, read=30, written=2, drafted=4, accepted=1)
    figures.answer(prompt=40, found=10, submitted=1.0, began=1.5, first=1.75, ended=4.0)
    samples = told({"a": figures.taken(), 'the "other"\\one': Figures().taken()})
    assert samples["webbot_engine_tokens_total", "a", "read"] == 30
    assert samples["webbot_engine_tokens_total", "a", "accepted"] == 1
    assert samples["webbot_engine_tokens_total", "a", "cached"] == 10
    assert samples["webbot_engine_pages", "a", "kept"] == 6 and samples["webbot_engine_page_bytes", "a"] == 512
    assert samples["webbot_engine_gpu_bytes", "a", "reserved"] == 20
    assert samples["webbot_engine_answers", "a", "waiting"] == 4
    assert samples["webbot_engine_preemptions_total", "a"] == 3 and samples["webbot_engine_evictions_total", "a"] == 8
    assert samples["webbot_engine_conversations_kept", "a"] == 9
    assert samples["webbot_engine_queue_seconds_sum", "a"] == 0.5 and samples["webbot_engine_decode_seconds_sum", "a"] == 2.25
    assert samples["webbot_engine_tokens_total", "read", 'the "other"\\one'] == 0
    assert ("webbot_engine_pages", 'the "other"\\one', "kept") not in samples  # what an engine does not know it does not tell


def test_the_parts_of_a_spread_add_up():
    figures = Figures()
    for seconds in (0.0001, 0.003, 0.003, 99.0):
        figures.step(seconds)
    samples = told({"a": figures.taken()})
    counts = [samples["webbot_engine_step_seconds_bucket", *sorted((str(bound), "a"))] for bound in STEP_BOUNDS]
    assert counts == sorted(counts) and counts[0] == 1 and counts[-1] == 3
    assert samples["webbot_engine_step_seconds_bucket", "+Inf", "a"] == samples["webbot_engine_step_seconds_count", "a"] == 4


def test_without_models_there_are_names_and_no_values():
    assert told({}) == {}
