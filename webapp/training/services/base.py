"""The base model that adapters are trained on: the one that the reflector's server serves."""

from pathlib import Path

from django.conf import settings

from retro_core.errors import InvalidInput


def check_base() -> None:
    """Refuse to train for a server whose model nobody named. Raises InvalidInput.

    An adapter of the embedded base fits no other model, and nothing would say so before the server
    is to load it.
    """
    if settings.REFLECTOR_URL != settings.LM_URL and not settings.REFLECTOR_BASE_FOLDER:
        raise InvalidInput(
            f"REFLECTOR_URL is {settings.REFLECTOR_URL}, and nothing says which model is served"
            " there. Set REFLECTOR_BASE_FOLDER to the folder of this machine that holds it, and"
            " start the studio again."
        )


def chosen_base() -> Path | None:
    """The folder that the settings name; None is the embedded model. Raises InvalidInput."""
    check_base()
    chosen = settings.REFLECTOR_BASE_FOLDER
    if not chosen:
        return None
    if not Path(chosen).is_dir():
        raise InvalidInput(f"REFLECTOR_BASE_FOLDER {chosen!r} is not a folder of this machine.")
    return Path(chosen)
