"""What the stages built on transformers' Trainer share: arguments, callback, resume."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, TrainerCallback, TrainerControl, TrainerState
from transformers.trainer import TRAINER_STATE_NAME

from retro_core.errors import InvalidInput
from retro_core.training.checkpoints import keep_newest, latest_checkpoint, seal, step_of
from retro_core.training.distributed import any_process, wait_for_all, world_size
from retro_core.training.models import device_of
from retro_core.training.monitor import Monitor, check_finite
from retro_core.training.spec import Schedule, TrainingSpec

# transformers is untyped here, hence Any for trainers and models.
Evaluate = Callable[[int, Any], Mapping[str, float]]
# The library's plain "constant" has no rise: it passes over the warmup.
SCHEDULERS: Mapping[Schedule, str] = {
    "constant": "constant_with_warmup",
    "linear": "linear",
    "cosine": "cosine",
}
LOSSES = ("loss", "grad_norm", "eval_loss")
# Figures of the library about itself.
UNTOLD = frozenset({"runtime", "samples_per_second", "steps_per_second", "step_time"})


def trainer_arguments(spec: TrainingSpec, out: Path, *, has_validation: bool) -> dict[str, Any]:
    """The arguments that every Trainer of this project gets."""
    rates = spec.optimisation
    micro, accumulation = split_batch(spec, world_size())
    every = spec.evaluation.every
    return {
        "output_dir": str(out),
        "seed": spec.seed,
        "data_seed": spec.seed,
        "use_cpu": device_of(spec).type == "cpu",
        "bf16": spec.precision != "float32",
        "learning_rate": rates.learning_rate,
        "lr_scheduler_type": SCHEDULERS[rates.schedule],
        "warmup_steps": rates.warmup_steps,
        "weight_decay": rates.weight_decay,
        "max_grad_norm": rates.max_grad_norm,
        "num_train_epochs": rates.epochs,
        "max_steps": rates.max_steps or -1,
        "per_device_train_batch_size": micro,
        "per_device_eval_batch_size": micro,
        "gradient_accumulation_steps": accumulation,
        "gradient_checkpointing": spec.gradient_checkpointing,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_steps": spec.checkpoint_every,
        "save_total_limit": None,
        "eval_strategy": "steps" if has_validation and every else "no",
        "eval_steps": every or None,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }


def split_batch(spec: TrainingSpec, processes: int) -> tuple[int, int]:
    """(items of one forward pass, passes of one update) on each process."""
    share, rest = divmod(spec.optimisation.batch_size, processes)
    micro = min(spec.optimisation.micro_batch_size, share)
    if rest or share == 0 or share % micro:
        raise InvalidInput(
            f"batch_size {spec.optimisation.batch_size} cannot be shared by {processes} processes"
            f" in parts of micro_batch_size {spec.optimisation.micro_batch_size}."
        )
    return micro, share // micro


def train(trainer: Any, out: Path, monitor: Monitor) -> bool:
    """Train, going on from the newest checkpoint; tell whether it came to its end."""
    checkpoint = latest_checkpoint(out)
    if checkpoint:
        monitor.resumed(step_of(checkpoint))
    trainer.remove_callback(PrinterCallback)  # the monitor logs
    if checkpoint and _take_up_end(trainer, checkpoint):
        return True
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    ended: bool = trainer.state.global_step >= trainer.state.max_steps
    return ended


def _take_up_end(trainer: Any, checkpoint: Path) -> bool:
    """Restore a checkpoint of the last step; False for one on the way.

    The library goes by whole epochs when it resumes: it would make one update too many.
    """
    state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
    if state.global_step < state.max_steps:
        return False
    trainer._load_from_checkpoint(str(checkpoint))
    trainer.state = state
    return True


class MonitorCallback(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """Tells the monitor what the Trainer does and ends the run when asked.

    `boundary`: checkpoints are exact only at multiples of this step count. `evaluate` is called
    with the step and the model every `evaluate_every` steps and at the last one, and gives
    validation figures, or none.
    """

    def __init__(
        self,
        monitor: Monitor,
        *,
        names: Mapping[str, str] | None = None,
        boundary: int = 1,
        evaluate: Evaluate | None = None,
        evaluate_every: int = 0,
    ) -> None:
        self.monitor = monitor
        self.names = names or {}
        self.boundary = boundary
        self.evaluate = evaluate
        self.evaluate_every = evaluate_every

    def on_log(
        self,
        args: Any,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Record the figures, and refuse a loss that is not a number."""
        values = {name: float(v) for name, v in (logs or {}).items() if _is_number(v)}
        if "train_runtime" in values:
            return  # the library's closing summary, not a step
        split = "validation" if any(name.startswith("eval_") for name in values) else "train"
        figures = {self._name(name): v for name, v in values.items() if self._is_told(name)}
        self.monitor.log(state.global_step, split, figures)
        check_finite(state.global_step, **{n: values[n] for n in LOSSES if n in values})

    def on_step_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Measure on held-out prompts, and end with a checkpoint when asked to."""
        step = state.global_step
        if self.evaluate and self._is_due(step, state.max_steps):
            figures = self.evaluate(step, kwargs["model"])
            if figures:
                self.monitor.log(step, "validation", figures)
        device = torch.device("cpu") if args.use_cpu else args.device
        if any_process(self.monitor.stop_requested(), device) and step % self.boundary == 0:
            control.should_save = True
            control.should_training_stop = True

    def on_save(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Mark the checkpoint as whole once every process has written its part."""
        wait_for_all()
        if self.monitor.writes:
            out = Path(args.output_dir)
            seal(out / f"checkpoint-{state.global_step}")
            keep_newest(out)

    def _is_due(self, step: int, last: int) -> bool:
        return step == last or (self.evaluate_every > 0 and step % self.evaluate_every == 0)

    def _is_told(self, name: str) -> bool:
        plain = name.removeprefix("eval_")
        return plain in self.names or not ("/" in plain or plain in UNTOLD)

    def _name(self, name: str) -> str:
        plain = name.removeprefix("eval_")
        return self.names.get(plain, plain)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
