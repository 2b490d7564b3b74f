"""POST, GET and DELETE /v1/responses: answers that are turns of our conversations, and go on by their ids."""

from __future__ import annotations

import dataclasses
from typing import Literal

from flask import g, jsonify
from flask.typing import ResponseReturnValue
from flask_openapi3 import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from webbot.chat.responding import After, Responding, Said
from webbot.errors import CONTEXT_EXCEEDED, BadInput, Conflict, NotFound, Problem, TooLong
from webbot.messages import Conversation, Options
from webbot.services import Services
from webbot.web.v1.joining import joined_conversation, named_conversation
from webbot.web.v1.models import language_model, model_of_turn
from webbot.web.v1.operations import operation
from webbot.web.v1.response_events import response_events, whole_response
from webbot.web.v1.response_object import (
    Deleted,
    Draft,
    ItemList,
    ResponseObject,
    WrittenResponse,
    asked,
    input_items,
    place_of,
    response_id,
    stored_response,
    unstored_draft,
)
from webbot.web.v1.response_request import ResponseRequest, conversation_id, refuse_unsupported, said, schema_of
from webbot.web.v1.stream import stream, whole

# How the parameters of a turn are called here.
NAMES = {"response_format": "text.format", "max_tokens": "max_output_tokens"}


class ResponsePath(BaseModel):
    response_id: str


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ResponseQuery(Query):
    """Of what OpenAI's API can do when a response is read again, only the plain form."""

    stream: Literal["false"] | None = None
    include_obfuscation: Literal["true", "false"] | None = None


class ItemsQuery(Query):
    limit: int = Field(20, ge=1, le=100)
    order: Literal["asc", "desc"] = "desc"
    after: str = ""


