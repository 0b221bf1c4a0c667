"""From an experiment's configuration to the factory of its environments."""

from functools import cache, partial
from pathlib import Path

from django.conf import settings

from retro_core.config import ExperimentConfig
from retro_core.envs.base import EnvFactory, env_spec
from retro_core.envs.hotpotqa.env import ENVIRONMENT as HOTPOTQA
from retro_core.envs.hotpotqa.env import HotpotQaEnv
from retro_core.envs.hotpotqa.pages import PageStore, load_corpus
from retro_core.envs.hotpotqa.wikipedia import API, WikipediaPages
from retro_core.envs.webshop.env import ENVIRONMENT as WEBSHOP
from retro_core.envs.webshop.env import WebShopEnv
from retro_core.errors import InvalidInput
from webapp.worlds.services.wikipedia import DatabaseCache, SharedTurns


def env_factory(environment: str, config: ExperimentConfig) -> EnvFactory:
    """How the experiment's environments are made. Raises InvalidInput that says what is missing."""
    spec = env_spec(environment)
    if missing := spec.missing():
        raise InvalidInput(f"{spec.title} cannot be played here: {missing}")
    if environment == WEBSHOP and config.shop.observations != "as_task":
        return partial(WebShopEnv, observations=config.shop.observations)
    if environment != HOTPOTQA:
        return spec.create
    live = wikipedia()
    return partial(HotpotQaEnv, wikipedia=live, pages=_chosen(config, live))


@cache
def wikipedia() -> WikipediaPages:
    """One for the whole process; all processes share answers and turns."""
    return WikipediaPages(
        cache=DatabaseCache(), rate_limit=SharedTurns(), api=settings.WIKIPEDIA_API or API
    )


def _chosen(config: ExperimentConfig, live: PageStore) -> PageStore | None:
    """The page store that the configuration names; None leaves it to each task."""
    if config.pages.store == "wikipedia":
        return live
    if config.pages.store == "corpus":
        return load_corpus(str(corpus_folder(config.pages.corpus)))
    return None


def corpus_folder(name: str) -> Path:
    """A folder of pages below the corpora of this installation. Raises InvalidInput."""
    places: Path = settings.PLACES.corpora
    if not name or Path(name).name != name or not (places / name).is_dir():
        known = ", ".join(corpus_names()) or "none yet"
        raise InvalidInput(f"No corpus folder {name!r} below {places}; there are: {known}.")
    return places / name


def corpus_names() -> list[str]:
    """The corpus folders of this installation."""
    places: Path = settings.PLACES.corpora
    if not places.is_dir():
        return []
    return sorted(path.name for path in places.iterdir() if path.is_dir())
