"""Runs as sequences of events, without a driver: the test writes each step.

story = Story(plan(job("a"), job("b", needs="a")))
story.start("a", 0.0)
story.end("a", 1.5, "failed", exit_code=2)
story.settle("b", 1.5, "skipped", "need `a` failed")
story.finish(1.5, "FAILED", 1)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace
from support.dags import plan_of
from support.worlds import job, plan

from orchestrator import __version__
from orchestrator.journal.events import EVENTS
from orchestrator.journal.file_names import log_name
from orchestrator.journal.writer import JournalWriter
from orchestrator.plan.model import Plan
from orchestrator.plan.slugs import slugs

RUN_ID = "20260102T030405.000000Z-0123abcd"
CACHED = {
    "fingerprint": "f1", "cached": "kept", "from_run": "earlier", "files": 1, "log": "", "log_bytes": 0
}  # fmt: skip
MUST_RUN = {"fingerprint": "f2", "because": ["`src/a.c` changed"]}
LATE = {
    "verdict": "succeeded", "exit_code": 0, "signal": None, "reason": "", "duration_seconds": 1.0,
    "host": "node-1", "worker": "w1",
}  # fmt: skip
HERE: dict[str, Any] = {"host": "host", "worker": None}  # where an attempt runs
# The process that drives a run after a resume.
DRIVER = {"pid": 4001, "boot_id": "boot", "host": "host", "pid_namespace": "pid:[1]"}


class Story:
    """Builds up `events`; the clock of the day begins at 03:04:05, seconds of the run are the test's."""

    def __init__(self, of: Plan, **started: Any) -> None:
        self.plan = of
        self.events: list[dict[str, Any]] = []
        self._slugs = dict(zip((one.id for one in of.jobs), slugs([one.id for one in of.jobs]), strict=True))
        self._attempts: dict[str, int] = {}
        self._started: dict[str, float] = {}
        fields: dict[str, Any] = {
            "name": of.name,
            "manifest": of.manifest,
            "plan_digest": of.digest,
            "max_parallel_jobs": of.policy.max_parallel_jobs,
            "fail_fast": of.policy.fail_fast,
            "pools": dict(of.policy.pools),
            **DRIVER,
            "pid": 4000,
            "version": __version__,
            "invocation": {},
        }
        self.emit("run.started", 0.0, **fields | started)

    def emit(self, event: str, at: float, **fields: Any) -> None:
        """Any event."""
        seq = len(self.events)
        second, fraction = divmod(round(at * 1_000_000), 1_000_000)
        ts = f"2026-01-02T03:{4 + (5 + second) // 60:02}:{(5 + second) % 60:02}.{fraction:06}Z"
        head = {"v": 1, "seq": seq, "ts": ts, "at": at, "run_id": RUN_ID, "event": event}
        self.events.append({**head, **fields, "crc": "00000000"})

    def resume(self, at: float, **fields: Any) -> None:
        """Another process drives the run."""
        self.emit("run.resumed", at, **{**DRIVER, "max_parallel_jobs": 2, **fields})

    def join(self, worker: str, host: str, at: float, slots: int = 1) -> None:
        """A worker joins, in a boot and a namespace that its host alone has."""
        space = {"boot_id": f"boot of {host}", "pid_namespace": "pid:[1]"}
        more = {"slots": slots, "lease_seconds": 20.0}
        self.emit("worker.joined", at, worker=worker, host=host, pid=77, start_ticks=5, **space, **more)

    def start(
        self, job: str, at: float, spawned_at: float | None = None, *, host: str = "host", worker: str | None = None
    ) -> None:
        """An attempt starts and has a process, at once unless `spawned_at` is later."""
        attempt = self._attempts[job] = self._attempts.get(job, 0) + 1
        self._started[job] = at
        place = {"host": host, "worker": worker}
        self.emit("attempt.started", at, job=job, attempt=attempt, **place)
        at = at if spawned_at is None else spawned_at
        pid = 5000 + len(self.events)
        self.emit("attempt.spawned", at, job=job, attempt=attempt, pid=pid, start_ticks=77, **place)

    def end(
        self, job: str, at: float, verdict: str = "succeeded", *, retry_at: float | None = None, **more: Any
    ) -> None:
        """The attempt ends, and with it the job, unless it is retried. `more` are fields of both events."""
        attempt = self._attempts[job]
        reason, allowed = more.pop("reason", ""), more.pop("allowed", False)
        fields: dict[str, Any] = {
            "verdict": verdict,
            "exit_code": 0 if verdict == "succeeded" else None,
            "signal": None,
            "reason": reason,
            "duration_seconds": round(at - self._started[job], 6),
            "cpu_seconds": 0.25,
            "max_rss_bytes": 3 * 1024 * 1024,
            "log": log_name(self._slugs[job], attempt),
            "log_bytes": 100,
            "dropped_bytes": 0,
            "leftover_killed": 0,
            "enforced_by": {"timeout": "warden"},
        }
        self.emit("attempt.finished", at, job=job, attempt=attempt, **fields | more)
        if retry_at is not None:
            self.emit("retry.scheduled", at, job=job, attempt=attempt + 1, not_before=retry_at, reason=reason)
        else:
            self.settle(job, at, "cancelled" if verdict == "killed" else verdict, reason, allowed=allowed)

    def settle(self, job: str, at: float, status: str, reason: str = "", *, allowed: bool = False) -> None:
        """The job gets its status."""
        attempts = self._attempts.get(job, 0)
        self.emit("job.finished", at, job=job, status=status, reason=reason, attempts=attempts, allowed=allowed)

    def finish(self, at: float, result: str = "SUCCESS", exit_code: int = 0) -> None:
        """The run ends."""
        self.emit("run.finished", at, result=result, exit_code=exit_code, wall_seconds=at)


