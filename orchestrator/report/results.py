"""`results_summary.json`: the outcome of a run for programs, and its schema."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from orchestrator.journal.events import JsonDict
from orchestrator.plan.model import FAIL_FAST
from orchestrator.report.model import RunReport
from orchestrator.report.status import Status
from orchestrator.report.workers import WorkerReport

_CHUNK = 1000
_encode = msgspec.json.Encoder().encode

_MAYBE_TEXT = {"type": ["string", "null"]}
_COUNT = {"type": "integer", "minimum": 0}
_SECONDS = {"type": "number", "minimum": 0}
_SHARE = {"type": "number", "minimum": 0, "description": "A fraction from 0 to 1."}

_JOB: dict[str, JsonDict] = {
    "job_id": {"type": "string"},
    "pid": {"type": ["integer", "null"], "description": "Of the last attempt."},
    "status": {"enum": [status.value for status in Status]},
    "execution_time_seconds": {**_SECONDS, "description": "Sum over all attempts, without the delays between them."},
    "log_file": {**_MAYBE_TEXT, "description": "Of the last attempt; a path inside the run directory."},
    "exit_code": {"type": ["integer", "null"], "minimum": 0, "maximum": 255},
    "signal": {**_MAYBE_TEXT, "description": "The signal that ended the last attempt, such as SIGSEGV."},
    "attempts": _COUNT,
    "reason": {"type": "string", "description": "Human-readable; empty if there is nothing to report."},
    "allowed": {"type": "boolean", "description": "The job failed and its failure is allowed."},
    "started_at": {**_MAYBE_TEXT, "description": "When its first attempt started: UTC, ISO 8601."},
    "finished_at": {**_MAYBE_TEXT, "description": "When it got its status: UTC, ISO 8601."},
    "cpu_seconds": {**_SECONDS, "description": "Sum over all attempts."},
    "max_rss_bytes": {**_COUNT, "description": "The maximum over all attempts."},
    "log_bytes": _COUNT,
    "dropped_bytes": {**_COUNT, "description": "Dropped because the log was at its cap."},
    "leftover_killed": {**_COUNT, "description": "Number of processes that the job left behind and that pexec ended."},
    "enforced_by": {"type": "object", "additionalProperties": {"type": "string"}},
    "host": {**_MAYBE_TEXT, "description": "The host on which the last attempt ran; null if no attempt began."},
    "worker": {**_MAYBE_TEXT, "description": "The worker that ran it; null for the process that drove the run."},
}

_CACHE: JsonDict = {
    "type": "object",
    "description": "What its check found; absent if it has no `inputs` or was not checked.",
    "properties": {
        "state": {
            "enum": ["kept", "restored", "ran"],
            "description": "Up to date, with its files kept or restored; or it ran.",
        },
        "from_run": {**_MAYBE_TEXT, "description": "The run that made the result that was used."},
        "because": {
            "type": "array",
            "items": {"type": "string"},
            "description": "What differed from the result that was stored, or why none could be used.",
        },
    },
    "required": ["state", "from_run", "because"],
    "additionalProperties": False,
}
# Keys that are absent where there is nothing to say.
_SOMETIMES: dict[str, JsonDict] = {
    "outputs": {
        "type": "object",
        "description": "Its output values, by name, once it has succeeded.",
        "additionalProperties": {
            "type": "object",
            "properties": {
                "value": {"type": "string", "description": "The value as text; of a longer one the first 4 KiB."},
                "bytes": {**_COUNT, "description": "The size of the whole value, as UTF-8."},
            },
            "required": ["value", "bytes"],
            "additionalProperties": False,
        },
    },
    "undeclared_outputs": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Names that it set without declaring them; their values were dropped.",
    },
    "cache": _CACHE,
}

_WORKERS: JsonDict = {
    "type": "array",
    "description": "The workers of a cluster, in the order in which they joined; absent if there were none.",
    "items": {
        "type": "object",
        "properties": {
            "worker": {"type": "string"},
            "host": {"type": "string"},
            "slots": {"type": "integer", "minimum": 1, "description": "How many jobs it runs at once."},
            "joined_at_seconds": {**_SECONDS, "description": "The second of the run."},
            "left_at_seconds": {"type": ["number", "null"], "minimum": 0, "description": "null while it takes jobs."},
            "why": {"type": "string", "description": "Why it left; empty for one that left with the run."},
            "attempts": _COUNT,
            "busy_seconds": {**_SECONDS, "description": "Sum over its attempts that have ended."},
            "busy_share": {**_SHARE, "description": "The share of its slots' time in which they were busy, 0 to 1."},
        },
        "required": [
            *("worker", "host", "slots", "joined_at_seconds", "left_at_seconds"),
            *("why", "attempts", "busy_seconds", "busy_share"),
        ],
        "additionalProperties": False,
    },
}
_SUMMARY: dict[str, JsonDict] = {
    "total_jobs": {**_COUNT, "description": "All planned jobs."},
    "successful_jobs": _COUNT,
    "failed_jobs": {**_COUNT, "description": "FAILED, TIMED_OUT and LOST, without allowed failures."},
    "timed_out_jobs": _COUNT,
    "lost_jobs": _COUNT,
    "skipped_jobs": _COUNT,
    "cancelled_jobs": _COUNT,
    "left_out_jobs": {**_COUNT, "description": "Jobs whose `if` did not hold when their needs had ended."},
    "unfinished_jobs": {**_COUNT, "description": "PENDING and RUNNING."},
    "allowed_failures": _COUNT,
    "retries": {**_COUNT, "description": "Attempts after a failed one."},
    "success_rate": {**_SHARE, "description": "Successful jobs over all jobs, from 0 to 1."},
    "total_execution_time_seconds": {**_SECONDS, "description": "Sum over all jobs."},
    "average_execution_time_seconds": {**_SECONDS, "description": "The total over the number of all jobs."},
    "wall_time_seconds": _SECONDS,
    "speed_up": {"type": "number", "minimum": 0, "description": "Total execution time over wall time."},
    "utilisation": {**_SHARE, "description": "The fraction of the slots' time in which they were busy."},
    "critical_path_seconds": _SECONDS,
    "critical_path": {
        "type": "array",
        "items": {"type": "string"},
        "description": "The chain of jobs, each waiting for the one before it, that took longest.",
    },
}

_HEAD: dict[str, JsonDict] = {
    "run_id": {"type": "string"},
    "name": {"type": "string"},
    "execution_timestamp": {**_MAYBE_TEXT, "description": "When the run started: UTC, ISO 8601."},
    "execution_result": {
        "enum": ["RUNNING", "SUCCESS", "FAILED", "CANCELLED", "INTERRUPTED"],
        "description": "INTERRUPTED: pexec ended before the run did; everything is as it was then.",
    },
    "exit_code": {"type": ["integer", "null"], "minimum": 0, "description": "null until the run has ended."},
    "max_parallel_jobs": {"type": "integer", "minimum": 1},
    "fail_fast": {"enum": list(FAIL_FAST.values())},
    "degraded": {
        "type": "array",
        "description": "The guarantees that this host could not provide, and why.",
        "items": {
            "type": "object",
            "properties": {"what": {"type": "string"}, "why": {"type": "string"}},
            "required": ["what", "why"],
            "additionalProperties": False,
        },
    },
}


def results_summary(report: RunReport) -> JsonDict:
    """The results as plain data."""
    data: JsonDict = msgspec.to_builtins(_head(report) | {"jobs": report.jobs, "summary": report.summary})
    return data


def results_file(report: RunReport) -> bytes:
    """The content of `results_summary.json`: the same data, one job per line."""
    return b"".join(results_chunks(report))


def results_chunks(report: RunReport) -> Iterator[bytes]:
    """`results_file` in chunks of about a millisecond each."""
    head = b",\n".join(b"  %b: %b" % (_encode(key), _encode(value)) for key, value in _head(report).items())
    yield b"{\n%b,\n" % head
    yield b'  "jobs": ['
    jobs = report.jobs
    for start in range(0, len(jobs), _CHUNK):
        lines = [b"\n    " + _encode(job) for job in jobs[start : start + _CHUNK]]
        yield b"," * (start > 0) + b",".join(lines)
    yield b"\n  ],\n" if jobs else b"],\n"
    yield b'  "summary": %b\n}\n' % msgspec.json.format(_encode(report.summary), indent=2).replace(b"\n", b"\n  ")


def results_schema() -> JsonDict:
    """The JSON Schema of `results_summary.json`."""
    items = _closed(_JOB, _SOMETIMES)
    jobs = {"type": "array", "description": "All planned jobs, in the order of the plan.", "items": items}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pexec results",
        "description": "The results_summary.json of a run, complete and valid at any moment of the run.",
        **_closed(_HEAD | {"jobs": jobs, "summary": _closed(_SUMMARY)}, {"workers": _WORKERS}),
    }


def _head(report: RunReport) -> JsonDict:
    return {
        "run_id": report.run_id,
        "name": report.plan.name,
        "execution_timestamp": report.started_at,
        "execution_result": report.result,
        "exit_code": report.exit_code,
        "max_parallel_jobs": report.max_parallel_jobs,
        "fail_fast": report.fail_fast,
        "degraded": [{"what": what, "why": why} for what, why in report.degraded],
        **({"workers": [_worker(one, report.at) for one in report.workers]} if report.workers else {}),
    }


def _worker(one: WorkerReport, now: float) -> JsonDict:
    return {
        "worker": one.name,
        "host": one.host,
        "slots": one.slots,
        "joined_at_seconds": one.joined_at,
        "left_at_seconds": one.left_at,
        "why": one.why,
        "attempts": one.attempts,
        "busy_seconds": round(one.busy, 6),
        "busy_share": round(one.share(now), 6),
    }


def _closed(properties: dict[str, JsonDict], optional: dict[str, JsonDict] | None = None) -> JsonDict:
    return {
        "type": "object",
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
        "additionalProperties": False,
    }
