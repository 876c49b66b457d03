"""S32, S33: `pexec verify` proves order and limits from the journal, and finds a journal that violates them."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.cli import Pexec
from support.runs import Run, last_run

MANIFEST = """\
version: 1
policy: {max_parallel_jobs: 3, pools: {db: 1}}
defaults: {shell: [sh, -eu]}
workflows:
  fetch: {run: '[ $PEXEC_ATTEMPT = 2 ]', retry: {max_attempts: 2, delay: 50ms}}
  load: {needs: fetch, run: sleep 0.05, pools: {db: 1}}
  pack: {needs: fetch, run: sleep 0.05, pools: {db: 1}}
  lint: {run: 'exit 2', allow_failure: true}
  fail: {run: 'exit 2', after: load}
  skip: {needs: fail, run: 'true'}
  tell: {needs: fail, when: failure, run: 'true'}
  last: {needs: skip, when: always, run: 'true'}
"""

Events = list[dict[str, Any]]


@pytest.fixture
def run(pexec: Pexec) -> Run:
    assert pexec.file("pexec.yaml", MANIFEST).run("apply").exit_code == 1
    return last_run(pexec.folder).check()


def write(path: Path, events: Events) -> None:
    """A journal of these events, each line with its number and its checksum."""
    lines = []
    for number, event in enumerate(events):
        body = json.dumps({**event, "seq": number} | {"crc": None}, separators=(",", ":"))
        body = body.removesuffix(',"crc":null}')
        lines.append(f'{body},"crc":"{zlib.crc32(body.encode()):08x}"}}\n')
    path.write_text("".join(lines))


def place(events: Events, event: str, job: str) -> int:
    return next(index for index, one in enumerate(events) if one["event"] == event and one.get("job") == job)


def needs_broken(events: Events) -> None:
    start = events.pop(place(events, "attempt.started", "load"))
    end = place(events, "job.finished", "fetch")
    events.insert(end, {**start, "at": events[end]["at"]})


def cap_broken(events: Events) -> None:
    events[0]["max_parallel_jobs"] = 1


def pool_broken(events: Events) -> None:
    events[0]["pools"] = {"db": 0}


def retry_without_a_wait(events: Events) -> None:
    events[place(events, "retry.scheduled", "fetch")]["not_before"] += 1.0


def an_end_is_missing(events: Events) -> None:
    del events[place(events, "attempt.finished", "tell")]


def skipped_for_nothing(events: Events) -> None:
    events[place(events, "job.finished", "fail")]["status"] = "succeeded"


def test_a_lawful_run_passes(pexec: Pexec, run: Run) -> None:
    pexec.run("verify").said(stdout=f"run {run.path.name}: no violations in {len(run.events)} events of 8 jobs\n")


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (needs_broken, "needs"),
        (cap_broken, "cap"),
        (pool_broken, "pool"),
        (retry_without_a_wait, "back-off"),
        (an_end_is_missing, "status"),
        (skipped_for_nothing, "skip"),
    ],
)
def test_a_violated_rule_is_reported_at_its_line(
    pexec: Pexec, run: Run, spoil: Callable[[Events], None], rule: str
) -> None:
    copy = pexec.folder / "copies" / run.path.name
    shutil.copytree(run.path, copy, ignore=shutil.ignore_patterns(".control"))
    events = [dict(event) for event in run.events]
    spoil(events)
    write(copy / "events.jsonl", events)
    said = pexec.run("verify", "--run-root", "copies")
    assert said.exit_code == 1, said.stderr
    assert f": {rule}: " in said.stdout
    assert said.stdout.startswith("events.jsonl:")
