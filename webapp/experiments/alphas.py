"""How far people agree on an experiment's reflections, for the rows of one list page."""

from collections import defaultdict
from collections.abc import Sequence

from retro_core.agreement import krippendorff_alpha
from webapp.annotation.models import Response


def alphas(ids: Sequence[int]) -> dict[int, float | None]:
    """Krippendorff's alpha by experiment; None where no two people valued one reflection."""
    rows = (
        Response.objects.valued()
        .filter(reflection__experiment__in=list(ids))
        .newest_of_each()
        .values_list("reflection__experiment", "reflection", "value")
    )
    units: dict[int, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for experiment_id, reflection_id, value in rows:
        if value is not None:
            units[experiment_id][reflection_id].append(value)
    return {pk: krippendorff_alpha(found.values(), "interval") for pk, found in units.items()}
