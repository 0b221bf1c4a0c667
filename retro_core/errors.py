"""The errors that callers of the algorithm can answer."""


class RetroError(Exception):
    """The root of the project's own errors. Its message tells a person what to do."""


class InvalidInput(RetroError):
    """A file, task or setting that cannot be used as it is."""


class NoRoomForSteps(InvalidInput):
    """What is never cut of a reflection prompt fills its configured length."""


class ContextFull(RetroError):
    """The prompt does not fit the model's context, even after dropping old observations."""


class EndpointUnavailable(RetroError):
    """A language model endpoint stays down after every retry; the experiment should pause."""


class EndpointRefused(RetroError):
    """The endpoint answered, and refuses the request (bad key, unknown model or adapter)."""


class CannotStart(RetroError):
    """A part of the embedded deployment cannot start on this machine as it is."""
