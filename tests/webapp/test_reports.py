"""Reports: versions, live and frozen blocks, safe Markdown, and reviews."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.webapp.pages import text
from tests.webapp.played import client_of, played_experiment
from webapp.episodes.models import Episode, Reflection
from webapp.experiments.models import Experiment
from webapp.reports.chart import chart
from webapp.reports.models import FrozenBlock, Report, ReportVersion
from webapp.reports.services import saving
from webapp.reports.services.blocks import blocks, split

pytestmark = pytest.mark.django_db
LIST = "/reports/"


@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


@pytest.fixture
def researcher() -> Client:
    return client_of("researcher")


def report_of(body: str, title: str = "Doors") -> Report:
    owner, _ = User.objects.get_or_create(username="ann")
    return saving.create(title, body, owner)


def fenced(info: str, *lines: str) -> str:
    return "\n".join([f"```{info}", *lines, "```"])


def shown(client: Client, report: Report) -> str:
    return text(client.get(f"{LIST}{report.pk}/"))


def test_a_text_is_cut_at_its_blocks_and_other_fences_stay_code() -> None:
    body = "\n".join(
        ["# One", fenced("curve frozen", "experiments: 3, #4"), "two", fenced("python", "x: 1")]
    )

    first, block, last = split(body)

    assert first == "# One"
    assert (block.kind, block.is_frozen, block.numbers("experiments", 8)) == ("curve", True, [3, 4])
    assert last == "two\n```python\nx: 1\n```"
    assert blocks(fenced("curve") + "\n" + "> " + fenced("curve"))[0].options == {}


@pytest.mark.parametrize("odd", ["\u2028", "\x85", "\x0b", "\x0c", "\x1c", "\r", "\r\n"])
def test_a_character_that_may_end_a_line_moves_no_block(odd: str) -> None:
    body = f"# One{odd}two\n" + fenced("curve", f"title: a{odd}b: c", "experiments: 3") + "\nthree"

    first, block, last = split(body)

    plain = "\n" if odd.startswith("\r") else odd
    assert (first, last) == (f"# One{plain}two", "three")
    assert block.numbers("experiments", 8) == [3]
    assert block.options["title"] == ("a" if plain == "\n" else f"a{odd}b: c")


def test_a_chart_spans_its_axes() -> None:
    drawn = chart(
        {
            "metric": "success",
            "series": [
                {"id": 1, "name": "doors", "points": [[1, 0.0, 0.0, 0.5, 3], [2, 1.0, 0.5, 1.0, 3]]}
            ],
        }
    )

    assert drawn.lines[0].path == "M46.0 226.0L626.0 14.0"
    assert drawn.lines[0].last == "100 %"
    assert [words for _, words in drawn.y_ticks] == ["0 %", "25 %", "50 %", "75 %", "100 %"]


def test_curves_differ_in_more_than_colour() -> None:
    points = [[1, 0.0, 0.0, 0.5, 3]]
    series = [{"id": number, "name": f"run {number}", "points": points} for number in range(6)]

    drawn = chart({"metric": "success", "series": series})

    assert len({line.stroke for line in drawn.lines}) == 6


def test_markdown_is_shown_and_its_tags_are_not_run(viewer: Client) -> None:
    report = report_of("**bold** <script>alert(1)</script> [x](javascript:alert(1))")

    page = shown(viewer, report)

    assert "<strong>bold</strong>" in page
    assert "<script>alert(1)" not in page
    assert 'href="javascript' not in page


def test_each_kind_of_block_is_drawn(viewer: Client) -> None:
    experiment = played_experiment()
    episode = Episode.objects.get(task__key="doors-1", trial=1)
    report = report_of(
        "\n\n".join(
            [
                fenced("curve", f"experiments: {experiment.pk}", "title: The doors"),
                fenced("experiments", f"experiments: {experiment.pk}"),
                fenced("episode", f"episode: {episode.pk}", "steps: 2-2"),
                fenced("reflection", f"reflection: {episode.reflection.pk}"),
            ]
        )
    )

    page = shown(viewer, report)

    assert "<figcaption>The doors</figcaption>" in page
    assert "Success by trial; doors: 67 %" in page
    assert "33.3 %" in page
    assert f'href="/episodes/{episode.pk}/#step-2"' in page
    assert f'href="/episodes/{episode.pk}/#step-1"' not in page
    assert "I opened the wrong door in trial 1." in page


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (fenced("curve", "experiments: 999999"), "No experiment of that number."),
        (fenced("experiments", f"experiments: {'9' * 40}"), "No experiment of that number."),
        (fenced("episode", "episode: x"), "No episode of that number."),
        (fenced("reflection"), "No reflection of that number."),
    ],
)
def test_a_block_that_names_nothing_says_so(viewer: Client, block: str, words: str) -> None:
    assert words in shown(viewer, report_of(block))


def test_a_live_block_follows_and_a_frozen_one_stays(viewer: Client) -> None:
    experiment = played_experiment()
    line = f"experiments: {experiment.pk}"
    report = report_of(
        "\n\n".join([fenced("experiments", line), fenced("experiments frozen", line)])
    )

    Experiment.objects.update(episodes_count=777)
    saving.save(
        report.pk, "Doors", ReportVersion.objects.get().text + "\n\nMore.", report.owner, seen=1
    )

    page = shown(viewer, report)
    assert page.count(">777<") == 1
    assert page.count(">5<") == 1
    assert FrozenBlock.objects.count() == 1


def test_every_save_is_a_version_and_an_old_one_can_return(
    researcher: Client, viewer: Client
) -> None:
    researcher.post(f"{LIST}new/", {"title": "One", "text": "first words", "seen": 0})
    report = Report.objects.get()
    researcher.post(f"{LIST}{report.pk}/edit/", {"title": "Two", "text": "other", "seen": 1})

    old = text(viewer.get(f"{LIST}{report.pk}/versions/1/"))
    back = researcher.post(f"{LIST}{report.pk}/versions/1/restore/", follow=True)

    assert "first words" in old
    assert "This is an old version" in old
    assert "Version 1 is back, as version 3." in text(back)
    assert [v.text for v in report.versions.order_by("number")] == [
        "first words",
        "other",
        "first words",
    ]
    assert shown(viewer, report).count("first words") == 1


def test_a_save_over_somebody_elses_is_refused_and_keeps_the_words(researcher: Client) -> None:
    report = report_of("theirs")
    saving.save(report.pk, "Doors", "newer", report.owner, seen=1)

    response = researcher.post(
        f"{LIST}{report.pk}/edit/", {"title": "Doors", "text": "my words", "seen": 1}
    )

    assert response.status_code == 422
    assert "Somebody saved this report meanwhile" in text(response)
    assert "my words" in text(response)
    assert report.versions.count() == 2


@pytest.mark.parametrize(
    "given",
    [
        {"title": "", "text": "x", "seen": 0},
        {"title": "x" * 161, "text": "x", "seen": 0},
        {"title": "x", "text": "x" * 100_001, "seen": 0},
        {"title": "x", "text": "x", "seen": "many"},
        {"title": "x", "text": "```curve\n```\n" * 31, "seen": 0},
    ],
)
def test_a_bad_form_writes_nothing(researcher: Client, given: dict[str, object]) -> None:
    assert researcher.post(f"{LIST}new/", given).status_code == 422
    assert Report.objects.count() == 0


def test_a_number_that_no_row_has_and_too_many_blocks_are_told(researcher: Client) -> None:
    report = report_of(fenced("curve", f"experiments: {'9' * 5000}"))

    assert "Doors" in shown(researcher, report)
    many = "\n\n".join([fenced("curve", "experiments: 1")] * 31)
    preview = researcher.post(f"{LIST}preview/", {"title": "x", "text": many, "seen": 0})
    assert "at most 30 blocks" in text(preview)


def test_the_preview_draws_without_saving(researcher: Client) -> None:
    played_experiment()
    pk = Experiment.objects.get().pk

    page = text(
        researcher.post(f"{LIST}preview/", {"text": fenced("curve frozen", f"experiments: {pk}")})
    )

    assert "report-curve" in page
    assert "Frozen with the next save" in page
    assert FrozenBlock.objects.count() == 0


def test_the_list_is_short_work(
    viewer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        report_of("x", f"Report {number}")

    with django_assert_max_num_queries(8):
        page = text(viewer.get(LIST))

    assert page.index("Report 4") < page.index("Report 0")


def test_roles_are_checked_everywhere(viewer: Client) -> None:
    report = report_of("x")
    nobody = client_of("")
    pages = ["", f"{report.pk}/", f"{report.pk}/versions/1/"]
    writes = [f"{report.pk}/versions/1/restore/", f"reviews/report/{report.pk}/ask/"]

    assert [nobody.get(LIST + page).status_code for page in pages] == [403] * 3
    assert [viewer.get(LIST + page).status_code for page in pages] == [200] * 3
    assert [viewer.post(LIST + page).status_code for page in pages] == [405] * 3
    assert [viewer.get(LIST + page).status_code for page in ("new/", f"{report.pk}/edit/")] == [
        403
    ] * 2
    assert [viewer.post(LIST + page).status_code for page in writes] == [403] * 2
    assert nobody.post(f"{LIST}preview/").status_code == 403
    assert Client().get(LIST)["Location"].startswith("/sign-in/")


def test_unknown_things_are_not_found(researcher: Client) -> None:
    report = report_of("x")

    assert researcher.get(f"{LIST}{report.pk}/versions/9/").status_code == 404
    assert researcher.post(f"{LIST}{report.pk}/versions/9/restore/").status_code == 404
    assert researcher.post(f"{LIST}reviews/planet/1/ask/").status_code == 404
    assert researcher.post(f"{LIST}reviews/report/999/ask/").status_code == 404
    assert Reflection.objects.count() == 0