def long_story(chains: int = 100) -> Story:
    """`chains` chains of ten jobs: two first jobs and a later one fail, and the very last one is cancelled."""
    jobs = 10 * chains
    of = plan_of([(number - chains,) if number >= chains else () for number in range(jobs)])
    story = Story(of)
    cause = {7: 7, 8: 8, 509: 509}
    for number, one in enumerate(of.jobs):
        if number in cause or number == jobs - 1:
            story.start(one.id, float(number))
            verdict = "failed" if number in cause else "killed"
            story.end(
                one.id, number + 0.5, verdict, exit_code=None if number == jobs - 1 else 1, reason=f"for {number}"
            )
        elif number >= chains and number - chains in cause:
            cause[number] = cause[number - chains]
            how = "failed" if cause[number] == number - chains else "was skipped"
            story.settle(one.id, float(number), "skipped", f"need `{of.jobs[number - chains].id}` {how}")
        else:
            story.start(one.id, float(number))
            story.end(one.id, number + number / 2000)
    story.finish(float(jobs), "FAILED", 1)
    return story


def own_fields(event: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an event without those that every event has."""
    return {name: event[name] for name in EVENTS[event["event"]] if name in event}


def write(writer: JournalWriter, story: Story) -> None:
    """Write a story to a journal, with a flush for each event."""
    for event in story.events:
        writer.emit(event["event"], event["at"], **own_fields(event))
        writer.flush()


def every_event(of: Plan) -> Story:
    """A story of one job in which each kind of event happens."""
    name = of.jobs[0].id
    story = Story(of)
    story.emit("degraded", 0.1, what="memory", why="no cgroup")
    story.emit("matrix.expanded", 0.1, job=name, workflow=name, cells=[{"id": f"{name}[n=1]", "values": {"n": 1}}])
    story.start(name, 0.2)
    story.end(name, 0.3, "failed", exit_code=1, reason="exit code 1", retry_at=0.5)
    story.start(name, 0.5)
    story.emit("cancel.requested", 0.6, reason="user", force=False, job=None)
    story.emit("cancel.requested", 0.6, reason="user", force=True, job=name)
    story.emit("kill.sent", 0.6, job=name, attempt=2, force=False)
    story.end(name, 0.7, "killed", signal="SIGTERM", reason="stopped by the user")
    story.finish(0.8, "CANCELLED", 1)
    story.emit("journal.recovered", 0.8, cut_bytes=12)
    story.emit("orphan.killed", 0.8, pid=77, job=None)
    story.resume(0.8, max_parallel_jobs=10)
    story.join("w1", "node-1", 0.8)
    story.emit("worker.left", 0.8, worker="w1", host="node-1", why="its process ended")
    story.emit("worker.queued", 0.8, queue="slurm", queue_job="12")
    story.emit("worker.dequeued", 0.8, queue="slurm", queue_job="12")
    story.emit("attempt.late", 0.8, job=name, attempt=1, **LATE)
    story.emit("job.must_run", 0.8, job=name, **MUST_RUN)
    story.emit("job.cached", 0.8, job=name, **CACHED)
    story.emit("job.adopted", 0.8, job=name, from_run=RUN_ID)
    story.settle(name, 0.8, "succeeded", "reused from an earlier run")
    story.finish(0.9)
    return story


def sales() -> Story:
    """A run in which jobs end in every way: `fetch` at its second attempt, `lint` is allowed to fail, `audit` times
    out, `load` is lost with its executor, `publish` and `notes` never run. Two slots, one pool."""
    drawn = plan(
        job("fetch"),
        job("lint", allow_failure=True),
        job("build", needs="fetch", pools=(("disk", 1),)),
        job("audit | <b>", needs="fetch"),
        job("load", needs="build"),
        job("publish", needs="load"),
        job("notes", needs="build"),
        job("all", needs="build lint", group=True),
        max_parallel_jobs=2,
        pools={"disk": 2},
    )
    jobs = tuple(replace(one, spec=replace(one.spec, timeout=4.0)) for one in drawn.jobs)
    story = Story(replace(drawn, name="sales `report`", jobs=jobs))
    story.emit("degraded", 0.0, what="memory limits", why="no delegated cgroup")
    story.start("fetch", 0.0)
    story.start("lint", 0.0)
    story.end("lint", 0.5, "failed", exit_code=2, reason="exit code 2", allowed=True)
    story.end("fetch", 1.0, "failed", exit_code=7, reason="exit code 7", retry_at=1.5)
    story.start("fetch", 1.5)
    story.end("fetch", 3.25)
    story.start("build", 3.25)
    story.start("audit | <b>", 3.25)
    story.end("build", 6.0, leftover_killed=2, dropped_bytes=1)
    story.settle("all", 6.0, "succeeded")
    story.start("load", 6.0)
    story.emit("kill.sent", 7.25, job="audit | <b>", attempt=1, force=False)
    story.end("audit | <b>", 7.25, "timed_out", signal="SIGTERM", reason="ran longer than 4 s")
    story.end("load", 8.125, "lost", reason="the warden is gone")
    story.settle("publish", 8.125, "skipped", "need `load` was lost")
    story.emit("cancel.requested", 8.125, reason="user", force=False, job="notes")
    story.settle("notes", 8.125, "cancelled", "cancelled by the user")
    story.finish(8.125, "FAILED", 1)
    return story


def on_workers() -> Story:
    """A run whose jobs ran on workers, one of which left, but for the first, which ran in the process that drove it."""
    story = Story(plan(job("fetch"), job("build"), job("test"), job("idle"), max_parallel_jobs=3))
    story.start("fetch", 0.0)
    story.join("w1", "node-1", 0.0)
    story.start("build", 0.0, host="node-1", worker="w1")
    story.end("fetch", 1.0)
    story.join("w2", "node-2", 1.0, slots=2)
    story.emit("worker.left", 1.0, worker="w1", host="node-1", why="its process ended")
    story.end("build", 1.0, "lost", reason="the worker on node-1 is gone", retry_at=2.0)
    story.start("build", 2.0, host="node-2", worker="w2")
    story.end("build", 3.0)
    story.join("w3", "node-1", 3.0)
    story.start("test", 3.0, host="node-1", worker="w3")
    return story
