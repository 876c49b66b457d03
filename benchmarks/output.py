"""The throughput of job output, and that the memory of pexec does not grow with it."""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import tempfile
from pathlib import Path

from benchmarks.process import FailedError
from benchmarks.subject import Subject
from benchmarks.tables import table

MIB = 2**20
SECRETS = 100
TMPFS = Path("/dev/shm")  # files in memory, so that no disk is measured
LINE = "a typical line of a log, without any secret in it, and about as long as the lines of real logs often are"


def measure(subject: Subject) -> str:
    """One job that prints, directly to its log and through the masking of a hundred secrets."""
    sizes = (8, 64) if subject.quick else (16, 1024)
    masked = (8, 32) if subject.quick else (16, 512)
    scratch = TMPFS if os.access(TMPFS, os.W_OK) else subject.scratch
    room = shutil.disk_usage(scratch).free
    rows = []
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        directory = Path(name)
        noise = random.Random(0).randbytes(MIB)
        kinds: list[tuple[str, tuple[int, ...], bytes | None]] = [
            ("direct", sizes, None),
            (f"{SECRETS} secrets masked", masked, f"{LINE}\n".encode() * (MIB // (len(LINE) + 1))),
            (f"{SECRETS} secrets masked, all base64", masked, base64.encodebytes(noise)[:MIB]),
            (f"{SECRETS} secrets masked, all hexadecimal", masked, noise.hex("\n", -30).encode()[:MIB]),
        ]
        for kind, amounts, text in kinds:
            (directory / "text").write_bytes(text or b"")
            for size in amounts:
                if size * MIB * 2 > room:
                    rows.append([kind, f"{size}", "left out: no space", "", ""])
                    continue
                subject.say(f"output {kind}, {size} MiB")
                rows.append(_row(subject, directory, kind, size, text))
    where = "a tmpfs" if scratch == TMPFS else "a disk"
    shown = table(["way", "MiB printed", "MB/s", "s of the job", "MiB pexec + warden"], rows)
    return f"Logs on {where}.\n\n{shown}"


def _row(subject: Subject, directory: Path, kind: str, size: int, text: bytes | None) -> list[str]:
    """`size` times the text, which has about one MiB; without one as many zeros."""
    command = f"head -c {size * MIB} /dev/zero" if text is None else _repeat(size)
    expected = size * (MIB if text is None else len(text))
    (directory / "pexec.yaml").write_text(_manifest(command, secrets=0 if text is None else SECRETS))
    values = {f"SECRET_{n}": random.Random(n).randbytes(15 + n % 30).hex() for n in range(SECRETS)}
    try:
        used = subject.run(["pexec", "apply", "--output", "quiet"], directory, watch=True, env=values)
        seconds = _job_seconds(directory, expected)
    except FailedError as error:
        return [kind, str(size), subject.failed("pexec", f"{kind}, {size} MiB", error), "", ""]
    finally:
        shutil.rmtree(directory / ".pexec", ignore_errors=True)
    memory = f"{used.own / MIB:.0f} + {used.helper / MIB:.0f}"
    return [kind, str(size), f"{expected / 1e6 / seconds:.0f}", f"{seconds:.2f}", memory]


def _job_seconds(directory: Path, expected: int) -> float:
    """The duration of the job, as pexec recorded it. Raises `FailedError` unless the log has the expected size."""
    (run,) = (directory / ".pexec/runs").glob("*/results_summary.json")
    (job,) = json.loads(run.read_text())["jobs"]
    log = run.parent / str(job["log_file"])
    if log.stat().st_size != expected:
        raise FailedError(f"the log has {log.stat().st_size} bytes")
    return float(job["execution_time_seconds"])


def _repeat(size: int) -> str:
    """Shell text that prints the file of one MiB `size` times."""
    return f"i=0; while [ $i -lt {size} ]; do cat text; i=$((i+1)); done"


def _manifest(command: str, secrets: int) -> str:
    names = [f"SECRET_{number}" for number in range(secrets)]
    declared = {"secrets": {name: {"env": name} for name in names}} if names else {}
    workflow = {"run": command, **({"secrets": names} if names else {})}
    defaults = {"shell": ["sh", "-e"]}
    return json.dumps({"version": 1, "defaults": defaults, **declared, "workflows": {"print": workflow}})
