"""no-silent-corruption: a torn last line is repaired and reported; any other damage is refused with its line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Pexec
from support.crashes import CUT_SHORT, judged, pexec_here, sealed
from support.runs import Run

MANIFEST = """\
version: 1
defaults: {shell: [sh, -eu], retry: {max_attempts: 2, delay: 0s}}
workflows:
  a: {run: 'test -e tried || { touch tried; exit 1; }; echo x >> a.txt'}
  b: {run: echo x >> b.txt}
  c: {needs: [a, b], run: echo x >> c.txt}
"""
LAST_LINES = 4
Figure = Callable[[str, object], None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that succeeded, with a retry; copied to another place."""
    pexec = Pexec(tmp_path_factory.mktemp("whole"))
    assert pexec.file("pexec.yaml", MANIFEST).run("apply", "--output", "quiet").exit_code == 0
    aside = pexec.folder / "aside"
    shutil.move(pexec.folder / ".pexec/runs", aside)
    return Run(next(aside.iterdir()))


def journal_of(run: Run) -> bytes:
    return (run.path / "events.jsonl").read_bytes()


def with_journal(whole: Run, journal: bytes) -> Run:
    """The run in its place, with another journal."""
    root = whole.path.parents[1] / ".pexec/runs"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(whole.path.parent, root)
    run = Run(root / whole.path.name)
    (run.path / "events.jsonl").write_bytes(journal)
    return run


def project(run: Run) -> Path:
    return run.path.parents[2]


@pytest.mark.faults
def test_a_journal_that_is_cut_at_any_byte_can_be_resumed(whole: Run, full: bool, figure: Figure) -> None:
    journal = journal_of(whole)
    lines = journal.splitlines(keepends=True)
    ends = [sum(map(len, lines[:number])) for number in range(1, len(lines))]
    cuts = sorted({*ends, *range(ends[-LAST_LINES], len(journal))})
    cuts = cuts if full else sorted({*cuts[::61], *ends[::4]})
    for cut in cuts:
        run = with_journal(whole, journal[:cut])
        kept = journal[: journal.rindex(b"\n", 0, cut) + 1]
        said = pexec_here(project(run), "resume", "--output", "quiet")
        assert said.exit_code == 0, (cut, said.stderr)
        check_repair(judged(run), kept, journal[len(kept) : cut], said.stderr)
    figure("cuts of a journal survived", len(cuts))


def check_repair(run: Run, kept: bytes, torn: bytes, stderr: str) -> None:
    """The complete lines are unchanged, the rest is saved next to them, and nothing in them was repeated."""
    assert journal_of(run).startswith(kept)
    assert [path.read_bytes() for path in run.path.glob("torn-*.bin")] == [torn] * bool(torn)
    assert [event["cut_bytes"] for event in run.named("journal.recovered")] == [len(torn)] * bool(torn)
    assert ("was incomplete" in stderr) == bool(torn)
    before, after = run.events[: kept.count(b"\n")], run.events[kept.count(b"\n") :]
    succeeded = {event["job"] for event in before if event.get("verdict") == "succeeded"}
    assert not succeeded & {event["job"] for event in after if event["event"] == "attempt.started"}
    assert set(run.statuses.values()) == {"succeeded"}
    assert {event["reason"] for event in run.named("attempt.finished", verdict="lost")} <= {CUT_SHORT}


@pytest.mark.parametrize("cut", [0, 1, 100])
def test_a_journal_without_a_complete_line_is_of_a_run_that_never_began(whole: Run, cut: int) -> None:
    run = with_journal(whole, journal_of(whole)[:cut])
    said = pexec_here(project(run), "resume")
    assert (said.exit_code, said.stderr) == (
        4,
        f"error[PX406]: run `{run.path.name}` ended before it began\n  = help: start a new run with `pexec apply`\n",
    )


@pytest.mark.faults
def test_a_flipped_byte_is_refused_with_its_line_and_left_unchanged(whole: Run, full: bool, figure: Figure) -> None:
    journal = journal_of(whole)
    places = range(0, len(journal) - 1, 3 if full else 199)
    figure("flipped bytes refused", len(places))
    for place in places:
        damaged = journal[:place] + bytes([journal[place] ^ 0x11]) + journal[place + 1 :]
        run = with_journal(whole, damaged)
        said = pexec_here(project(run), "resume")
        line = journal.count(b"\n", 0, place) + 1
        assert said.exit_code == 4
        assert said.stderr.startswith(f"error[PX405]: `{run.path}/events.jsonl` is damaged: line {line}: "), place
        assert journal_of(run) == damaged


def test_a_line_that_is_missing_duplicated_or_moved_is_refused(whole: Run) -> None:
    lines = journal_of(whole).splitlines(keepends=True)
    for wrong, line in (
        (lines[:3] + lines[4:], 4),
        (lines[:3] + lines[2:], 4),
        ([lines[0], lines[2], lines[1], *lines[3:]], 2),
    ):
        run = with_journal(whole, b"".join(wrong))
        said = pexec_here(project(run), "resume")
        assert (said.exit_code, f"is damaged: line {line}: expected `seq`" in said.stderr) == (4, True)


def test_a_wall_clock_that_is_set_back_changes_nothing(whole: Run) -> None:
    events = with_journal(whole, journal_of(whole)).events[:-3]
    lines = [sealed(event | {"ts": f"{2040 - event['seq']}-01-01T00:00:00.000000Z"}) for event in events]
    run = with_journal(whole, b"".join(lines))
    assert pexec_here(project(run), "resume", "--output", "quiet").exit_code == 0
    times = [event["at"] for event in judged(run).events]
    assert times == sorted(times)
    assert run.results["summary"]["wall_time_seconds"] < 10
