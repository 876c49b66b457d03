"""The head of a run's page: its result, where and when it ran, and its most important figures."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from orchestrator.console.text import clip, count, duration, percent
from orchestrator.report.model import RunReport
from orchestrator.report.page.badges import result_badge
from orchestrator.report.page.markup import inline, shown
from orchestrator.report.times import is_long_enough

_LONGEST_COMMAND = 2000
_LONGEST_VALUE = 300


def header(report: RunReport) -> Iterator[str]:
    """Title, result and facts, as a `<header>`."""
    badge = result_badge(report.result)
    yield "<header>"
    yield (
        f'<h1>{shown(report.plan.name)} <span class="badge {badge.kind}"><i aria-hidden="true">{badge.symbol}</i>'
        f"<span>{shown(badge.words)}</span></span></h1>"
    )
    if report.plan.description:
        yield f"<p>{shown(report.plan.description)}</p>"
    yield f"<p><b>{shown(str(report.job_counts))}</b></p>"
    yield "<dl>"
    for term, fact in _facts(report):
        yield f"<div><dt>{term}</dt><dd>{fact}</dd></div>"
    yield "</dl></header>"


def moment(timestamp: str) -> str:
    """A timestamp of the journal; a script shows it in local time, and how long ago that was."""
    date, _, clock = timestamp.partition("T")
    return f'<time datetime="{shown(timestamp)}">{shown(date)} {shown(clock[:8])} UTC</time>'


def _facts(report: RunReport) -> Iterator[tuple[str, str]]:
    """Term and fact, both as HTML."""
    summary, origin = report.summary, report.origin
    yield "Started", moment(report.started_at) if report.started_at else "not yet"
    yield "Duration", duration(summary.wall_time_seconds)
    if report.exit_code is not None:
        yield "Exit code", str(report.exit_code)
    if report.cancelled_by is not None:
        yield "Stopped by", shown(report.cancelled_by.replace("_", "-"))
    if report.resumed:
        yield "Resumed", count(report.resumed, "time")
    if origin.command:
        command = shlex.join(("pexec", *origin.command))
        yield "Command", f"<code>{shown(clip(command, _LONGEST_COMMAND))}</code>"
    if origin.host:
        yield "Host", shown(origin.host)
    if origin.commit:
        branch = f" on {shown(origin.branch)}" if origin.branch else ""
        yield "Git", f'<code title="{shown(origin.commit)}">{shown(origin.commit[:12])}</code>{branch}'
    if report.plan.params:
        values = (
            f"{shown(name)}={shown(clip(_value(value), _LONGEST_VALUE))}" for name, value in report.plan.params.items()
        )
        yield "Parameters", " ".join(f"<code>{value}</code>" for value in values)
    yield "Slots", _slots(report)
    if summary.critical_path:
        on_path = count(len(summary.critical_path), "job")
        yield "Critical path", f"{duration(summary.critical_path_seconds)}, {on_path}"
    for name, use in report.pool_use.items():
        yield "Pool", f"{shown(name)}, {percent(use)} taken"
    for what, why in report.degraded:
        yield "Not provided", inline(f"{what}: {why}")
    yield "Run", f"<code>{shown(report.run_id)}</code>"


def _slots(report: RunReport) -> str:
    summary = report.summary
    parts = [str(report.max_parallel_jobs) if report.has_known_slots else "those of the workers"]
    if is_long_enough(report):
        if report.has_known_slots:
            parts.append(f"{percent(summary.utilisation)} busy")
        parts.append(f"{summary.speed_up:.1f}x parallel speedup")
    return ", ".join(parts)


def _value(value: object) -> str:
    """A parameter as a manifest spells it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
