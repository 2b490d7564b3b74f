"""Schemathesis reads the served document and sends what fits it and what does not: every answer is one that the document knows.

Four servers take part: open and protected, with a key and without one. The echo engine answers without a pause. The generated
cases are the same in each run; FUZZ_SEED and FUZZ_CASES give others and more.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import Counter
from functools import partial

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from tests.peers.conftest import CODE
from webbot.factory import create_app
from webbot.services import Services
from webbot.settings import load

SEED = int(os.environ.get("FUZZ_SEED", "1"))
CASES = int(os.environ.get("FUZZ_CASES", "1200"))
LIVE_CASES = 120
DOCUMENT = "/v1/openapi.json"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
TYPES = {"invalid_request_error", "authentication_error", "permission_error", "rate_limit_error", "server_error"}
FORBIDDEN = ("Traceback", "site-packages", "webbot/", 'File "', "sqlalchemy", "pydantic")
SLOWEST = 3.0  # seconds of an answer, where all test servers share a machine; most take 10 ms
NOTHING: set[tuple[str, GenerationMode]] = set()  # what no case was found for: it takes a second to find that out again


class Examiner:
    """Sends cases and judges the answers."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.walls: list[float] = []
        self.faults: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def examine(self, case, **call) -> None:
        label = case.operation.label
        began, worked = time.perf_counter(), time.process_time()
        try:
            response = case.call(timeout=20, **call)
        except Exception as error:
            self.sent[label] += 1
            self.fault(case, f"{label}: {type(error).__name__} {str(error)[:200]}")
            return
        worked, wall = time.process_time() - worked, time.perf_counter() - began
        self.sent[label] += 1
        self.statuses[label, response.status_code] += 1
        self.walls.append(wall)
        if worked > SLOWEST:
            self.fault(case, f"{label}: an answer took {worked:.1f} s of the processor")
        if response.status_code >= 400:
            self.judge_error(case, response)
        if response.status_code == 503 and "/audio/" in label:
            return  # these servers have no speech, and say so
        checks = CHECKS
        if response.headers.get("content-type", [""])[0].startswith("text/event-stream"):
            checks = CHECKS[:-1]  # the document describes the stream as a text; the checker would hold each event against that
        try:
            case.validate_response(response, checks=checks)
        except FailureGroup as group:
            for failure in group.exceptions:
                self.fault(case, f"{label}: {response.status_code} {failure.title} {str(failure.message)[:300]}")

    def judge_error(self, case, response) -> None:
        label = f"{case.operation.label}: {response.status_code}"
        text = response.content.decode("utf-8", "replace")
        if not response.headers.get("content-type", [""])[0].startswith("application/json"):
            self.fault(case, f"{label} is no JSON: {text[:100]}")
            return
        body = json.loads(text)
        error = body.get("error")
        if set(body) != {"error"} or not isinstance(error, dict) or set(error) != {"message", "type", "param", "code"}:
            self.fault(case, f"{label} is not OpenAI's error object: {text[:200]}")
            return
        named = all(error[name] is None or (isinstance(error[name], str) and error[name]) for name in ("param", "code"))
        if not (isinstance(error["message"], str) and error["message"].strip() and error["type"] in TYPES and named):
            self.fault(case, f"{label} has a wrong error object: {text[:200]}")
        if any(word in text for word in FORBIDDEN):
            self.fault(case, f"{label} tells of the inside: {text[:200]}")

    def fault(self, case, what: str) -> None:
        self.faults[what] += 1
        self.examples.setdefault(what, f"{case.formatted_path} {case.query} {str(case.body)[:400]}")

    def report(self) -> str:
        lines = [f"{count} x {what}\n      {self.examples[what]}" for what, count in self.faults.most_common(25)]
        return f"{len(self.faults)} kinds of faults:\n" + "\n".join(lines)


@pytest.fixture
def open_app(tmp_path):
    """Makes the application over an echo engine without a pause; settings by keyword."""
    opened = []

    def make(**chosen):
        folder = tmp_path / str(len(opened))
        given_settings = {"engine": "echo", "speech": False, "program_rate_limit": 1_000_000, "data": folder / "data",
                          "certs": folder / "certs", **chosen}
        services = Services.open(load({}, **given_settings))
        services.fleet.engine().inner.pause = 0.0
        opened.append(services)
        return create_app(services)

    yield make
    for services in opened:
        services.close()


def document_of(app):
    return schemathesis.openapi.from_wsgi(DOCUMENT, app, headers={"Authorization": f"Bearer {CODE}"})


def without_security(app):
    """The document as it is, but who comes in is the test's business and not the generator's."""
    raw = document_of(app).raw_schema
    raw.get("components", {}).pop("securitySchemes", None)
    for path in raw["paths"].values():
        for operation in path.values():
            operation.pop("security", None)
    schema = schemathesis.openapi.from_dict(raw)
    schema.app = app
    return schema


def operations(schema):
    return [result.ok() for result in schema.get_all_operations()]


