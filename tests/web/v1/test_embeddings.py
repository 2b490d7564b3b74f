"""POST /v1/embeddings: vectors by the language model's states or a model for sentences, and what is refused."""

import array
import base64
import sys
import time
from pathlib import Path

import pytest
from v1_client import BASE, Program, refusal

from webbot.factory import create_app
from webbot.services import Services
from webbot.settings import load
from webbot.web.leaving import Left

sys.path.append(str(Path(__file__).parents[2] / "engines"))
import small_bert


def embeddings(program, **body):
    return program.post("embeddings", {"model": "tiny-bert", **body})


def vectors(response):
    assert response.status_code == 200, response.text
    assert response.mimetype == "application/json"
    told = response.json
    assert (told["object"], [part["index"] for part in told["data"]]) == ("list", list(range(len(told["data"]))))
    assert {part["object"] for part in told["data"]} == {"embedding"}
    return [part["embedding"] for part in told["data"]]


BAD = [
    ({}, "input", "missing_required_parameter"), ({"input": None}, "input", "invalid_value"),
    ({"input": 3}, "input", "invalid_value"),
    ({"input": ""}, "input", "invalid_value"), ({"input": []}, "input", "invalid_value"),
    ({"input": {}}, "input", "invalid_value"),
    ({"input": ["a", ""]}, "input[1]", "invalid_value"), ({"input": ["a", 3]}, "input[1]", "invalid_value"),
    ({"input": [3, "a"]}, "input[1]", "invalid_value"), ({"input": [True]}, "input", "invalid_value"),
    ({"input": [[1], []]}, "input[1]", "invalid_value"), ({"input": [[]]}, "input[0]", "invalid_value"),
    ({"input": [[1], [1.5]]}, "input[1][0]", "invalid_value"), ({"input": [-1]}, "input[0]", "invalid_value"),
    ({"input": [2**40]}, "input[0]", "invalid_value"), ({"input": ["a"] * 2049}, "input", "invalid_value"),
    ({"input": [[1]] * 2049}, "input", "invalid_value"), ({"input": "a", "model": 3}, "model", "invalid_value"),
    ({"input": "a", "model": "text-embedding-3-small"}, "model", "model_not_found"),
    ({"input": "a", "model": "x" * 300}, "model", "invalid_value"),
    ({"input": "a", "encoding_format": "hex"}, "encoding_format", "invalid_value"),
    ({"input": "a", "dimensions": 0}, "dimensions", "invalid_value"),
    ({"input": "a", "dimensions": "8"}, "dimensions", "invalid_value"),
    ({"input": "a", "user": 3}, "user", "invalid_value"), ({"input": "a", "truncate": True}, "truncate", "unknown_parameter"),
]


@pytest.mark.parametrize(("body", "parameter", "code"), BAD)
def test_bad_input_is_named(program, body, parameter, code):
    told = refusal(program.post("embeddings", {"model": "llama", **body}), 404 if code == "model_not_found" else 400)
    assert told == (parameter, code)


@pytest.mark.parametrize("data", ["", "[]", "{", '{"model": "llama", "input": NaN}', '{"input": "a"}', '"a"', "\xff"])
def test_what_is_no_request_is_refused(program, data):
    assert program.post("embeddings", data=data.encode("latin-1")).status_code == 400


def test_a_model_that_makes_none_says_so(program):
    assert refusal(program.post("embeddings", {"model": "llama", "input": "a"})) == ("model", "unsupported_model")


def test_without_an_embedding_model_nothing_of_it_is_told(app):
    assert "embedding" not in app.test_client().get("/readyz", base_url=BASE).json["parts"]


@pytest.fixture(scope="module")
def app_with_bert(tmp_path_factory):
    """One application for all tests with a model of its own."""
    folder = tmp_path_factory.mktemp("bert")
    services = Services.open(load(
        {}, engine="echo", speech=False, data=folder / "data", certs=folder / "certs", device="cpu",
        embedding_model=str(small_bert.make(folder / "tiny-bert")),
    ))
    while services.embedder.state().status == "loading":
        time.sleep(0.05)
    yield create_app(services)
    services.close()


