"""HotPotQA: answer a question that needs two pages."""

from retro_core.envs.base import EnvSpec
from retro_core.envs.hotpotqa.env import ENVIRONMENT, HotpotQaEnv
from retro_core.envs.hotpotqa.questions import SPLITS, generate

SPEC = EnvSpec(
    name=ENVIRONMENT,
    title="HotPotQA",
    description=(
        "A question whose answer needs two pages. The agent searches pages, looks words up in "
        "them and answers. Pages come with the task, from a corpus folder or from Wikipedia; "
        "questions about invented worlds are included."
    ),
    create=HotpotQaEnv,
    generate=generate,
    splits=SPLITS,
    default_max_steps=6,
    default_trials=5,
    prompt_folder="hotpotqa",
    success_meaning="The answer equals the expected one after the standard normalisation.",
    licence="Engine and invented worlds: Apache-2.0. Official questions: CC BY-SA 4.0.",
    task_types=("bridge", "comparison"),
    action_forms=("Search[entity]", "Lookup[keyword]", "Finish[answer]"),
)