def send(examiner: Examiner, schema, total: int, start: int, act) -> None:
    """Sends `total` cases: as many of each operation, without a body a quarter as many; half of them break the document."""
    found = operations(schema)
    weights = [4 if operation.method.upper() == "POST" else 1 for operation in found]
    before = sum(examiner.sent.values())
    for turn in range(200):  # what an operation has too few different cases for is sent by the others
        left = total - (sum(examiner.sent.values()) - before)
        if left <= 0:
            return
        for operation, weight in zip(found, weights, strict=True):
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                share = -(-left * weight // (2 * sum(weights)))
                missing = total - (sum(examiner.sent.values()) - before)
                if missing <= 0 or (operation.label, mode) in NOTHING:
                    continue
                if not draw(operation, mode, min(share, missing), start + turn, act):
                    NOTHING.add((operation.label, mode))


def draw(operation, mode, count, start, act) -> int:
    """Sends up to `count` cases: how many there were."""
    drawn = 0

    @seed(SEED * 1000 + start)
    @settings(max_examples=count, database=None, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(operation.as_strategy(generation_mode=mode))
    def each(case):
        nonlocal drawn
        drawn += 1
        act(make_likely(case, mode))

    with contextlib.suppress(Unsatisfiable):  # nothing can be wrong about a request without parts
        each()
    return drawn


def make_likely(case, mode):
    """Most bodies that fit name the model that is here: otherwise every answer is that there is no such model."""
    body = case.body
    if mode is GenerationMode.POSITIVE and isinstance(body, dict) and isinstance(body.get("model"), str) and len(str(body)) % 4:
        case.body = {**body, "model": "llama"}
        if len(str(body)) % 2:  # without options, of which the echo engine knows few, there is an answer
            kept = {"model", "messages", "input", "prompt", "stream", "max_tokens", "n", "metadata", "file", "voice"}
            case.body = {name: value for name, value in case.body.items() if name in kept}
    return case


def test_the_document_is_valid_openapi_3_1(open_app):
    app = open_app()
    schema = document_of(app)
    assert schema.raw_schema["openapi"].startswith("3.1")
    schema.validate()
    named = {f"{operation.method.upper()} {operation.path}" for operation in operations(schema)}
    kinds = {result.ok().label for result in schema.get_all_operations()}
    assert len(named) == len(kinds)
    assert named >= EXPECTED
    for operation in operations(schema):
        declared = operation.definition.raw["responses"]
        assert {"400", "401", "429"} <= set(declared), operation.label


EXPECTED = {
    "GET /v1/models", "GET /v1/models/{model}", "POST /v1/chat/completions", "POST /v1/completions", "POST /v1/responses",
    "GET /v1/responses/{response_id}", "POST /v1/embeddings", "POST /v1/audio/transcriptions", "POST /v1/audio/translations",
    "POST /v1/audio/speech",
}


@pytest.mark.timeout(900)
def test_thousands_of_cases_and_no_fault(open_app):
    """Each case is sent twice: with a key to one server and without one to another."""
    key, code = {"Authorization": "Bearer any-key-at-all"}, {"Authorization": f"Bearer {CODE}"}
    open_to_all, protected = open_app(), open_app(access_code=CODE)
    parts = [
        (("open, any key", open_to_all, key), ("protected, no key", protected, None)),
        (("open, no key", open_to_all, None), ("protected, its code", protected, code)),
    ]
    examiners = {name: Examiner() for pair in parts for name, _, _ in pair}
    for number, pair in enumerate(parts):
        calls = [partial(examiners[name].examine, app=app, headers=headers) for name, app, headers in pair]
        first = examiners[pair[0][0]]
        send(first, without_security(open_to_all), CASES // 4, 100 * number, partial(to_each, calls))
    for name, examiner in examiners.items():
        print(name, dict(examiner.sent), sorted(examiner.statuses.items()))
    assert sum(sum(examiner.sent.values()) for examiner in examiners.values()) >= CASES
    for name, examiner in examiners.items():
        assert not examiner.faults, f"{name}: {examiner.report()}"
        walls = sorted(examiner.walls)
        assert walls[len(walls) * 99 // 100] < SLOWEST, name
    refused = {status for _, status in examiners["protected, no key"].statuses}
    assert refused == {401}, "without the code there is nothing"
    answered = sum((examiners[name].statuses for name in examiners if name != "protected, no key"), Counter())
    assert 401 not in {status for _, status in answered}
    for label in ANSWERED:
        assert answered[label, 200], f"nothing was ever answered: {label}"


def to_each(calls, case):
    for call in calls:
        call(case)


ANSWERED = ("GET /v1/models", "POST /v1/chat/completions", "POST /v1/completions", "POST /v1/responses")  # by the echo engine


def test_wrong_keys_are_braked(open_app):
    examiner = Examiner()
    schema = without_security(open_app(access_code=CODE))
    began = time.monotonic()
    send(examiner, schema, 100, 0, partial(examiner.examine, headers={"Authorization": "Bearer wrong"}))
    assert not examiner.faults, examiner.report()
    assert {status for _, status in examiner.statuses} == {401, 429}
    minutes = 1 + int((time.monotonic() - began) / 60)
    assert sum(count for (_, status), count in examiner.statuses.items() if status == 401) <= 10 * minutes


def test_the_same_over_https(echo):
    """Fewer, over the wire: what the server's own parser refuses (a body that is no body, say) is no fault of the document."""
    ca = str(echo.folder / "certs" / "ca.pem")
    schema = schemathesis.openapi.from_url(echo.url + DOCUMENT, verify=ca)
    examiner = Examiner()
    send(examiner, schema, LIVE_CASES, 500, partial(examiner.examine, verify=ca, headers={"Authorization": "Bearer any"}))
    assert sum(examiner.sent.values()) >= LIVE_CASES
    assert not examiner.faults, examiner.report()
