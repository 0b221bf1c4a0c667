"""Names that only one thing of a kind may have."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction

from retro_core.errors import InvalidInput


@contextmanager
def taken_once(kind: str, name: str) -> Iterator[None]:
    """Store something of this name in the block. Raises InvalidInput if the name is taken.

    The database decides: of two equal forms sent at once both find the name free.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise InvalidInput(f"There is a {kind} named {name!r} already.") from error
