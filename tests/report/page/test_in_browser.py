"""The page in a real browser: accessible, sortable, by keyboard, on a telephone, in the dark, without scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.browser import DARK, NO_SCRIPT, PHONE, browse, needs_browser
from support.pages import busy_context, busy_story, page_of
from support.stories import Story
from support.worlds import job, plan

pytestmark = [needs_browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Files by the number of jobs."""
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for jobs in (12, 120, 300, 310, 5000):
        story = busy_story(jobs)
        found[jobs] = folder / f"{jobs}.html"
        found[jobs].write_text(page_of(story, busy_context(story)))
    return found


@pytest.mark.parametrize(
    ("jobs", "options"),
    # From 101 jobs on bands are folded, from 301 on the graph is, and from 1001 on the table. What axe-core takes grows
    # faster than the page.
    [(12, {}), (12, DARK), (12, PHONE), (12, {**DARK, **PHONE}), (120, {}), (310, DARK), (5000, {})],
    ids=["12", "12 dark", "12 phone", "12 dark phone", "120", "310 dark", "5000"],
)
def test_axe_finds_nothing_and_the_page_fits_its_window(
    pages: dict[int, Path], jobs: int, options: dict[str, Any]
) -> None:
    seen = browse(
        pages[jobs],
        """
        await page.evaluate(() => { for (const one of document.querySelectorAll("details")) one.open = true; });
        const fits = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
        return [await axe(), fits];
        """,
        **options,
    )
    assert seen.result == [[], True]
    assert seen.errors == []
    assert seen.requests == [pages[jobs].as_uri()]


def test_a_run_without_failures_is_accessible_too(tmp_path: Path) -> None:
    story = Story(plan(job("a")))
    story.start("a", 0.0)
    story.end("a", 1.0)
    story.finish(1.0)
    (tmp_path / "page.html").write_text(page_of(story))
    assert browse(tmp_path / "page.html", "return axe();").result == []


def test_the_table_is_sorted_by_a_click_on_its_heads_and_by_keyboard(pages: dict[int, Path]) -> None:
    seen = browse(
        pages[12],
        """
        const column = n => page.$$eval(
          "table.jobs tbody tr", (rows, n) => rows.map(row => row.cells[n].textContent), n);
        const state = () => page.$$eval("table.jobs thead th[aria-sort]", heads =>
          heads.map(head => head.textContent + " " + head.getAttribute("aria-sort")));
        const found = [];
        await page.click("table.jobs thead button:text-is('Time')");
        found.push(await column(5), await state());
        await page.focus("table.jobs thead button:text-is('Time')");
        await page.keyboard.press("Enter");
        found.push((await column(5))[0], await state());
        await page.click("table.jobs thead button:text-is('Job')");
        found.push((await column(0)).slice(0, 3), await state());
        return found;
        """,
    )
    times, descending, first, ascending, names, by_name = seen.result
    assert times[:3] == ["3.5s (700ms waiting)", "2.4s", "2.3s"]
    assert times[-1] == ""  # it did not run: last in either order
    assert descending == ["Time descending"]
    assert (first, ascending) == ("400ms", ["Time ascending"])
    assert names[1:] == ["build-1", "build-2"]
    assert by_name == ["Job ascending"]


def test_the_table_is_filtered_by_words_and_status_and_says_how_much_is_left(pages: dict[int, Path]) -> None:
    seen = browse(
        pages[300],
        """
        const visible = () => page.locator("table.jobs tbody tr:visible").count();
        const found = [];
        await page.getByLabel("Filter").fill("TEST-2");
        found.push(await visible(), await page.getByRole("status").textContent());
        await page.getByLabel("Filter").fill("");
        await page.getByLabel("Status").selectOption("skipped");
        found.push(await visible(), await page.getByRole("status").textContent());
        await page.getByLabel("Filter").fill("nothing has this name");
        found.push(await visible());
        await page.locator(".tl li a").nth(3).click();
        found.push(await visible(), await page.evaluate(() => location.hash));
        return found;
        """,
    )
    tests, words, skipped, others, none, all_again, place = seen.result
    assert words == f"{tests} of 300 jobs"
    assert 0 < tests < 100
    assert others == f"{skipped} of 300 jobs"
    assert (none, all_again, place) == (0, 300, "#j3")


def test_the_timeline_is_magnified_by_keyboard_and_its_names_stay(pages: dict[int, Path]) -> None:
    seen = browse(
        pages[12],
        """
        const width = () => page.$eval(".wide", one => one.getBoundingClientRect().width);
        const left = () => page.$eval(".tl li a", one => Math.round(one.getBoundingClientRect().left));
        const before = await width(), at = await left();
        await page.focus("#z1");
        await page.keyboard.press("ArrowRight");
        const twice = await width();
        await page.keyboard.press("ArrowRight");
        await page.$eval(".tl", one => { one.scrollLeft = 500; });
        return [Math.round(100 * twice / before), Math.round(100 * await width() / before), await left() - at];
        """,
    )
    assert seen.result == [200, 400, 0]


