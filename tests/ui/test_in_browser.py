"""The interface in a real browser: a live run is watched to its end, logs follow, a job is cancelled, a run resumed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.browser import DARK, NO_SCRIPT, PHONE, browse, needs_browser
from support.cli import Pexec
from support.pages import busy_story
from support.recorded_runs import record
from support.runs import last_run
from support.ui import started_ui

pytestmark = [needs_browser, pytest.mark.timeout(600)]

# Jobs wait for files, so that a test decides when they end.
MANIFEST = """\
version: 1
name: shop
workflows:
  build: {run: 'echo begun; until test -e go; do sleep 0.1; done; echo "built <b>"'}
  slow: {run: sleep 1000}
  broken: {run: 'echo oh no; test -e fixed', needs: build}
  after: {run: echo after, needs: broken}
"""
OPEN_RUN = "await page.waitForSelector('table.runs a'); await page.click('table.runs a');"


@pytest.fixture
def url(pexec: Pexec) -> Iterator[str]:
    """The URL of an interface, whose first run is in progress."""
    pexec.file("pexec.yaml", MANIFEST)
    run = pexec.start("apply", "--keep-going", "-q")
    give_up_at = time.monotonic() + 60
    while not list(pexec.folder.glob(".pexec/runs/*/logs/slow.1.log")):
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
    with started_ui(pexec) as ui:
        yield ui.url
    if run.poll() is None:
        run.terminate()
        run.wait(timeout=60)


def test_a_run_is_watched_to_its_end_and_its_jobs_are_cancelled(url: str, pexec: Pexec) -> None:
    go = (pexec.folder / "go").as_posix()
    seen = browse(
        url,
        f"""
        {OPEN_RUN}
        await page.waitForSelector("#running th:text-is('build')");
        const early = await page.textContent("header b");
        await page.fill("#filter", "a");
        await page.focus("#filter");
        fs.writeFileSync("{go}", "");
        await page.waitForSelector("#failures summary:has-text('broken')");
        const focus = await page.evaluate(() => document.activeElement.id + document.activeElement.value);
        await page.getByRole("button", {{name: "Cancel slow"}}).click();
        await page.waitForSelector("h1:has-text('FAILED')");
        await page.waitForSelector("#filter-status");
        const options = await page.$$eval("#filter-status option", all => all.map(one => one.value));
        await page.waitForSelector("#running", {{state: "detached"}});
        return [early, focus, await page.textContent("header b"), options, await page.title(), await axe()];
        """,
    )
    early, focus, late, options, title, violations = seen.result
    assert early == "0 of 4 jobs succeeded, 2 running, 2 waiting"
    assert focus == "filtera"
    assert late == "1 of 4 jobs succeeded, 1 failed, 1 cancelled, 1 skipped"
    assert {"succeeded", "failed", "cancelled", "skipped"} <= set(options)
    assert title == "shop: FAILED"
    assert violations == []
    assert seen.errors == []
    assert last_run(pexec.folder).statuses["slow"] == "cancelled"


def test_a_log_is_followed_to_its_end(url: str, pexec: Pexec) -> None:
    go = (pexec.folder / "go").as_posix()
    seen = browse(
        url,
        f"""
        {OPEN_RUN}
        await page.click("#running tr:has-text('build') a");
        await page.waitForSelector("#log:has-text('begun')");
        const early = await page.textContent("#log");
        fs.writeFileSync("{go}", "");
        await page.waitForSelector("#notice:has-text('The job has ended')");
        return [early, await page.textContent("#log"), await axe()];
        """,
    )
    assert seen.result == ["begun\n", "begun\nbuilt <b>\n", []]
    assert seen.errors == []


def test_the_whole_run_is_cancelled_and_resumed_and_outlives_the_interface(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST.replace("sleep 1000", "until test -e fixed; do sleep 0.1; done"))
    pexec.file("go", "")
    run = pexec.start("apply", "--keep-going", "-q")
    with started_ui(pexec) as ui:
        give_up_at = time.monotonic() + 60
        while not list(pexec.folder.glob(".pexec/runs/*/logs/slow.1.log")) and time.monotonic() < give_up_at:
            time.sleep(0.05)
        seen = browse(
            ui.url,
            f"""
            {OPEN_RUN}
            await page.click("summary:has-text('Cancel')");
            await page.getByRole("button", {{name: "Cancel this run"}}).click();
            await page.waitForSelector("h1:has-text('CANCELLED')");
            const said = await page.textContent("#notice");
            await page.getByRole("button", {{name: "Resume", exact: true}}).click();
            await page.waitForSelector("#notice:has-text('resumed')");
            await page.waitForSelector("#running th:text-is('slow')");
            return said;
            """,
        )
        assert run.wait(timeout=60) == 1
    assert seen.result.startswith("Requested cancellation of the run")
    assert seen.errors == []
    pexec.file("fixed", "")
    give_up_at = time.monotonic() + 60
    while last_run(pexec.folder).results["execution_result"] == "RUNNING" and time.monotonic() < give_up_at:
        time.sleep(0.1)
    assert last_run(pexec.folder).statuses["slow"] == "succeeded"


def test_a_refused_resume_gives_the_reason(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST.replace("sleep 1000", "exit 0")).file("go", "")
    assert pexec.run("apply", "-q").exit_code == 1
    pexec.file("pexec.yaml", "version: 1\nworkflows: [broken\n")
    with started_ui(pexec) as ui:
        seen = browse(
            ui.url,
            f"""
            {OPEN_RUN}
            await page.getByRole("button", {{name: "Resume", exact: true}}).click();
            await page.waitForSelector("#notice .bad");
            return page.textContent("#notice");
            """,
        )
    assert seen.result.startswith("The run was not resumed: error")
    assert "pexec.yaml" in seen.result


@pytest.mark.parametrize("options", [{}, DARK, PHONE, {**DARK, **PHONE}], ids=["light", "dark", "phone", "dark phone"])
def test_axe_finds_nothing_and_pages_fit_their_window(pexec: Pexec, options: dict[str, Any]) -> None:
    root = pexec.folder / ".pexec/runs"
    for number in range(3):
        record(root, busy_story(12), run_id=f"2026010{number + 1}T000000.000000Z-00000000")
    with started_ui(pexec) as ui:
        seen = browse(
            ui.url,
            """
            const found = [];
            const check = async () => {
              const fits = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
              found.push([await axe(), fits]);
            };
            await page.waitForSelector("table.runs a");
            await check();
            await page.click("text=Trends");
            await page.waitForSelector("#slowest");
            await check();
            await page.click("text=Runs");
            await page.click("table.runs a");
            await page.waitForSelector("#jobs");
            await check();
            await page.click("#jobs td a");
            await page.waitForSelector("#log");
            await check();
            return found;
            """,
            **options,
        )
    assert seen.result == [[[], True]] * 4
    assert seen.errors == []
    assert all(one.startswith(("http://127.0.0.1:", "data:")) for one in seen.requests)


def test_without_a_script_the_pages_show_the_same(url: str) -> None:
    seen = browse(
        url,
        f"""
        {OPEN_RUN}
        await page.waitForSelector("#running th:text-is('slow')");
        await page.getByRole("button", {{name: "Cancel slow"}}).click();
        await page.waitForSelector("#notice:has-text('Requested cancellation of slow')");
        return page.locator("table.jobs tbody tr").count();
        """,
        **NO_SCRIPT,
    )
    assert seen.result == 4


def test_5000_jobs_are_shown_and_the_page_says_when_the_interface_has_ended(pexec: Pexec) -> None:
    record(pexec.folder / ".pexec/runs", busy_story(5000))
    with started_ui(pexec) as ui:
        seen = browse(
            ui.url,
            f"""
            {OPEN_RUN}
            await page.waitForSelector("#jobs");
            const rows = await page.locator("table.jobs tbody tr").count();
            process.kill({ui.process.pid});
            await page.waitForSelector("#connection:has-text('pexec ui has ended')");
            return rows;
            """,
        )
    assert 10 < seen.result < 1000
