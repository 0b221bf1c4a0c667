"""Every error in one JSON shape: {"error": {"code", "message", "details"}}."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from retro_core.errors import InvalidInput

CODES = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    422: "invalid",
    429: "too_many_requests",
}


class Conflict(Exception):
    """What is stored already says otherwise; the message says what."""


PLAIN: dict[type[Exception], tuple[int, str]] = {  # empty words are the error's own
    AuthenticationError: (401, "Send a token: Authorization: Bearer rfs_..."),
    InvalidInput: (422, ""),
    Conflict: (409, ""),
    Http404: (404, "There is nothing at this address."),
    RequestDataTooBig: (413, "The body is too large: send fewer steps at a time."),
}


def add_handlers(api: NinjaAPI) -> None:
    """Answer each kind of error in the one shape."""

    def answer(
        request: HttpRequest, status: int, message: str, details: Sequence[Any] = ()
    ) -> HttpResponse:
        body = error_body(status, message, details)
        return api.create_response(request, body, status=status)

    @api.exception_handler(HttpError)
    def http(request: HttpRequest, error: HttpError) -> HttpResponse:
        return answer(request, error.status_code, str(error))

    @api.exception_handler(ValidationError)
    def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        details = [
            {"at": ".".join(str(part) for part in one["loc"]), "message": one["msg"]}
            for one in error.errors
        ]
        return answer(request, 422, "The request does not fit.", details)

    def plain(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
        status, words = next(told for kind, told in PLAIN.items() if isinstance(error, kind))
        return answer(request, status, words or str(error))

    for kind in PLAIN:
        api.add_exception_handler(kind, plain)


def error_body(status: int, message: str, details: Sequence[Any] = ()) -> dict[str, Any]:
    """The shape."""
    code = CODES.get(status, "error")
    return {"error": {"code": code, "message": message, "details": list(details)}}
