"""The memory that a finished run took, on its page."""

from pathlib import Path

import pytest

from tests.webapp.pages import text
from tests.webapp.played import client_of
from tests.webapp.training_world import made_adapter, taken_snapshot
from webapp.adapters.page import figure_rows
from webapp.training.models import TrainingRun

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("figures", "note"),
    [
        ({"peak_memory_gb": 1.94}, "at its peak"),
        ({"peak_memory_gb": 1.94, "peak_gpu_memory_gb": 20.24}, "at its peak; on the GPU 20.2 GB"),
    ],
)
def test_a_finished_run_tells_the_memory_that_it_took(
    tmp_path: Path, figures: dict[str, float], note: str
) -> None:
    adapter = made_adapter(tmp_path / "made")
    adapter.figures = figures
    adapter.save()
    ended = TrainingRun.objects.create(
        **{"name": "ended", "stage": "sft", "preset": "cpu-small", "spec": {}, "status": "done"},
        snapshot=taken_snapshot("ended"),
        adapter=adapter,
    )
    times = {"started_at": ended.created_at, "finished_at": ended.created_at}
    TrainingRun.objects.filter(pk=ended.pk).update(**times)

    page = text(client_of("viewer").get(f"/training/{ended.pk}/"))

    told = f'<dd>1.9 <span class="unit">GB</span></dd> <dd class="note">{note}</dd>'
    assert f"<dt>Memory</dt>{told}" in page


def test_its_adapter_tells_it_in_gigabytes() -> None:
    assert figure_rows({"peak_memory_gb": 1.94, "reward": 0.5}) == [
        ("peak memory", "1.9 GB"),
        ("reward", "0.5"),
    ]
