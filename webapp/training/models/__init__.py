from webapp.training.models.runs import MetricPoint, Pipeline, Sample, TrainingRun
from webapp.training.models.snapshots import Snapshot, SnapshotItem

__all__ = ["MetricPoint", "Pipeline", "Sample", "Snapshot", "SnapshotItem", "TrainingRun"]
