from webapp.annotation.models.comments import Comment
from webapp.annotation.models.queues import Assignment, Guidelines, Queue, QueueItem
from webapp.annotation.models.ratings import Adjudication, RatingEvent, RatingRule
from webapp.annotation.models.responses import Batch, Draft, Response

__all__ = [
    "Adjudication",
    "Assignment",
    "Batch",
    "Comment",
    "Draft",
    "Guidelines",
    "Queue",
    "QueueItem",
    "RatingEvent",
    "RatingRule",
    "Response",
]
