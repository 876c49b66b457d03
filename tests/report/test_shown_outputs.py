"""Output values of a run, as readers see them: all places show the same, and none shows a long one whole."""

from __future__ import annotations

from typing import Any

from support.pages import page_of
from support.stories import Story
from support.worlds import job, plan

from orchestrator.plan.flow_model import OutputSpec
from orchestrator.report.fold_events import read_report
from orchestrator.report.markdown import execution_report
from orchestrator.report.progress import Progress
from orchestrator.report.progress_text import snapshot_text
from orchestrator.report.run_summary import read_run_summary, run_summary, run_summary_file
from orchestrator.report.shown_outputs import MOST_ROWS, SHOWN_BYTES


def story(values: dict[str, str], **more: Any) -> Story:
    outputs = {name: OutputSpec("text") for name in values}
    made = Story(plan(job("version", spec={"outputs": outputs}), job("build", needs="version")))
    made.start("version", 0.0)
    made.end("version", 1.0, outputs=values, **more)
    made.start("build", 1.0)
    made.end("build", 2.0)
    made.finish(2.0)
    return made


def test_values_are_in_the_page_the_report_and_the_status() -> None:
    made = story({"number": "v<1>", "long": "x" * 5000}, undeclared_outputs=["other"])
    page = page_of(made)
    assert "<td>number<td><code>v&lt;1&gt;</code>" in page
    assert "<b>version</b> set <code>other</code> without declaring it" in page
    report = execution_report(read_report(made.plan, made.events))
    assert "| `version` | `number` | `v<1>` | 4 B |" in report
    assert "- `version` set `other` without declaring it" in report
    progress = Progress(made.plan, "run")
    for event in made.events:
        progress.add(event)
    snapshot = progress.snapshot(2.0, driven=False)
    assert snapshot.outputs["version"]["long"].bytes == 5000
    assert len(snapshot.outputs["version"]["long"].value) == SHOWN_BYTES
    text = snapshot_text(snapshot)
    assert "outputs\n  version.number  v<1>\n  version.long    xxx" in text
    assert "… (4.9 KiB)\n" in text


def test_of_many_values_the_first_are_shown_and_the_others_counted() -> None:
    made = story({f"n{number}": "1" for number in range(MOST_ROWS + 3)})
    assert "3 more values not shown" in page_of(made)
    assert "3 more values not shown" in execution_report(read_report(made.plan, made.events))


def test_the_summary_of_a_run_that_has_ended_has_its_values() -> None:
    made = story({"number": "v1"})
    summary = run_summary(read_report(made.plan, made.events), {}, "1")
    assert summary.snapshot.outputs["version"]["number"].value == "v1"
    assert read_run_summary(run_summary_file(summary), "2") is None
    assert read_run_summary(b"{", "1") is None
