from webapp.training.models.points import DrawnCurve, MetricPoint
from webapp.training.models.runs import Pipeline, Sample, TrainingRun
from webapp.training.models.snapshots import Snapshot, SnapshotItem

__all__ = [
    "DrawnCurve",
    "MetricPoint",
    "Pipeline",
    "Sample",
    "Snapshot",
    "SnapshotItem",
    "TrainingRun",
]
