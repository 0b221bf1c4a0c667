"""The pages of import, export and tokens, as a person sees them."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.webapp.played import played_experiment
from webapp.exchange.models import Transfer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("broker"),
]
LOOKS = [(1280, "light"), (390, "dark")]


def addresses() -> list[str]:
    bad = [{"file": "log.jsonl", "row": 7, "reason": "trial must be 1 to 32767"}]
    refused = Transfer.objects.create(
        direction="import", title="log.jsonl", status="refused", bad_count=1, report={"bad": bad}
    )
    running = Transfer.objects.create(
        direction="export", title="All", status="running", rows_done=40, rows_total=100
    )
    made = [f"/data/{refused.pk}/", f"/data/{running.pk}/"]
    return ["/data/", "/data/import/", "/data/export/", "/tokens/", *made]


@pytest.mark.timeout(300)
def test_no_page_has_a_violation(page: Page) -> None:
    played_experiment()
    faults = []

    for address in addresses():
        page.goto(address)
        for width, theme in LOOKS:
            page.set_viewport_size({"width": width, "height": 860})
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            if page.evaluate("document.documentElement.scrollWidth") > width:
                faults.append(f"{address} scrolls sideways at {width}")
            found = Axe().run(page)
            if found.violations_count:
                faults.append(f"{address} {theme}: {found.generate_report()}")

    assert not faults, "\n".join(faults)


def test_a_file_is_uploaded_and_its_page_says_that_it_waits(page: Page, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text("{}\n")

    page.goto("/data/import/")
    page.get_by_label("File", exact=True).set_input_files(log)
    page.get_by_role("button", name="Import").click()
    page.wait_for_url("**/data/*/")

    assert page.get_by_role("heading", name="log.jsonl").is_visible()
    assert page.get_by_text("queued").first.is_visible()


def test_the_document_of_the_api_is_drawn_without_the_net(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto("/api/docs")
    page.get_by_text("/api/experiments/{experiment_id}/curve").first.wait_for()

    here = page.url.split("/api/")[0]
    assert [url for url in asked if not url.startswith((here, "data:", "blob:"))] == []
