"""A report's text as the parts of its page, and the panel of reviews."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.utils.safestring import SafeString

from webapp import present
from webapp.annotation.markdown import as_html
from webapp.annotation.services.blindness import unrated_for
from webapp.experiments.models import Experiment
from webapp.reports.chart import Chart, chart
from webapp.reports.models import FrozenBlock, Report, Review
from webapp.reports.services.blocks import Block, split
from webapp.reports.services.drawing import draw

MOST_PEOPLE = 300


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of prose, or a block with its content."""

    html: SafeString | None = None
    kind: str = ""
    content: dict[str, Any] = field(default_factory=dict)  # JSON values
    chart: Chart | None = None
    frozen: present.Moment | None = None
    is_frozen: bool = False


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One review as pages show it."""

    review: Review
    asked: present.Moment | None
    answered: present.Moment | None
    is_mine: bool


@dataclass(frozen=True, slots=True)
class ReviewPanel:
    """The reviews of one experiment or report, and whom one may ask."""

    kind: str
    target_id: int
    rows: list[ReviewRow]
    people: list[User]


def parts(text: str, person: User | AnonymousUser, report: Report | None = None) -> list[Part]:
    """Prose and blocks in order; a frozen block that was never saved is drawn as it is now.

    The rating of a reflection is left out while a queue keeps it from the person.
    """
    frozen = {} if report is None else {one.key: one for one in report.frozen_blocks.all()}
    found = [
        _block_part(piece, frozen.get(piece.key)) if isinstance(piece, Block) else _prose(piece)
        for piece in split(text)
    ]
    quoted = [
        one.content["id"] for one in found if one.kind == "reflection" and "id" in one.content
    ]
    hidden = unrated_for(person, quoted) if quoted else set()
    return [_unrated(one) if one.content.get("id") in hidden else one for one in found]


def _unrated(part: Part) -> Part:
    """A quoted reflection without its rating; other blocks have ids of other tables."""
    if part.kind != "reflection":
        return part
    return replace(part, content=part.content | {"rating": "not shown yet", "rating_class": ""})


def _prose(text: str) -> Part:
    return Part(html=as_html(text))


def _block_part(block: Block, kept: FrozenBlock | None) -> Part:
    keeps = block.is_frozen and kept is not None
    content = kept.content if kept is not None and keeps else draw(block)
    has_chart = block.kind == "curve" and "missing" not in content
    return Part(
        kind=block.kind,
        content=content,
        chart=chart(content) if has_chart else None,
        frozen=present.moment(kept.drawn_at) if kept is not None and keeps else None,
        is_frozen=block.is_frozen,
    )


def review_panel(target: Experiment | Report, person: User | AnonymousUser) -> ReviewPanel:
    """What the page of an experiment or a report shows of its reviews."""
    reviews = target.reviews.select_related("asked_by", "reviewer")[:50]
    may_ask = person.has_perm("reports.add_review")
    people = User.objects.filter(is_active=True, groups__isnull=False).only("username")
    others = people.exclude(pk=person.pk or 0)
    kind = "experiment" if isinstance(target, Experiment) else "report"
    return ReviewPanel(
        kind=kind,
        target_id=target.pk,
        rows=review_rows(list(reviews), person.pk),
        people=list(others.distinct().order_by("username")[:MOST_PEOPLE]) if may_ask else [],
    )


def review_rows(reviews: Sequence[Review], person_id: int | None) -> list[ReviewRow]:
    """Rows for reviews whose people were fetched with them."""
    return [
        ReviewRow(
            review=review,
            asked=present.moment(review.asked_at),
            answered=present.moment(review.answered_at),
            is_mine=review.reviewer_id == person_id and review.state == Review.State.WAITING,
        )
        for review in reviews
    ]
