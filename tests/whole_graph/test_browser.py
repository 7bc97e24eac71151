"""The UI in headless Chromium: the graph, an asset with its checks, a plot."""

import re
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from lakehouse.lake import Lake
from tests.whole_graph.project import Project
from tests.whole_graph.ui import Ui, running_ui

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 90_000


@pytest.fixture(scope="module")
def ui(project: Project) -> Iterator[Ui]:
    with running_ui(project.settings.data_dir) as ui:
        yield ui


@pytest.fixture(scope="module")
def page() -> Iterator["Page"]:
    """A page of the system's browser, because Playwright's own would need a download."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"no browser on PATH (looked for {', '.join(BROWSERS)})")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        with playwright.chromium.launch(
            executable_path=browser, args=["--no-sandbox", "--disable-gpu"]
        ) as chromium:
            page = chromium.new_page(viewport={"width": 1600, "height": 1000})
            page.set_default_timeout(PATIENCE_MS)
            yield page


def test_the_lineage_shows_the_layers_of_the_domain(ui: Ui, page: "Page") -> None:
    page.goto(f"{ui.address}/asset-groups")
    for layer in ("landing", "raw", "staging", "core", "features", "training", "predictions"):
        page.get_by_text(f"payments_{layer}", exact=True).first.wait_for()


def test_an_asset_page_shows_rows_and_checks(ui: Ui, page: "Page", project: Project) -> None:
    with Lake(project.settings, read_only=True) as lake:
        rows = f"{lake.rows('raw.transactions'):,}"
    page.goto(f"{ui.address}/assets/raw/transactions")
    page.get_by_text(rows).first.wait_for()
    page.goto(f"{ui.address}/assets/raw/transactions?view=checks")
    for check in ("contract", "quarantine", "volume", "data_age"):
        page.get_by_text(check, exact=True).first.wait_for()


def test_a_model_shows_a_plot(ui: Ui, page: "Page") -> None:
    page.goto(f"{ui.address}/assets/models/fraud_detector?view=events")
    show = page.get_by_text(re.compile(r"Show (Markdown|more)", re.IGNORECASE)).first
    show.click()
    image = page.locator("img[src^='data:image/']").first
    image.wait_for()
    assert image.evaluate("image => image.complete && image.naturalWidth > 100")
