"""The bench data is whole: counters agree with rows, and real rows are never mixed with it."""

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count, F, Sum

from tests.webapp.played import client_of, new_experiment
from webapp.episodes.models import Episode, Reflection, Step
from webapp.experiments.models import CurvePoint, Experiment
from webapp.system.bench_data.texts import make_texts
from webapp.training.models import MetricPoint, TrainingRun

pytestmark = pytest.mark.django_db
COMMAND = "make_bench_data"


def test_a_small_scale_fills_every_table_with_rows_that_agree() -> None:
    call_command(COMMAND, scale=0.001, verbosity=0)

    totals = Experiment.objects.aggregate(
        episodes=Sum("episodes_count"), steps=Sum("steps_count"), written=Sum("reflections_count")
    )
    curve = CurvePoint.objects.aggregate(attempts=Sum("attempts"), steps=Sum("step_sum"))
    assert Episode.objects.count() == totals["episodes"] == curve["attempts"] >= 120
    assert Step.objects.count() == totals["steps"] == curve["steps"]
    assert Reflection.objects.count() == totals["written"] > 30
    assert Episode.objects.filter(step_count=2_000).count() == 1
    assert TrainingRun.objects.count() == 2
    assert MetricPoint.objects.count() == 2 * 200
    assert client_of("viewer").get("/experiments/").status_code == 200
    counted = Episode.objects.annotate(own=Count("steps"))
    assert not counted.exclude(own=F("step_count")).exists()


def test_the_same_seed_gives_the_same_texts() -> None:
    first, again, other = (make_texts(seed) for seed in (3, 3, 4))

    assert first.sentences == again.sentences
    assert first.rare == again.rare
    assert first.sentences != other.sentences


def test_it_refuses_a_database_with_rows() -> None:
    new_experiment()

    with pytest.raises(CommandError, match="holds rows already"):
        call_command(COMMAND, scale=0.001)

    assert Episode.objects.count() == 0