class Responses:
    """Answers as response objects."""

    def __init__(self, services: Services, blueprint: APIBlueprint) -> None:
        self.services, self.responding = services, Responding(services.chat)
        one, tag = "/responses/<response_id>", "Responses"
        operation(blueprint, "post", "/responses", self.create, summary="Answer, in a conversation that goes on", tag=tag,
                  body=ResponseRequest, responses={200: WrittenResponse})
        operation(blueprint, "get", one, self.read, summary="A stored response", tag=tag, path=ResponsePath,
                  query=ResponseQuery, responses={200: ResponseObject})
        operation(blueprint, "delete", one, self.delete, summary="Delete a response and its question", tag=tag,
                  path=ResponsePath, responses={200: Deleted})
        operation(blueprint, "get", f"{one}/input_items", self.items, summary="What a response answers", tag=tag,
                  path=ResponsePath, query=ItemsQuery, responses={200: ItemList})
        operation(blueprint, "post", f"{one}/cancel", self.cancel, summary="Stop a response that is being written", tag=tag,
                  path=ResponsePath, responses={200: ResponseObject})

    def create(self, body: ResponseRequest) -> ResponseReturnValue:
        """Answers the input. With `store` (the default) it is a turn of a stored conversation, which the page shows as well.

        `previous_response_id` goes on after that answer, `conversation` (also `metadata.conversation_id` or the header
        X-Conversation-Id) at the end of a conversation. With `stream` the answer is sent as events.
        """
        language_model(self.services, body.model)
        refuse_unsupported(body)
        options, turn = self._options(body), said(body, stored=body.store is not False)
        after = self._after(body, turn)
        told = asked(body, options.temperature, options.top_p)
        model = self._model(body, after)
        try:
            if body.store is False:
                draft = unstored_draft(told)
                parts = self.responding.unstored(g.owner, after, turn, options, cut=body.truncation != "disabled",
                                                 model=model)
            else:
                reply = self.responding.ask(g.owner, after, turn, options, told, cut=body.truncation != "disabled",
                                            model=model)
                draft = Draft(
                    id=response_id(reply.conversation, reply.answer.id), message=reply.answer.id,
                    created_at=reply.answer.created_at, conversation=reply.conversation, asked=told,
                )
                parts = self.responding.follow(reply)
            if body.stream:
                return stream(response_events(draft, parts), done=False)
            return jsonify(whole_response(draft, whole(parts)))
        except Problem as problem:
            _rename(problem, body)
            raise

    def read(self, response_id: str, query: ResponseQuery) -> ResponseReturnValue:
        """The response as it is now, also while it is being written."""
        about, message = self._place(response_id)
        found = self.responding.find(about, message)
        running = self.services.chat.running(about.owner, about.id)
        if running is not None and running.began.answer.id == message:
            found = dataclasses.replace(found, answer=dataclasses.replace(found.answer, text=running.text))
        return jsonify(stored_response(found))

    def delete(self, response_id: str) -> ResponseReturnValue:
        """Deletes the answer and its question. What was said before and after them stays."""
        about, message = self._place(response_id)
        self.responding.delete(about, message)
        return jsonify(id=response_id, object="response", deleted=True)

    def items(self, response_id: str, query: ItemsQuery) -> ResponseReturnValue:
        """The messages that the request of this response brought."""
        about, message = self._place(response_id)
        found = input_items(self.responding.find(about, message).brought)
        if query.order == "desc":
            found.reverse()
        ids = [item["id"] for item in found]
        if query.after:
            if query.after not in ids:
                raise BadInput("There is no such item.", parameter="after", code="invalid_value")
            found = found[ids.index(query.after) + 1:]
        shown = found[:query.limit]
        return jsonify(object="list", data=shown, first_id=shown[0]["id"] if shown else None,
                       last_id=shown[-1]["id"] if shown else None, has_more=len(found) > len(shown))

    def cancel(self, response_id: str) -> ResponseReturnValue:
        """Stops an answer; what was written of it is kept."""
        about, message = self._place(response_id)
        self.responding.find(about, message)
        if not self.responding.stop(about, message):
            raise Conflict("This response is not being written any more.", code="response_ended")
        return jsonify(stored_response(self.responding.find(about, message)))

    def _options(self, body: ResponseRequest) -> Options:
        plain = self.services.chat.options(language_model(self.services, body.model).state())
        return dataclasses.replace(
            plain, schema=schema_of(body), max_tokens=body.max_output_tokens,
            temperature=plain.temperature if body.temperature is None else body.temperature,
            top_p=plain.top_p if body.top_p is None else body.top_p,
        )

    def _model(self, body: ResponseRequest, after: After | None) -> str:
        if after is None:
            return body.model
        named = model_of_turn(body.model)
        return after.about.model if named is None else named

    def _after(self, body: ResponseRequest, turn: Said) -> After | None:
        """Where the turn goes on; None for a new conversation."""
        given = conversation_id(body)
        named = named_conversation(body.metadata)
        if given and named and given != named:
            raise BadInput("conversation and metadata (or the header) name different conversations.", parameter="conversation")
        if body.previous_response_id is not None:
            return self._after_response(body.previous_response_id, given or named)
        if not (given or named):
            return None
        try:
            about = joined_conversation(self.services, given or named)
        except NotFound as problem:
            problem.parameter = "conversation" if given else problem.parameter
            raise
        if turn.earlier and body.store is not False:
            raise BadInput("A conversation goes on with one message; its earlier ones are stored here.", parameter="input",
                           code="invalid_value")
        return After(about=about)

    def _after_response(self, previous: str, conversation: str) -> After:
        try:
            about, message = self._place(previous)
            after = self.responding.after(about, message)
        except (NotFound, Conflict) as problem:
            problem.parameter = "previous_response_id"
            problem.code = "previous_response_not_found" if isinstance(problem, NotFound) else "conversation_busy"
            raise
        if conversation and conversation != about.id:
            raise BadInput("The previous response is not one of that conversation.", parameter="previous_response_id",
                           code="invalid_value")
        return after

    def _place(self, response: str) -> tuple[Conversation, str]:
        """The conversation of a response, and the id of its message. Raises NotFound."""
        place = place_of(response)
        try:
            if place is None:
                raise NotFound("")
            about = joined_conversation(self.services, place[0])
            self.services.store.message(about.owner, about.id, place[1])
        except NotFound:
            raise NotFound("The response {id} is not here. It may have been deleted, or was not stored.",
                           id=repr(response[:80]), parameter="response_id", code="response_not_found") from None
        return about, place[1]


def _rename(problem: Problem, body: ResponseRequest) -> None:
    """Gives a problem of a turn the name of the parameter that brought it."""
    problem.parameter = NAMES.get(problem.parameter, problem.parameter)
    if isinstance(problem, Conflict):
        problem.code = problem.code or "conversation_busy"
        problem.parameter = problem.parameter or ("previous_response_id" if body.previous_response_id else "conversation")
    elif isinstance(problem, TooLong):
        problem.parameter = "input" if problem.parameter in ("", "messages") else problem.parameter
        problem.code = problem.code or CONTEXT_EXCEEDED
