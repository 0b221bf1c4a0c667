"""The whole loop against the real LM server: its protocols, and the project's clients of them."""

import re
from dataclasses import replace

import pytest

from retro_core.actors.chat import ChatActor
from retro_core.config import (
    PRESETS,
    ActorConfig,
    EpisodeConfig,
    ExperimentConfig,
    ReflectionConfig,
)
from retro_core.envs.base import env_spec
from retro_core.errors import ContextFull, EndpointRefused
from retro_core.llm.chat import ChatClient
from retro_core.llm.tgi import Generation, TgiClient
from retro_core.prompts.grammar import reflection_grammar
from retro_core.prompts.texts import load_prompts
from retro_core.reflectors.tgi import TgiReflector
from retro_core.trials import EpisodeFinished, Event, ReflectionWritten, StepTaken, run_trials
from retro_core.types import Message
from tests.lm_server import MODEL, LmServer

pytestmark = pytest.mark.lm

SPEC = env_spec("alfworld")
PROMPTS = load_prompts(SPEC.prompt_folder)
CONFIG = replace(
    PRESETS["embedded"],
    trials=2,
    episode=EpisodeConfig(max_steps=2),
    reflection=ReflectionConfig(plan_lines=1),
)


def client(server: LmServer) -> ChatClient:
    return ChatClient(f"{server.url}/v1", MODEL)


def play(server: LmServer, config: ExperimentConfig) -> list[Event]:
    (task,) = SPEC.generate(count=1, split="valid_unseen", seed=1)
    actor = ChatActor(client(server), config.actor, PROMPTS)
    reflector = TgiReflector(TgiClient(server.url), config.reflection)
    stream = run_trials(SPEC.create(), actor, reflector, task, config=config, prompts=PROMPTS)
    return list(stream)


def test_a_real_model_fails_reflects_and_tries_again_the_same_way_every_time(lm_server: LmServer):
    events = play(lm_server, CONFIG)

    first, second = (event for event in events if isinstance(event, EpisodeFinished))
    (written,) = (event.reflection for event in events if isinstance(event, ReflectionWritten))
    assert second.rating == second.episode.episode_return - first.episode.episode_return
    (task,) = SPEC.generate(count=1, split="valid_unseen", seed=1)
    grammar = reflection_grammar([first.episode], CONFIG, PROMPTS, task.goal)
    assert re.fullmatch(grammar, written.text)
    assert written.text in second.episode.head[-1].content
    steps = [event.step for event in events if isinstance(event, StepTaken)]
    assert not any(step.invalid or step.repaired for step in steps)
    assert all(step.usage.prompt_tokens > 200 for step in steps)
    again = [event.step.action for event in play(lm_server, CONFIG) if isinstance(event, StepTaken)]
    assert again == [step.action for step in steps]


def test_thoughts_come_before_choices_of_the_same_server(lm_server: LmServer):
    config = replace(CONFIG, trials=1, actor=ActorConfig(thought_tokens=12))

    steps = [event.step for event in play(lm_server, config) if isinstance(event, StepTaken)]

    assert all(step.thought and len(step.follow_ups) == 2 for step in steps)
    assert not any(step.invalid for step in steps)


def test_an_unknown_adapter_is_refused_by_name(lm_server: LmServer):
    how = Generation(max_tokens=4, adapter="never-trained")

    with pytest.raises(EndpointRefused, match="never-trained"):
        TgiClient(lm_server.url).generate("Hello", how, seed=1)


def test_a_prompt_beyond_the_context_is_full(lm_server: LmServer):
    endless = [Message("user", "go to drawer 1 " * 4000)]

    with pytest.raises(ContextFull):
        client(lm_server).complete(endless, max_tokens=4, temperature=0.0, seed=1)
