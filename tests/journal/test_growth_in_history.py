"""What a journal says of jobs that have taken the place of a placeholder."""

from __future__ import annotations

from support.worlds import job, plan

from orchestrator.engine.facts import JobCached, JobMustRun, MatrixExpanded
from orchestrator.journal.facts_as_events import consequence_to_fields, fact_to_fields, grown_from_event
from orchestrator.journal.history import History
from orchestrator.plan.cells import Cell
from orchestrator.plan.flow_model import OutputSpec
from orchestrator.plan.grown_plan import Grown
from orchestrator.plan.run_matrix import RunAxis, RunMatrix

CELLS = (Cell({"s": "a"}, "s=a"), Cell({"s": "b]"}, "s=b]"))


def test_an_expansion_is_read_back_from_its_event() -> None:
    event, fields = consequence_to_fields(MatrixExpanded(0, "test", CELLS), ["test[s=*]"])
    assert fields["job"] == "test[s=*]"
    assert grown_from_event({"event": event, **fields}) == Grown("test", CELLS)


def test_the_history_of_a_run_knows_its_new_jobs_and_an_expansion_that_was_not_written() -> None:
    source = job("source", spec={"outputs": {"list": OutputSpec("json")}})
    matrix = RunMatrix((RunAxis("s", workflow="source", output="list"),))
    history = History(plan(source, job("test[s=*]", workflow="test", needs="source", run_matrix=matrix)))
    start = {"at": 0.0, "boot_id": "x", "version": "0.2.0"}
    history.add({"event": "run.started", **start})
    history.add({"event": "attempt.started", "at": 0.0, "job": "source", "attempt": 1})
    ended = {"exit_code": 0, "signal": None, "reason": "", "outputs": {"list": '["a"]'}}
    history.add(
        {"event": "attempt.finished", "at": 1.0, "job": "source", "attempt": 1, "verdict": "succeeded", **ended}
    )
    assert [type(one).__name__ for one in history.missing] == ["JobFinished", "MatrixExpanded"]
    history.add({"event": "matrix.expanded", "at": 1.0, "job": "test[s=*]"})
    history.add({"event": "attempt.started", "at": 1.0, "job": "test[s=a]", "attempt": 1})
    assert history.scheduler.running == ((2, 1),)


def test_checks_are_written_and_the_fingerprints_of_a_history_are_those_of_the_latest() -> None:
    ids = ["a", "b"]
    assert fact_to_fields(JobCached(1.0, 0, {"x": "1"}), ids) == ("job.cached", {"job": "a", "outputs": {"x": "1"}})
    assert fact_to_fields(JobCached(1.0, 0), ids) == ("job.cached", {"job": "a"})
    assert fact_to_fields(JobMustRun(1.0, 1), ids) == ("job.must_run", {"job": "b"})
    history = History(plan(job("a", inputs=()), job("b", inputs=())))
    history.add({"event": "run.started", "at": 0.0, "boot_id": "x", "version": "0.2.0"})
    history.add({"event": "job.cached", "at": 0.0, "job": "a", "fingerprint": "f1"})
    history.add({"event": "job.must_run", "at": 0.0, "job": "b", "fingerprint": "f2"})
    assert history.fingerprints == {"a": "f1", "b": "f2"}
