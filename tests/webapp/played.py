"""A small played experiment whose numbers can be worked out by hand.

Three doors tasks, two trials. doors-0 is solved at once; doors-1 goes from 0.25 to solved;
doors-2 goes from 0.00 to 0.50 and stays unsolved. So success by trial is 1/3, 2/3, mean return
(1 + 0.25 + 0) / 3 and (1 + 1 + 0.5) / 3, and the ratings are +0.75 and +0.50.
"""

from dataclasses import replace

from django.contrib.auth.models import Group, User
from django.test import Client

from retro_core.config import ExperimentConfig
from retro_core.prompts.actor import prompt_messages, prompt_sha256
from retro_core.types import Episode, Message, Reflection, Step, Task, Usage
from webapp.episodes.services import record_episode, record_reflection
from webapp.experiments.models import Experiment, ExperimentTask
from webapp.experiments.services import create_experiment
from webapp.tasks.services import save_task_set

HEAD = (Message("system", "Open doors."), Message("user", "You see three doors."))
RETURNS = {"doors-0": [1.0], "doors-1": [0.25, 1.0], "doors-2": [0.0, 0.5]}
CONFIG = ExperimentConfig(method="reflexion", trials=2, seed=7)


def client_of(role: str) -> Client:
    """A browser signed in with the rights of a role; an empty role has none."""
    user = User.objects.create_user(f"user-{role or 'nobody'}")
    if role:
        user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def new_experiment(name: str = "doors", owner: User | None = None) -> Experiment:
    """A draft of the three tasks."""
    tasks = [Task(key, "doors", f"Leave by door {key[-1]}.") for key in RETURNS]
    task_set = save_task_set(f"{name} tasks", "doors", "train", tasks, source="by hand")
    return create_experiment(name=name, task_set=task_set, config=CONFIG, owner=owner)


def played_experiment(name: str = "doors") -> Experiment:
    """The experiment above, finished."""
    experiment = new_experiment(name)
    for row in experiment.experiment_tasks.select_related("task"):
        play(row, RETURNS[row.task.key])
    Experiment.objects.filter(pk=experiment.pk).update(status=Experiment.Status.FINISHED)
    experiment.refresh_from_db()
    return experiment


def play(row: ExperimentTask, returns: list[float]) -> None:
    """Record one episode a return, and a reflection after each but the last."""
    for trial, episode_return in enumerate(returns, start=1):
        record_episode(row, episode(row.task.key, trial, episode_return))
        if trial < len(returns):
            text = f"I opened the wrong door in trial {trial}."
            written = Reflection(row.task.key, trial, "What went wrong?", text)
            record_reflection(row, written, repeat_share=0.9)


def episode(key: str, trial: int, episode_return: float, steps: int = 2) -> Episode:
    """An episode whose last step is paid; 1.0 is solved. Prompts have their true digests."""
    taken: list[Step] = []
    for index in range(steps):
        last = index == steps - 1
        taken.append(
            Step(
                thought="Which one?",
                action="open red" if index == 0 else "leave",
                observation="A wall." if index == 0 else "You are out.",
                reward=episode_return if last else 0.0,
                invalid=index == 0,
                reply="open red",
                prompt_sha256=prompt_sha256(prompt_messages(HEAD, taken)),
                usage=Usage(100, 5, 0.5),
            )
        )
    solved = episode_return == 1.0
    return Episode(
        task_id=key,
        trial=trial,
        seed=trial,
        head=HEAD,
        steps=tuple(taken),
        success=solved,
        terminated=solved,
        truncated=not solved,
        truncation_reason="" if solved else "step_cap",
    )


def long_episode(row: ExperimentTask, steps: int, observation: str = "A wall.") -> None:
    """Record one failed episode of many steps, for what pages leave out at first."""
    whole = episode(row.task.key, 1, 0.0, steps=1)
    told = replace(whole.steps[0], observation=observation, prompt_sha256="")
    record_episode(row, replace(whole, steps=(told,) * steps))
