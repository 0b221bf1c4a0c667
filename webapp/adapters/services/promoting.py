"""From candidate to staging to production, with a reason and a probe, and one step back."""

from collections.abc import Iterator
from dataclasses import asdict

from django.contrib.auth.models import User
from django.db import transaction

from retro_core.errors import InvalidInput
from webapp.adapters.models import Adapter, StageChange
from webapp.adapters.services import server
from webapp.adapters.services.serving import serve_and_probe
from webapp.episodes.models import Reflection

Stage = Adapter.Stage
PROBES = 3
ANY_FAILURE = "An agent opened the same drawer again and again. What went wrong? Give a short plan."
NEXT = {Stage.CANDIDATE: Stage.STAGING, Stage.STAGING: Stage.PRODUCTION}
ROLLED_BACK = "Rolled back."


def promote(adapter: Adapter, *, to: str, reason: str, person: User | None) -> StageChange:
    """Load it into the model server, see that the output changes, and only then promote it.

    Raises InvalidInput with the reason where one of these fails; nothing is promoted then.
    """
    check_promotion(adapter, to)
    seen = serve_and_probe(adapter, list(probe_prompts(adapter)))
    return _move(adapter, to=to, reason=reason, person=person, probe=seen)


def check_promotion(adapter: Adapter, to: str) -> None:
    """Refuse what no server needs to be asked about. Raises InvalidInput."""
    if adapter.kind != Adapter.Kind.POLICY:
        raise InvalidInput("A reward model writes no reflections: it cannot be promoted.")
    if adapter.stage == Stage.PRODUCTION:
        raise InvalidInput(f"{adapter} is in production: only a roll back takes it out of there.")
    if to not in (Stage.STAGING, Stage.PRODUCTION) or to == adapter.stage:
        raise InvalidInput(f"{adapter} is in {adapter.stage} and cannot be promoted to {to}.")


def roll_back(person: User | None) -> Adapter | None:
    """Put the adapter that was in production before back there; None if there was none.

    Raises InvalidInput if nothing is in production, or the earlier one cannot be served.
    """
    current = Adapter.objects.in_production()
    if current is None:
        raise InvalidInput("No adapter is in production.")
    earlier = before_it(current)
    if earlier is None:
        _move(current, to=Stage.STAGING, reason=ROLLED_BACK, person=person)
        return None
    promote(earlier, to=Stage.PRODUCTION, reason=f"{ROLLED_BACK} Was {current}.", person=person)
    return earlier


def before_it(current: Adapter) -> Adapter | None:
    """The adapter that the present one replaced in production."""
    came = current.stage_changes.filter(to_stage=Stage.PRODUCTION).first()
    if came is None:
        return None
    # One that was rolled back made room for nobody: it must not return.
    gone = StageChange.objects.filter(from_stage=Stage.PRODUCTION, reason=_replaced_by(current))
    replaced = gone.filter(pk__lt=came.pk).select_related("adapter").first()
    return replaced.adapter if replaced else None


def _replaced_by(adapter: Adapter) -> str:
    return f"Replaced by {adapter}."


def probe_prompts(adapter: Adapter) -> Iterator[str]:
    """Stored failures to probe with, held-out ones of its own training first; never none."""
    run = getattr(adapter, "made_by", None)
    if run is not None:
        items = run.snapshot.items.order_by("-split", "position")
        yield from items.values_list("prompt", flat=True)[:PROBES]
        return
    newest = Reflection.objects.exclude(prompt="").order_by("-pk")
    yield from list(newest.values_list("prompt", flat=True)[:PROBES]) or [ANY_FAILURE]


@transaction.atomic
def _move(
    adapter: Adapter,
    *,
    to: str,
    reason: str,
    person: User | None,
    probe: server.Beside | None = None,
) -> StageChange:
    """Change the stage and keep why; whoever is in production makes room first."""
    if to == Stage.PRODUCTION:
        for other in Adapter.objects.filter(stage=Stage.PRODUCTION).exclude(pk=adapter.pk):
            _move(other, to=Stage.STAGING, reason=_replaced_by(adapter), person=person)
    change = StageChange.objects.create(
        adapter=adapter,
        from_stage=adapter.stage,
        to_stage=to,
        reason=reason,
        person=person,
        probe=asdict(probe) if probe else {},
    )
    adapter.stage = to
    adapter.save(update_fields=["stage"])
    return change
