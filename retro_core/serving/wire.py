"""Reading bodies and writing answers: size limit, JSON, validation, errors, event streams."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from retro_core.serving.problems import (
    BodyTooLarge,
    Malformed,
    NotServing,
    Overloaded,
    Problem,
    TooLong,
    Unknown,
)
from retro_core.serving.service import ClientLeft

MAX_BODY_BYTES = 2 << 20
RETRY_AFTER_SECONDS = "2"
CLIENT_CLOSED_REQUEST = 499

Body = TypeVar("Body", bound=BaseModel)
Handler = Callable[[Request], Awaitable[Response]]
ErrorWriter = Callable[[Problem], Response]


async def read_body(request: Request, model: type[Body]) -> Body:
    """Read and validate a JSON body, refusing it with a reason that names the field."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise BodyTooLarge(f"the body must have at most {MAX_BODY_BYTES} bytes")
        parts.append(part)
    try:
        content = json.loads(b"".join(parts))
        # Half a surrogate pair is legal JSON and no text.
        json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the body is not JSON: {error}") from error
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise _as_problem(error) from error


def _as_problem(error: ValidationError) -> Problem:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    # Of a field's alternatives, the one with the right type tells more.
    first = min(found, key=lambda entry: entry["type"].endswith("_type"))
    path = ".".join(str(part) for part in first["loc"])
    message = f"{path}: {first['msg']}" if path else first["msg"]
    return Problem(message, field=path or None)


def openai_error(problem: Problem) -> Response:
    """Write a refusal in OpenAI's shape."""
    status = problem.status
    if status == 422 and not isinstance(problem, TooLong):
        status = 400
    codes: dict[type[Problem], str] = {
        TooLong: "context_length_exceeded",
        Unknown: "model_not_found",
        Overloaded: "rate_limit_exceeded",
    }
    kind = "invalid_request_error" if status < 500 and status != 429 else problem.kind
    error = {
        "message": problem.message,
        "type": kind,
        "param": problem.field,
        "code": codes.get(type(problem)),
    }
    return JSONResponse({"error": error}, status, headers=_headers(problem))


def tgi_error(problem: Problem) -> Response:
    """Write a refusal in text-generation-inference's shape."""
    kind = "validation" if problem.status == 422 else problem.kind
    message = problem.message
    if kind == "validation":
        message = f"Input validation error: {message}"
    content = {"error": message, "error_type": kind}
    return JSONResponse(content, problem.status, headers=_headers(problem))


def _headers(problem: Problem) -> dict[str, str]:
    busy = isinstance(problem, Overloaded | NotServing)
    return {"retry-after": RETRY_AFTER_SECONDS} if busy else {}


def answering(handler: Handler, write_error: ErrorWriter) -> Handler:
    """Wrap a handler so that refusals are written in its protocol's shape."""

    async def wrapped(request: Request) -> Response:
        try:
            return await handler(request)
        except Problem as problem:
            return write_error(problem)
        except (ClientLeft, ClientDisconnect):
            return Response(status_code=CLIENT_CLOSED_REQUEST)

    return wrapped


async def event_stream(
    events: AsyncIterator[Any], write_error: ErrorWriter, *, last: str | None = None
) -> Response:
    """Send JSON values as server-sent events.

    The first value is awaited before the status is sent, so an early refusal is a plain 4xx.
    """
    try:
        first = await anext(events, None)
    except Problem as problem:
        return write_error(problem)

    async def lines() -> AsyncIterator[bytes]:
        try:
            if first is not None:
                yield _sse(first)
            async for event in events:
                yield _sse(event)
            if last is not None:
                yield f"data: {last}\n\n".encode()
        except Problem as problem:
            yield b"data: " + bytes(write_error(problem).body) + b"\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


def _sse(event: Any) -> bytes:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
