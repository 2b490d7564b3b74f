"""How what programs send is checked, how an error names what is wrong, and the document that both come from."""

import json
from typing import Annotated, Literal

import pytest
from pydantic import Field, Tag

from webbot.errors import BadInput
from webbot.web.v1.operations import Refused, Sent, checked, one_of, parameter_name


class Cat(Sent):
    kind: Literal["cat"]
    lives: int = Field(ge=1, le=9)


class Dog(Sent):
    kind: Literal["dog"]
    tricks: list[str] = Field(default_factory=list)


def kind(value):
    return {"cat": "Cat", "dog": "Dog"}.get(str(value.get("kind"))) if isinstance(value, dict) else None


class Zoo(Sent):
    animals: list[Annotated[Annotated[Cat, Tag("Cat")] | Annotated[Dog, Tag("Dog")], one_of(kind, "kind", "cat or dog")]]
    warmth: float | None = None
    unicorns: Refused = None


@pytest.mark.parametrize(("sent", "parameter", "code"), [
    ({}, "animals", "missing_required_parameter"),
    ({"animals": 3}, "animals", "invalid_value"),
    ({"animals": [{"kind": "cat"}]}, "animals[0].lives", "missing_required_parameter"),
    ({"animals": [{"kind": "cat", "lives": "9"}]}, "animals[0].lives", "invalid_value"),
    ({"animals": [{"kind": "cat", "lives": 9.5}]}, "animals[0].lives", "invalid_value"),
    ({"animals": [{"kind": "cat", "lives": True}]}, "animals[0].lives", "invalid_value"),
    ({"animals": [{"kind": "cat", "lives": 9}, {"kind": "dog", "tricks": [1]}]}, "animals[1].tricks[0]", "invalid_value"),
    ({"animals": [{"kind": "fish"}]}, "animals[0].kind", "invalid_value"),
    ({"animals": [[]]}, "animals[0].kind", "invalid_value"),
    ({"animals": [{"kind": "dog", "colour": "red"}]}, "animals[0].colour", "unknown_parameter"),
    ({"animals": [], "warmth": "3"}, "warmth", "invalid_value"),
    ({"animals": [], "warmth": float("nan")}, "warmth", "invalid_value"),
    ({"animals": [], "warmth": float("inf")}, "warmth", "invalid_value"),
    ({"animals": [], "unicorns": 0}, "unicorns", "unsupported_parameter"),
    ({"animals": [], "x" * 500: 1}, "x" * 100, "unknown_parameter"),
    ({"animals": [], "": 1}, "", "unknown_parameter"),
])
def test_an_error_names_what_is_wrong(sent, parameter, code):
    with pytest.raises(BadInput) as refused:
        checked(Zoo, sent)
    assert (refused.value.parameter, refused.value.code) == (parameter, code)
    assert len(str(refused.value)) < 400


def test_an_error_repeats_no_value():
    with pytest.raises(BadInput) as refused:
        checked(Zoo, {"animals": "my secret"})
    assert "secret" not in str(refused.value)


def test_what_fits_passes():
    zoo = checked(Zoo, {"animals": [{"kind": "dog"}], "warmth": 3, "unicorns": None})
    assert isinstance(zoo.animals[0], Dog)
    assert zoo.warmth == 3


def test_names_of_branches_are_left_out():
    assert parameter_name(("messages", 0, "User", "content", "Parts", 1, "TextPart", "text")) == "messages[0].content[1].text"
    assert parameter_name(("stop", "list[str]", 0, "str")) == "stop[0]"


def test_the_document_describes_every_door_and_its_references_hold(program):
    document = program.http.get("/v1/openapi.json", base_url="https://localhost").json
    assert document["openapi"].startswith("3.")
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/models"):
        assert path in document["paths"]
    names = [
        operation["operationId"] for doors in document["paths"].values() for operation in doors.values()
    ]
    assert len(set(names)) == len(names)
    chat = document["paths"]["/v1/chat/completions"]["post"]
    assert {"200", "400", "401", "404", "409", "413", "429", "503"} <= set(chat["responses"])
    assert {"application/json", "text/event-stream"} == set(chat["responses"]["200"]["content"])
    text = json.dumps(document)
    for reference in {piece.split('"')[0] for piece in text.split('"$ref": "')[1:]}:
        found = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert found


def test_whole_answers_fit_the_document(program):
    """The response models only describe; this holds what is sent to them."""
    from webbot.web.v1.answers import ChatCompletion, TextCompletion

    ChatCompletion.model_validate(program.chat("Hello", n=2).json, strict=True, extra="forbid")
    TextCompletion.model_validate(program.complete("Hello", n=2).json, strict=True, extra="forbid")
