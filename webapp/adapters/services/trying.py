"""What an experiment asks of the reflector for a failure that was reflected on before."""

from retro_core.config import ReflectionConfig
from retro_core.envs.base import env_spec
from retro_core.errors import InvalidInput
from retro_core.prompts.grammar import reflection_grammar
from retro_core.prompts.texts import load_prompts
from webapp.episodes.models import Reflection
from webapp.episodes.records import past_trials
from webapp.experiments.models import Experiment
from webapp.experiments.services import config_of


def grammar_of(reflection: Reflection) -> str:
    """The grammar that its experiment gave; empty for free text and for what was imported."""
    experiment, episode = reflection.experiment, reflection.episode
    if experiment.source == Experiment.Source.IMPORTED:
        return ""
    try:
        prompts = load_prompts(env_spec(experiment.environment).prompt_folder)
    except InvalidInput:  # of a package that is not installed here: free text is still something
        return ""
    past = past_trials(experiment.pk, episode.task_id)
    episodes = [trial.episode for trial in past if trial.episode.trial <= episode.trial]
    return reflection_grammar(episodes, config_of(experiment), prompts, episode.task.goal)


def settings_of(reflection: Reflection) -> ReflectionConfig:
    """How its experiment asks; the usual settings for what was imported."""
    experiment = reflection.experiment
    imported = experiment.source == Experiment.Source.IMPORTED
    return ReflectionConfig() if imported else config_of(experiment).reflection
