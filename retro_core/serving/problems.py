"""The refusals that a client can act on; each protocol writes them in its own shape."""


class Problem(Exception):
    """A request that is refused. `status` is the HTTP status, `kind` the protocol's error type."""

    status = 422
    kind = "validation"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class Malformed(Problem):
    """The body is not a request at all."""

    status = 400
    kind = "malformed"


class Unknown(Problem):
    """The model, adapter or route does not exist."""

    status = 404
    kind = "not_found"


class BodyTooLarge(Problem):
    """The body exceeds the byte limit."""

    status = 413
    kind = "too_large"


class Overloaded(Problem):
    """The queue is full; try again later."""

    status = 429
    kind = "overloaded"


class NotServing(Problem):
    """The server is starting or stopping."""

    status = 503
    kind = "unavailable"


class GenerationFailed(Problem):
    """The request was taken up and could not be finished."""

    status = 424
    kind = "generation"


class TooLong(Problem):
    """The input does not fit a limit, which the message names."""
