"""From rows to the algorithm's records, and back."""

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from retro_core import types
from retro_core.errors import InvalidInput
from retro_core.rollout import rebuild_calls
from retro_core.storable import storable
from retro_core.trials import PastTrial
from webapp.episodes.models import Episode, Step

MOST_TOKENS = 2**31 - 1  # of an episode, as its columns hold them


def past_trials(experiment_id: int, task_id: int) -> list[PastTrial]:
    """The recorded trials of one task, in order, as the algorithm wants them."""
    rows = (
        Episode.objects.filter(experiment=experiment_id, task=task_id)
        .select_related("head", "reflection", "task")
        .prefetch_related("steps")
        .order_by("trial")
    )
    return [PastTrial(as_core(row), reflection_as_core(row)) for row in rows]


def as_core(row: Episode) -> types.Episode:
    """The record the algorithm works on; reads the head and all steps."""
    head = getattr(row, "head", None)
    return types.Episode(
        task_id=row.task.key,
        trial=row.trial,
        seed=row.seed,
        head=_messages(head.messages if head else []),
        steps=tuple(_step_as_core(step) for step in row.steps.all()),
        success=row.success,
        terminated=row.terminated,
        truncated=row.truncated,
        truncation_reason=row.truncation_reason,  # type: ignore[arg-type]  # the choices hold it
        final_answer=row.final_answer,
    )


def reflection_as_core(row: Episode) -> types.Reflection | None:
    """The reflection written after an episode, if there is one."""
    written = getattr(row, "reflection", None)
    if written is None:
        return None
    return types.Reflection(
        task_id=row.task.key,
        trial=row.trial,
        prompt=written.prompt,
        text=written.text,
        adapter=written.adapter,
        seed=written.seed,
        usage=types.Usage(written.prompt_tokens, written.completion_tokens, written.seconds),
        source=written.source,
        candidates=tuple(types.Candidate(**one) for one in written.candidates),
    )


def prompts_of_step(row: Episode, index: int) -> list[list[types.Message]]:
    """Every prompt that was sent for one step, rebuilt and checked against its digest.

    Raises InvalidInput if the record does not give the prompt that was sent.
    """
    return rebuild_calls(as_core(row), index)


def step_rows(stored: Episode, steps: Sequence[types.Step]) -> list[Step]:
    """Unsaved rows of an episode's steps."""
    return [
        Step(
            episode=stored,
            index=index,
            thought=storable(step.thought),
            action=storable(step.action),
            observation=storable(step.observation),
            reward=step.reward,
            invalid=step.invalid,
            reply=storable(step.reply),
            prompt_sha256=step.prompt_sha256,
            dropped_observations=step.dropped_observations,
            follow_ups=turns(step.follow_ups),
            repaired=step.repaired,
            prompt_tokens=step.usage.prompt_tokens,
            completion_tokens=step.usage.completion_tokens,
            seconds=step.usage.seconds,
        )
        for index, step in enumerate(steps)
    ]


def check_sums(steps: Sequence[types.Step]) -> None:
    """Raises InvalidInput where the columns of an episode cannot hold what its steps add up to."""
    usages = [step.usage for step in steps]
    for name in ("prompt_tokens", "completion_tokens"):
        if sum(getattr(usage, name) for usage in usages) > MOST_TOKENS:
            raise InvalidInput(f"{name} of all steps add up to more than {MOST_TOKENS}")


def reflection_columns(written: types.Reflection) -> dict[str, Any]:
    """Column values of a reflection, without its rating."""
    return {
        "text": storable(written.text),
        "prompt": storable(written.prompt),
        "adapter": written.adapter,
        "source": written.source,
        "candidates": [
            {"text": storable(one.text), "seed": one.seed, "score": one.score}
            for one in written.candidates
        ],
        "seed": written.seed,
        "prompt_tokens": written.usage.prompt_tokens,
        "completion_tokens": written.usage.completion_tokens,
        "seconds": written.usage.seconds,
        "written_at": timezone.now(),
    }


def _step_as_core(step: Step) -> types.Step:
    return types.Step(
        thought=step.thought,
        action=step.action,
        observation=step.observation,
        reward=step.reward,
        invalid=step.invalid,
        reply=step.reply,
        prompt_sha256=step.prompt_sha256,
        dropped_observations=step.dropped_observations,
        usage=types.Usage(step.prompt_tokens, step.completion_tokens, step.seconds),
        follow_ups=_messages(step.follow_ups),
        repaired=step.repaired,
    )


def turns(messages: Sequence[types.Message]) -> list[dict[str, str]]:
    """Messages as JSON values."""
    return [{"role": turn.role, "content": storable(turn.content)} for turn in messages]


def _messages(turns: Sequence[dict[str, str]]) -> tuple[types.Message, ...]:
    return tuple(types.Message(turn["role"], turn["content"]) for turn in turns)  # type: ignore[arg-type]
