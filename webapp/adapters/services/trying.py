"""What the reflector is asked: for a failure that was reflected on before, and of an adapter."""

from dataclasses import replace

from retro_core.config import ChatTemplate, ReflectionConfig
from retro_core.envs.base import env_spec
from retro_core.errors import InvalidInput
from retro_core.prompts.grammar import reflection_grammar
from retro_core.prompts.texts import load_prompts
from retro_core.training.spec import TrainingSpec
from webapp.adapters.models import Adapter
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


def settings_of(reflection: Reflection, adapter: Adapter) -> ReflectionConfig:
    """How its experiment asks, in the adapter's chat template; the usual of what was imported."""
    experiment = reflection.experiment
    imported = experiment.source == Experiment.Source.IMPORTED
    asked = ReflectionConfig() if imported else config_of(experiment).reflection
    return replace(asked, chat_template=trained_template(adapter) or asked.chat_template)


def trained_template(adapter: Adapter) -> ChatTemplate | None:
    """The chat template of its training; None where no run of this studio made it.

    That of the experiments it learned from says less: recorded successes and imported logs were
    written without any.
    """
    run = getattr(adapter, "made_by", None)
    return TrainingSpec.from_json(run.spec).tokens.chat_template if run else None


def known_template(adapter: Adapter) -> ChatTemplate:
    """That of its training, else of the newest experiment with it, else the usual one."""
    trained = trained_template(adapter)
    if trained:
        return trained
    played = Experiment.objects.filter(source=Experiment.Source.PLAYED, adapter=adapter.name)
    newest = played.first()
    asked = config_of(newest).reflection if newest else ReflectionConfig()
    return asked.chat_template
