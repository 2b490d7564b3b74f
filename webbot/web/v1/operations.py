"""How a door of /v1 is declared: its models make the OpenAPI document and check what comes in, both from one source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NoReturn, TypeVar

from flask import request
from flask.typing import ResponseReturnValue
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Discriminator, Field, ValidationError

from webbot.errors import BadInput
from webbot.web.strict_json import json_body
from webbot.web.v1.problems import ErrorBody

Model = TypeVar("Model", bound=BaseModel)
STATUSES = (400, 401, 403, 404, 409, 413, 422, 429, 503)
ERRORS: dict[str, Any] = {str(status): ErrorBody for status in STATUSES}


class Sent(BaseModel):
    """What programs send: exact types, no unknown names, no infinite numbers."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


# A parameter of OpenAI's that is not honoured here: null, which is the same as absent, is all it takes.
Refused = Annotated[None, Field(description="Not supported: only null.")]
NONE_OF = "not_one_of"
# How pydantic calls the branches of a union.
ALTERNATIVES = frozenset({"str", "int", "float", "bool", "dict", "list", "none"})


def one_of(
    choose: Callable[[Any], str | None], field: str = "", needed: str = "one of the known kinds is needed"
) -> Discriminator:
    """Chooses the branch of a union of `Tag`s, so that an error names what is wrong in that branch and in no other.

    Tags begin with a capital letter (parameter_name leaves them out). Where `choose` finds none, `field` is what was wrong.
    """
    return Discriminator(choose, custom_error_type=f"{NONE_OF} {field}", custom_error_message=needed)


def operation(  # noqa: PLR0913 - what an operation of the document has
    blueprint: APIBlueprint, method: str, rule: str, handler: Callable[..., ResponseReturnValue], *, summary: str, tag: str,
    body: type[BaseModel] | None = None, form: type[BaseModel] | None = None, path: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None, responses: Mapping[int, Any] | None = None,
) -> None:
    """Registers `handler` and describes it.

    The handler gets the parts of the path by name, then `body`, `form` and `query` as checked models, those that are declared.
    Its docstring is the description. `responses` maps a status to a model, or to a dict of OpenAPI's response object.
    """
    declared = {"body": body, "form": form, "path": path, "query": query}

    def view(**parts: Any) -> ResponseReturnValue:
        if query is not None:
            parts["query"] = checked(query, request.args.to_dict())
        if body is not None:
            parts["body"] = checked(body, json_body())
        if form is not None:
            parts["form"] = checked(form, form_fields())
        return handler(**parts)

    view.__name__ = handler.__qualname__.replace(".", "_")  # doors may name their handlers alike
    view.__doc__ = handler.__doc__
    view.__annotations__ = {name: model for name, model in declared.items() if model is not None}
    view.__delay_validate_request__ = True  # type: ignore[attr-defined] # the checks above are stricter than the library's
    described = {str(status): model for status, model in (responses or {}).items()}
    getattr(blueprint, method)(
        rule, summary=summary, tags=[Tag(name=tag)], responses={**ERRORS, **described},
    )(view)


def checked(model: type[Model], value: Mapping[str, Any]) -> Model:
    """`value` as the model. Raises BadInput that names the first wrong parameter."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        refuse(error)


def refuse(error: ValidationError) -> NoReturn:
    """Raises BadInput with the first complaint, and nothing of what was sent."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    kind, _, field = first["type"].partition(" ")
    name = parameter_name((*first["loc"], field) if kind == NONE_OF else first["loc"])
    if first["type"] == "extra_forbidden":
        raise BadInput("The parameter {name} is not known here.", name=repr(name), parameter=name, code="unknown_parameter")
    if first["type"] == "missing":
        raise BadInput("The parameter {name} is missing.", name=repr(name), parameter=name, code="missing_required_parameter")
    if first["type"] == "none_required":
        raise BadInput("The parameter {name} is not supported here.", name=repr(name), parameter=name,
                       code="unsupported_parameter")
    what = first["msg"].removeprefix("Value error, ")[:200]
    raise BadInput("{name}: {what}", name=name or "body", what=what, parameter=name, code="invalid_value")


def parameter_name(location: Sequence[str | int]) -> str:
    """messages[0].content, without the names of the alternatives that were tried."""
    name = ""
    for part in location:
        if isinstance(part, int):
            name += f"[{part}]"
        elif part.isidentifier() and not part[:1].isupper() and part not in ALTERNATIVES:
            name += f".{part}" if name else part
    return name[:100] or "".join(str(part) for part in location[:1])[:100]


def form_fields() -> dict[str, Any]:
    """The fields and files of the request's form by name: a list where the name ends with [], else the value, which may come
    but once."""
    found: dict[str, Any] = {}
    for fields in (request.form, request.files):
        for name in fields:
            values = fields.getlist(name)
            if name.endswith("[]"):
                found[name] = values
            elif len(values) > 1 or name in found:
                raise BadInput("The field {name} came twice.", name=repr(name[:40]), parameter=name[:40])
            else:
                found[name] = values[0]
    return found
