"""From the trainer's files to rows. Reading a file again from its start changes nothing."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from retro_core.training.monitor import METRICS, SAMPLES
from webapp.training.models import MetricPoint, Sample
from webapp.training.services.points import draw_points, record_points
from workers.training_files import Tail

BATCH = 1000
DRAWN_AT_ONCE = 500
Line = tuple[int, dict[str, Any]]


class Recorder:
    """Writes what the trainer told since the last call."""

    def __init__(self, run_id: int, out: Path) -> None:
        self.run_id = run_id
        self._metrics = Tail(out / METRICS)
        self._samples = Tail(out / SAMPLES)
        self._unwritten: tuple[list[Line], list[Line]] = ([], [])
        self._undrawn: list[MetricPoint] = []

    def record(self) -> int:
        """Write new figures and samples; return the newest step told, 0 if none is new."""
        metrics, samples = self._unwritten
        # Kept until they are written: the database may be away.
        metrics += self._metrics.new()
        samples += self._samples.new()
        points = list(self._points(metrics))
        record_points(points)
        record_samples(self.run_id, samples)
        self._unwritten = ([], [])
        self._undrawn += points
        if len(self._undrawn) >= DRAWN_AT_ONCE:
            self.draw()
        return max((point.step for point in points), default=0)

    def draw(self) -> None:
        """Take what was recorded into the drawn curves: they need not be written every second."""
        draw_points(self.run_id, self._undrawn)
        self._undrawn = []

    def _points(self, lines: Iterable[Line]) -> Iterable[MetricPoint]:
        newest: dict[tuple[str, str, int], MetricPoint] = {}
        for _, line in lines:
            for name, value in line.get("values", {}).items():
                key = (str(line["split"])[:12], str(name)[:60], int(line["step"]))
                newest[key] = MetricPoint(
                    run_id=self.run_id,
                    split=key[0],
                    name=key[1],
                    step=key[2],
                    value=value,
                    seconds=line.get("seconds", 0.0),
                )
        return newest.values()


def record_samples(run_id: int, lines: Iterable[Line]) -> None:
    """Samples are only added."""
    rows = [
        Sample(
            run_id=run_id,
            line=number,
            step=int(line.get("step", 0)),
            task_key=str(line.get("task_id", ""))[:200],
            prompt=str(line.get("prompt", "")).replace("\0", ""),
            text=str(line.get("text", "")).replace("\0", ""),
            reward=line.get("reward"),
        )
        for number, line in lines
    ]
    Sample.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
