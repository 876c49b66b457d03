"""Pages of runs: of a story, and runs of any size in which everything happens that a page shows."""

from __future__ import annotations

from html.parser import HTMLParser

from msgspec.structs import replace
from support.stories import Story
from support.worlds import job, plan

from orchestrator.plan.graph import levels
from orchestrator.plan.model import Plan
from orchestrator.report.failed_attempts import FailedAttempts
from orchestrator.report.fold_events import read_report
from orchestrator.report.html import html_report
from orchestrator.report.log_tail import LogTail
from orchestrator.report.page.context import NO_CONTEXT, PageContext, PastOutcome
from orchestrator.report.status import Status
from orchestrator.report.timeline_bars import Timeline

VOID = frozenset(("meta", "br", "input"))
GIT = {"commit": "0123456789abcdef0123456789abcdef01234567", "branch": "main"}
INVOCATION = {"command": ["apply", "-j", "8", "--set", "env=staging"], "git": GIT}


class ParsedPage(HTMLParser):
    """What is in a page: its tags with their attributes, its text, and the cells of its tables."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        while tag in ("tr", "td", "th", "li") and self._open and self._open[-1] in ("tr", "td", "th", "li"):
            self._open.pop()  # their end tags are optional
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, text: str) -> None:
        self.texts.append(text)
        if {"td", "th"} & set(self._open) and not {"title", "script", "style"} & set(self._open):
            self.rows[-1][-1] += text if self.rows[-1][-1] else text.lstrip()

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of this name."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def table(self) -> list[list[str]]:
        """The cells of all tables, row by row."""
        return [[cell.strip() for cell in row] for row in self.rows]


def page_of(story: Story, context: PageContext = NO_CONTEXT) -> str:
    """The page of a run."""
    timeline, failed = Timeline(story.plan), FailedAttempts()
    for event in story.events:
        timeline.add(event)
        failed.add(event)
    return html_report(read_report(story.plan, story.events), timeline, failed, context)


def busy_plan(jobs: int, width: int) -> Plan:
    """Layers of `width` jobs, each of which needs two of the layer before, and every seventh one further back."""
    made = []
    for number in range(jobs):
        layer, place = divmod(number, width)
        needs = [(layer - 1) * width + place, (layer - 1) * width + (place * 3 + 1) % width] if layer else []
        if layer > 2 and number % 7 == 0:
            needs.append(place)
        names = " ".join(_name(need, width) for need in sorted(set(needs)))
        made.append(job(_name(number, width), needs=names, allow_failure=number % 40 == 5))
    of = plan(*made, max_parallel_jobs=8)
    return replace(leveled(of), name="nightly build", description="Everything that a release needs.")


def leveled(of: Plan) -> Plan:
    """The plan with its levels, and with a description of every fifth job."""
    found = levels([(*one.needs, *one.after) for one in of.jobs])
    level_of = {index: number for number, level in enumerate(found) for index in level}
    jobs = tuple(
        replace(one, level=level_of[one.index], description="Compile with every warning" if one.index % 5 == 0 else "")
        for one in of.jobs
    )
    return replace(of, jobs=jobs, levels=found)


def busy_story(jobs: int, width: int = 0) -> Story:
    """A run of such a plan on eight slots: retries, an allowed failure, a failure and what is skipped behind it."""
    of = busy_plan(jobs, width or max(3, min(20, jobs // 6)))
    story = Story(of, invocation=INVOCATION)
    ended: dict[int, tuple[float, bool]] = {}
    slots = [0.0] * 8
    steps: list[tuple[float, int, str, float]] = []
    for one in of.jobs:
        number = one.index
        ready = max((ended[need][0] for need in one.needs), default=0.0)
        if not all(ended[need][1] for need in one.needs):
            ended[number] = ready, False
            steps.append((ready, number, "skip", 0.0))
            continue
        slot = min(range(8), key=slots.__getitem__)
        start = max(ready, slots[slot])
        took = 0.4 + (number * 37 % 23) / 10
        fails = number == jobs * 2 // 3
        steps.append((start, number, "fail" if fails else "retry" if number % 9 == 4 else "run", took))
        over = start + took * (2.5 if number % 9 == 4 and not fails else 1.0)
        slots[slot] = over
        ended[number] = over, not fails
    _play(story, sorted(steps))
    at = max(over for over, _ in ended.values())
    story.finish(at, "FAILED", 1)
    return story


def busy_context(story: Story) -> PageContext:
    """Ends of logs, and twenty earlier runs."""
    log = "collecting ...\n" + "".join(f"test_{n} ... ok\n" for n in range(60))
    log += "E   AssertionError: expected 3, got 4 <b>&amp;"
    tails = {event["log"]: LogTail(log, 12345) for event in story.events if event["event"] == "attempt.finished"}
    history = {
        one.id: [
            PastOutcome(Status.FAILED if (past + one.index) % 11 == 3 else Status.SUCCESS, 1.0 + (past * 7 % 5) / 4)
            for past in range(20)
        ]
        for one in story.plan.jobs
    }
    return PageContext(tails=tails, history=history)


def _name(number: int, width: int) -> str:
    return f"{('build', 'test', 'package', 'check')[number // width % 4]}-{number}"


def _play(story: Story, steps: list[tuple[float, int, str, float]]) -> None:
    """Emit the events of all steps in the order of time."""
    events: list[tuple[float, int, str, int, float]] = []
    for at, number, how, took in steps:
        if how == "skip":
            events.append((at, 3, how, number, 0.0))
        elif how == "retry":
            events += [(at, 2, "start", number, 0.0), (at + took, 1, "retry", number, at + took * 1.3)]
            events += [(at + took * 1.5, 2, "start", number, 0.0), (at + took * 2.5, 1, "end", number, 0.0)]
        else:
            events += [(at, 2, "start", number, 0.0), (at + took, 1, "fail" if how == "fail" else "end", number, 0.0)]
    jobs = story.plan.jobs
    lost: set[int] = set()  # jobs that did not succeed
    for at, _, how, number, retry_at in sorted(events):
        name = jobs[number].id
        if how == "start":
            story.start(name, at)
        elif how == "skip":
            bad = next(need for need in jobs[number].needs if need in lost)
            lost.add(number)
            story.settle(name, at, "skipped", f"need `{jobs[bad].id}` failed")
        elif how == "retry":
            story.end(name, at, "failed", exit_code=75, reason="exit code 75", retry_at=retry_at)
        elif how == "fail":
            lost.add(number)
            story.end(name, at, "failed", exit_code=1, reason="exit code 1")
        else:
            story.end(name, at, cpu_seconds=0.1 + number % 13, max_rss_bytes=(1 + number % 17) << 20)
