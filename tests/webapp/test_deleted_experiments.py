"""An experiment that was deleted is in nothing that is made of all; an archived one is."""

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from tests.webapp.annotated import person
from tests.webapp.measured import replayed
from tests.webapp.pages import text
from tests.webapp.played import client_of, played_experiment
from tests.webapp.training_world import made_adapter
from webapp.adapters.forms import TryForm
from webapp.adapters.page import used_in
from webapp.adapters.services.lineage import written_with
from webapp.annotation.models import Comment, QueueItem
from webapp.annotation.services.deciding import decide
from webapp.annotation.services.making import Selection, candidates, sample
from webapp.annotation.services.measuring import reflections_without_score
from webapp.episodes.models import Reflection
from webapp.exchange.forms import ExportForm
from webapp.exchange.leaving import READERS, Scope, counts
from webapp.experiments.models import Experiment
from webapp.training.forms.snapshot import QueryForm
from webapp.training.services.buffer import BufferQuery, rated_reflections

pytestmark = pytest.mark.django_db


@pytest.fixture
def gone() -> Experiment:
    """Deleted; "kept" is beside it, and "put by", which is archived."""
    played_experiment("kept")
    put_by, deleted = played_experiment("put by"), played_experiment("gone")
    Experiment.objects.filter(pk=put_by.pk).update(archived_at=timezone.now())
    Experiment.objects.filter(pk=deleted.pk).update(deleted_at=timezone.now())
    return deleted


def names(reflections: Any) -> set[str]:  # a query set of reflections
    return set(reflections.values_list("experiment__name", flat=True))


def test_no_queue_is_made_of_it(gone: Experiment) -> None:
    for reflection in Reflection.objects.filter(episode__task__key="doors-1"):
        decide(reflection.pk, person("lea", ""), 1.0, gold=True)

    drawn = sample(Selection([], size=6, gold_share=0.5), seed=0)

    assert names(candidates(Selection([]))) == {"kept", "put by"}
    gold = [pk for pk, source in drawn.items() if source == QueueItem.Source.GOLD]
    assert names(Reflection.objects.filter(pk__in=gold)) == {"kept", "put by"}
    assert len(drawn) == 4


def test_no_snapshot_and_no_reward_model_reads_it(gone: Experiment, tmp_path: Path) -> None:
    Experiment.objects.filter(pk=gone.pk).update(environment="elsewhere")
    scorer = made_adapter(tmp_path / "scorer", kind="reward_model")

    assert names(rated_reflections(BufferQuery())) == {"kept", "put by"}
    assert names(reflections_without_score(scorer, None)) == {"kept", "put by"}
    offered: Any = QueryForm().fields["environments"]
    assert offered.choices == [("doors", "doors")]


def test_an_export_of_everything_leaves_it_out(gone: Experiment) -> None:
    written = {name: list(read(Scope())) for name, read in READERS.items()}

    told = {row["experiment"] for name in written if name != "tasks" for row in written[name]}
    assert told == {"kept", "put by"}
    assert counts(Scope()) == {name: len(rows) for name, rows in written.items()}
    offered: Any = ExportForm().fields["experiments"]
    assert {experiment.name for experiment in offered.queryset} == {"kept", "put by"}


def test_it_is_in_no_list_of_reflections_unless_it_is_asked_for(gone: Experiment) -> None:
    viewer = client_of("viewer")
    reflection = Reflection.objects.filter(experiment=gone)[0]
    address = reverse("episodes:detail", args=[reflection.episode_id])

    assert address not in text(viewer.get("/reflections/"))
    assert address in text(viewer.get("/reflections/", {"experiment": gone.pk}))


def test_its_replays_are_not_listed(gone: Experiment) -> None:
    addresses = {}
    for reflection in Reflection.objects.filter(episode__task__key="doors-1"):
        replayed(reflection, [1.0, 0.0])
        address = reverse("annotation:counterfactual", args=[reflection.pk])
        addresses[reflection.experiment.name] = address

    page = text(client_of("researcher").get("/annotation/counterfactuals/"))

    assert {name for name, address in addresses.items() if address in page} == {"kept", "put by"}


@pytest.mark.parametrize(("scope", "word"), [("steps", "wall"), ("reflections", "wrong")])
def test_a_search_does_not_find_it_unless_it_is_asked_for(
    gone: Experiment, scope: str, word: str
) -> None:
    viewer = client_of("viewer")
    asked = {"q": word, "scope": scope}

    everywhere = text(viewer.get("/search/", asked))
    inside = text(viewer.get("/search/", asked | {"experiment": gone.pk}))

    assert "gone" not in everywhere
    assert "put by" in everywhere
    assert "gone" in inside


def test_comments_on_it_are_not_found(gone: Experiment) -> None:
    for experiment in Experiment.objects.all():
        author = person("lea", "")
        Comment.objects.create(experiment=experiment, author=author, text="A cupboard.")

    page = text(client_of("viewer").get("/search/", {"q": "cupboard", "scope": "comments"}))

    assert "put by" in page
    assert "gone" not in page


def test_the_page_of_an_adapter_names_it_no_more(gone: Experiment, tmp_path: Path) -> None:
    adapter = made_adapter(tmp_path / "house")
    Experiment.objects.update(adapter=adapter.name)
    Reflection.objects.update(adapter=adapter.name)

    assert {row["experiment"].name for row in used_in(adapter)} == {"kept", "put by"}
    judge = made_adapter(tmp_path / "judge", "judge", kind="reward_model")
    ranked = {"reflection": {"reward_model": judge.name, "best_of_n": 3}}
    Experiment.objects.exclude(name="put by").update(config=ranked)
    Reflection.objects.update(candidates=[{"text": "a", "seed": 1, "score": 0.5}])
    (kept,) = used_in(judge)
    assert kept["experiment"].name == "kept"
    assert int(kept["reflections"]) > 0
    assert names(written_with(adapter)) == {"kept", "put by"}
    offered: Any = TryForm().fields["reflection"]
    assert names(offered.queryset) == {"kept", "put by"}
