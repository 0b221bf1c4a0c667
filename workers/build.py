"""From an experiment's row and the settings to the environment, the actor and the reflector."""

from dataclasses import dataclass, replace

from django.conf import settings

from retro_core.actors.base import Actor
from retro_core.actors.chat import ChatActor
from retro_core.config import WRITES_REFLECTIONS, ActorConfig, EndpointConfig, ExperimentConfig
from retro_core.envs.base import EnvFactory, env_spec
from retro_core.errors import InvalidInput
from retro_core.llm.chat import ChatClient
from retro_core.llm.tgi import TgiClient
from retro_core.prompts.texts import PromptSet, load_prompts
from retro_core.reflectors.base import Reflector
from retro_core.reflectors.best_of_n import BestOfN
from retro_core.reflectors.chat import ChatReflector
from retro_core.reflectors.tgi import TgiReflector
from webapp.experiments.models import Experiment
from webapp.experiments.services import config_of, default_actor
from webapp.worlds.services.making import env_factory
from workers.scoring import ScoringChild, reward_model
from workers.served import check_adapter

# About a minute of insisting: a server that is being restarted must not pause the experiment.
# A slow answer is worth waiting for: asking again starts the generation anew.
ENDPOINT = EndpointConfig(attempts=8, timeout_seconds=300.0)
# At least four minutes: the studio itself restarts a server that reads adapters at its start, and
# gives it that long to read its model again.
REFLECTOR_ENDPOINT = replace(ENDPOINT, attempts=23)


@dataclass(frozen=True, slots=True)
class Parts:
    """What playing needs; everything but the environments is shared by the players."""

    create_env: EnvFactory
    actor: Actor
    reflector: Reflector | None
    config: ExperimentConfig
    prompts: PromptSet
    scorer: ScoringChild | None = None

    def close(self) -> None:
        """End what was started for these parts alone."""
        if self.scorer is not None:
            self.scorer.close()


def build(experiment: Experiment, *, reflects: bool = True) -> Parts:
    """Raises InvalidInput if the stored configuration cannot be played.

    EndpointUnavailable or EndpointRefused where the server of a named adapter does not answer.
    Without `reflects` nothing that writes or ranks reflections is asked for: a trial played again
    is told one that is written.
    """
    spec = env_spec(experiment.environment)
    config = config_of(experiment)
    prompts = load_prompts(spec.prompt_folder)
    actor = ChatActor(_actor_client(experiment, config.actor), config.actor, prompts)
    create_env = env_factory(experiment.environment, config)
    if not reflects:
        return Parts(create_env, actor, None, config, prompts)
    reflector = _reflector(experiment, config)
    scorer = _scorer(config)
    if reflector is not None and scorer is not None:
        reflector = BestOfN(reflector, scorer, config.reflection.best_of_n)
    return Parts(create_env, actor, reflector, config, prompts, scorer)


def _scorer(config: ExperimentConfig) -> ScoringChild | None:
    """What ranks the candidates of best of N; None where there is but one."""
    if config.method != "retroformer" or config.reflection.best_of_n == 1:
        return None
    return reward_model(config.reflection.reward_model)


def _actor_client(experiment: Experiment, config: ActorConfig) -> ChatClient:
    chosen = config.choice_normalisation
    return ChatClient(
        settings.ACTOR_BASE_URL,
        experiment.actor_model or default_actor(experiment.environment),
        api_key=settings.OPENAI_API_KEY,
        config=ENDPOINT,
        extra={"choice_normalisation": chosen} if chosen else None,
    )


def _reflector(experiment: Experiment, config: ExperimentConfig) -> Reflector | None:
    """What writes reflections; None where nothing does, or where each task has its own."""
    if config.method not in WRITES_REFLECTIONS or config.reflection.protocol == "hindsight":
        return None
    adapter = experiment.adapter
    if config.reflection.protocol == "tgi":
        tgi = TgiClient(settings.REFLECTOR_URL, config=REFLECTOR_ENDPOINT)
        if adapter:
            check_adapter(tgi, adapter)
        return TgiReflector(tgi, config.reflection, adapter)
    model = adapter or experiment.reflector_model
    if not model:
        raise InvalidInput(
            "Over the OpenAI protocol the reflector's model must be named: clone this experiment"
            " and give its Reflector model."
        )
    extra = {"top_p": config.reflection.top_p}
    url = f"{settings.REFLECTOR_URL}/v1"
    client = ChatClient(url, model, config=REFLECTOR_ENDPOINT, extra=extra)
    return ChatReflector(client, config.reflection, adapter)