def test_what_has_the_focus_is_visible_and_long_parts_can_be_skipped(pages: dict[int, Path]) -> None:
    seen = browse(
        pages[12],
        """
        const found = [];
        for (let step = 0; step < 60; step++) {
          await page.keyboard.press("Tab");
          found.push(await page.evaluate(() => {
            const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
            const seen = style.outlineStyle !== "none" || one.className === "skip" || one.type === "radio";
            return [one.tagName + "." + one.className, seen && box.width > 0 && box.left >= -1];
          }));
        }
        return found;
        """,
    )
    assert [what for what, is_visible in seen.result if not is_visible] == []
    reached = {what for what, _ in seen.result}
    assert {"A.", "A.skip", "SUMMARY.", "DIV.scroll tl", "INPUT.", "PRE."} <= reached


def test_times_are_local_and_relative_with_a_script_and_utc_without(pages: dict[int, Path]) -> None:
    script = "return page.textContent('time');"
    local = browse(pages[12], script, timezoneId="Asia/Tokyo").result
    assert local.startswith("2026-01-02 12:04:05, ")
    assert local.endswith((" ago", "yesterday", "now")) or ", in " in local
    assert browse(pages[12], script, **NO_SCRIPT).result == "2026-01-02 03:04:05 UTC"


def test_without_a_script_everything_is_there_and_nothing_that_needs_one(pages: dict[int, Path]) -> None:
    seen = browse(
        pages[12],
        """
        await page.click("summary:has-text('1 job that succeeded after a failed attempt')");
        await page.click("label:has-text('4×')");
        return [
          await page.locator("table.jobs tbody tr:visible").count(),
          await page.locator("table.jobs button").count(),
          await page.getByLabel("Filter").count(),
          await page.locator("pre:visible").count(),
          await page.locator("details:visible").count(),
        ];
        """,
        **NO_SCRIPT,
    )
    assert seen.result == [12, 0, 0, 1, 3]


def test_on_paper_all_is_unfolded_and_controls_are_gone(pages: dict[int, Path]) -> None:
    seen = browse(
        pages[12],
        """
        await page.emulateMedia({media: "print"});
        await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
        const found = [await page.locator("details:not([open])").count(), await page.locator("nav:visible").count()];
        found.push(await page.locator(".zoom:visible").count());
        await page.evaluate(() => dispatchEvent(new Event("afterprint")));
        return [...found, await page.locator("details:not([open])").count() > 0];
        """,
    )
    assert seen.result == [0, 0, 0, True]


def test_hostile_text_runs_nothing_and_loads_nothing(tmp_path: Path) -> None:
    evil = (
        "</script></style><script>alert(1)</script><img src=http://localhost:9/x onerror=alert(2)>\"'>"
        "<svg onload=alert(3)>"
    )
    story = Story(plan(job(evil, description=evil)), invocation={"command": [evil]})
    story.start(evil, 0.0)
    story.end(evil, 1.0, "failed", exit_code=1, reason=evil)
    story.finish(1.0, "FAILED", 1)
    page = tmp_path / "page.html"
    page.write_text(page_of(story, busy_context(story)))
    seen = browse(
        page, "await page.getByLabel('Filter').fill('script'); return page.locator('img, svg[onload]').count();"
    )
    assert seen == (0, [], [page.as_uri()])


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desktop", "phone"])
def test_heads_labels_and_the_caption_are_where_a_reader_looks_for_them(
    pages: dict[int, Path], options: dict[str, Any]
) -> None:
    seen = browse(
        pages[12],
        """
        return page.evaluate(() => {
          const ends = one => {
            const range = document.createRange();
            range.selectNodeContents(one);
            return range.getBoundingClientRect();
          };
          const table = document.querySelector("table.jobs"), row = table.tBodies[0].rows[0].cells;
          const heads = [...table.tHead.rows[0].cells];
          const shifted = heads.filter((head, i) => head.matches(".n") &&
            Math.abs(ends(head.querySelector("button")).right - ends(row[i]).right) > 2);
          const wide = document.querySelector(".wide").getBoundingClientRect();
          const labels = [...document.querySelectorAll(".axis text")].map(one => one.getBoundingClientRect());
          const zooms = [...document.querySelectorAll(".zoom label")].map(one => one.getBoundingClientRect().top);
          return {
            heads: heads.filter(head => head.matches(".n")).length,
            shifted: shifted.map(head => head.textContent),
            unlabelled: document.querySelectorAll(".grid line").length - labels.length,
            outside: labels.filter(one => one.right > wide.right).length,
            caption: ends(table.caption).right <= table.parentElement.getBoundingClientRect().right,
            zoomLines: new Set(zooms).size,
          };
        });
        """,
        **options,
    )
    expected = {"heads": 6, "shifted": [], "unlabelled": 0, "outside": 0, "caption": True, "zoomLines": 1}
    assert seen.result == expected