@pytest.mark.slow
@pytest.mark.model
class TestSentences:
    """A model of its own, a tiny BERT."""

    @pytest.fixture
    def app(self, app_with_bert):
        return app_with_bert

    def test_it_answers_under_the_name_of_its_folder(self, app, program):
        (vector,) = vectors(embeddings(program, input="the oak is old"))
        assert len(vector) == small_bert.SIZE
        assert sum(x * x for x in vector) == pytest.approx(1, abs=1e-5)
        client = app.test_client()
        assert "tiny-bert" in [model["id"] for model in client.get("/v1/models", base_url=BASE).json["data"]]
        assert client.get("/v1/models/tiny-bert", base_url=BASE).json["object"] == "model"
        assert client.get("/readyz", base_url=BASE).json["parts"]["embedding"]["status"] == "ready"
        assert client.get("/status", base_url=BASE).json["embedding"]["name"] == "tiny-bert"

    def test_forms_of_input_and_of_numbers(self, program):
        told = embeddings(program, input=["the oak is old", "a tree"], user="ann")
        assert told.json["usage"] == {"prompt_tokens": 6, "total_tokens": 6}
        assert told.json["model"] == "tiny-bert"
        first, second = vectors(told)
        (same,) = vectors(embeddings(program, input=[59, 58, 60, 62]))
        assert same == pytest.approx(first, abs=1e-5)
        _, other = vectors(embeddings(program, input=[[59, 58, 60, 62], [61, 57]], dimensions=small_bert.SIZE))
        assert other == pytest.approx(second, abs=1e-5)
        (packed,) = vectors(embeddings(program, input="a tree", encoding_format="base64"))
        numbers = array.array("f", base64.b64decode(packed))
        if sys.byteorder == "big":
            numbers.byteswap()
        assert list(numbers) == pytest.approx(second, abs=1e-5)

    def test_2048_texts_come_in_their_order(self, program):
        found = vectors(embeddings(program, input=["oak", "a tree"] * 1024))
        assert len(found) == 2048
        assert found[0] == pytest.approx(found[2046], abs=1e-5)
        assert found[1] == pytest.approx(found[2047], abs=1e-5)

    @pytest.mark.parametrize(("body", "status", "parameter", "code"), [
        ({"input": "oak " * 39}, 413, "input", "context_length_exceeded"),
        ({"input": ["oak", "oak " * 39]}, 413, "input[1]", "context_length_exceeded"),
        ({"input": [5] * 39}, 413, "input", "context_length_exceeded"),
        ({"input": [67]}, 400, "input", "invalid_value"), ({"input": [[5], [67]]}, 400, "input[1]", "invalid_value"),
        ({"input": "a", "dimensions": 8}, 400, "dimensions", "unsupported_value"),
        ({"input": "a", "model": "text-embedding-3-small"}, 404, "model", "model_not_found"),
    ])
    def test_what_the_model_cannot_do_is_named(self, program, body, status, parameter, code):
        assert refusal(embeddings(program, **body), status) == (parameter, code)

    def test_who_leaves_frees_the_model(self, app, program):
        began = time.monotonic()
        environ = {"webbot.gone": lambda: time.monotonic() - began > 0.3}
        body = {"model": "tiny-bert", "input": ["oak " * 38] * 2048}
        left = app.test_client().post("/v1/embeddings", json=body, base_url=BASE, environ_overrides=environ)
        assert left.status_code == Left.status
        vectors(embeddings(program, input="oak"))
        assert time.monotonic() - began < 2.5


@pytest.mark.slow
@pytest.mark.model
def test_the_starters_states_are_vectors(make_app):
    app = make_app(engine="local", model="starter", offline=True)
    while app.extensions["services"].engine.state().status == "loading":
        time.sleep(0.05)
    program = Program(app)
    told = program.post("embeddings", {"model": "llama", "input": ["The oak is old.", "The oak is old.", "No."]})
    first, same, other = vectors(told)
    assert first == pytest.approx(same, abs=1e-4)
    assert first != pytest.approx(other, abs=1e-2)
    assert told.json["usage"]["prompt_tokens"] > 4
    assert refusal(program.post("embeddings", {"model": "llama", "input": ["a", "oak " * 9000]}), 413)[0] == "input[1]"
    assert refusal(program.post("embeddings", {"model": "llama", "input": ["a", [10**6]][1:]}))[0] == "input[0]"
    assert refusal(program.post("embeddings", {"model": "llama", "input": "a", "dimensions": 7}))[0] == "dimensions"
