"""Reflection prompts of imported trials: logs hold only the answers, training needs both."""

from collections import defaultdict
from dataclasses import replace

from retro_core.config import ExperimentConfig
from retro_core.envs.base import env_spec, registered
from retro_core.errors import NoRoomForSteps
from retro_core.memory import remembered
from retro_core.prompts.reflection import reflection_prompt
from retro_core.prompts.texts import load_prompts
from retro_core.storable import storable
from webapp.episodes.models import Reflection
from webapp.episodes.records import as_core
from webapp.experiments.models import Experiment
from webapp.experiments.services import config_of

CHUNK = 200


def fill_prompts(experiment: Experiment) -> int:
    """Build each missing prompt as this studio would ask for it; count them.

    That needs the trial's steps, room for them, and an environment that is installed here. What the
    recorded agent was sent is not known, so its free text is asked for in the free form.
    """
    if experiment.source != Experiment.Source.IMPORTED:
        return 0
    if experiment.environment not in registered():
        return 0
    config = config_of(experiment)
    free = replace(config, reflection=replace(config.reflection, format="free"))
    said = _reflections_by_task(experiment)
    missing = experiment.reflections.filter(prompt="", episode__step_count__gt=0).order_by("pk")
    rows = missing.select_related("episode__task", "episode__head")
    filled = 0
    batch: list[Reflection] = []
    for row in rows.prefetch_related("episode__steps").iterator(CHUNK):
        row.prompt = _prompt(row, said[row.episode.task_id], free)
        batch.append(row)
        if len(batch) == CHUNK:
            filled += _store(batch)
            batch = []
    return filled + _store(batch)


def _store(batch: list[Reflection]) -> int:
    return Reflection.objects.bulk_update(batch, ["prompt"])


def _reflections_by_task(experiment: Experiment) -> dict[int, dict[int, str]]:
    """Texts by task and trial."""
    said: dict[int, dict[int, str]] = defaultdict(dict)
    columns = ("episode__task", "episode__trial", "text")
    for task, trial, text in experiment.reflections.values_list(*columns):
        said[task][trial] = text
    return said


def _prompt(row: Reflection, said: dict[int, str], config: ExperimentConfig) -> str:
    episode = row.episode
    prompts = load_prompts(env_spec(episode.task.environment).prompt_folder)
    before = [said[trial] for trial in sorted(said) if trial < episode.trial]
    earlier = remembered(before, config)
    task = episode.task.as_core()
    try:
        return storable(reflection_prompt(task, [as_core(episode)], earlier, config, prompts))
    except NoRoomForSteps:
        return ""
