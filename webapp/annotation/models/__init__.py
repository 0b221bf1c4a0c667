from webapp.annotation.models.comments import Comment
from webapp.annotation.models.counterfactuals import Counterfactual, Replay
from webapp.annotation.models.measures import Measurement, ModelScore, Retraining, TextFeatures
from webapp.annotation.models.queues import Assignment, Guidelines, Queue, QueueItem
from webapp.annotation.models.ratings import Adjudication, RatingEvent, RatingRule
from webapp.annotation.models.responses import Batch, Draft, Response
from webapp.annotation.models.work import Work, WorkQuerySet

__all__ = [
    "Adjudication",
    "Assignment",
    "Batch",
    "Comment",
    "Counterfactual",
    "Draft",
    "Guidelines",
    "Measurement",
    "ModelScore",
    "Queue",
    "QueueItem",
    "RatingEvent",
    "RatingRule",
    "Replay",
    "Response",
    "Retraining",
    "TextFeatures",
    "Work",
    "WorkQuerySet",
]
