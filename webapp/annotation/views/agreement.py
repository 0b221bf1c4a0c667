from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from retro_core.agreement import Alpha
from webapp import present
from webapp.annotation.services.blindness import LEADS
from webapp.annotation.services.statistics import Confusion, Person, Week, agreement
from webapp.annotation.views.access import queue_or_404
from webapp.render import HtmxHttpRequest, render_page

HIDDEN = "hidden"


@require_GET
@permission_required("annotation.view_queue", raise_exception=True)
def queue_agreement(request: HtmxHttpRequest, queue_id: int) -> HttpResponse:
    queue = queue_or_404(queue_id)
    found = agreement(queue)
    leads = request.user.has_perm(LEADS)
    shows_values = leads or not (queue.blind and queue.is_open)
    context = {
        "current_section": "annotation",
        "queue": queue,
        "found": found,
        "alphas": [_alpha(level, alpha) for level, alpha in found.alphas.items()],
        "shared": next(iter(found.alphas.values())),
        "pairs": [(pair, _decimal(pair.kappa)) for pair in found.pairs],
        "people": [
            _person(person, shows_gold=leads or queue.shows_gold, shows_values=shows_values)
            for person in found.people
        ],
        "weeks": [_week(week, shows_values=shows_values) for week in found.weeks],
        "columns": [_words(found.confusion, value) for value in found.confusion.columns],
        "confusion": _confusion(found.confusion) if shows_values else [],
    }
    template = "annotation/agreement.html"
    return render_page(request, template, context, partials=["agreement"])


def _alpha(level: str, alpha: Alpha) -> dict[str, str]:
    low, high = _decimal(alpha.low), _decimal(alpha.high)
    return {
        "level": level,
        "value": _decimal(alpha.value),
        "interval": f"{low} to {high}" if alpha.low is not None else "",
    }


def _person(person: Person, *, shows_gold: bool, shows_values: bool) -> dict[str, object]:
    """Who hit a gold item tells which ones are gold: a queue may keep that to its leads.

    A mean of one answer is that answer, and so is the share of accepted ones: not told while others
    may still be asked.
    """
    gold = shows_gold and person.gold_items
    accepted = person.accepted / person.valued if person.valued else None
    return {
        "name": person.name,
        "answers": person.answers,
        "accepted": present.percent(accepted) if shows_values else HIDDEN,
        "bias": present.signed(person.bias) if shows_values else HIDDEN,
        "seconds": present.duration(person.seconds),
        "again": f"{person.same_again} of {person.asked_again}" if person.asked_again else "",
        "gold": f"{person.gold_right} of {person.gold_items}" if gold else "",
    }


def _week(week: Week, *, shows_values: bool) -> dict[str, object]:
    return {
        "person": week.person,
        "monday": week.monday.isoformat(),
        "answers": week.answers,
        "value": present.signed(week.mean_value) if shows_values else HIDDEN,
        "bias": present.signed(week.bias) if shows_values else HIDDEN,
        "seconds": present.duration(week.seconds),
    }


def _confusion(found: Confusion) -> list[tuple[str, list[tuple[int, bool, int]]]]:
    """Rows of counts; the diagonal is marked, and the depth of colour goes from 0 to 4."""
    most = max((count for _, cells in found.rows for _, count in cells), default=1)
    return [
        (
            _words(found, rating),
            [(count, value == rating, round(4 * count / most)) for value, count in cells],
        )
        for rating, cells in found.rows
    ]


def _words(found: Confusion, value: float) -> str:
    if not found.by_sign:
        return present.signed(value)
    return "above 0" if value > 0 else "below 0" if value < 0 else "0"


def _decimal(value: float | None) -> str:
    return present.decimal(value).replace("-", "\N{MINUS SIGN}")
