"""Random bytes through everything that `pexec validate` does: whatever they are, it must handle them.

    python tests/support/fuzz.py --seconds 600 [--seed 1]

prints how many inputs were tried, the slowest, the peak of memory, and each input that made pexec fail, which it also
writes to a file.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.mutations import Mutator  # noqa: E402

from orchestrator.app.planning import plan_manifest  # noqa: E402
from orchestrator.diagnostics.model import Span, has_errors  # noqa: E402
from orchestrator.diagnostics.render_json import render_json  # noqa: E402
from orchestrator.diagnostics.render_sarif import render_sarif  # noqa: E402
from orchestrator.diagnostics.render_text import DiagnosticRenderer  # noqa: E402
from orchestrator.plan.export import plan_to_dict  # noqa: E402
from orchestrator.plan.render import plan_text  # noqa: E402

MAX_SECONDS = 3.0  # of processor time, for one input

# What includes and files find beside the manifest.
BESIDE = {
    "lib.yaml": "version: 1\nparams: {x: {default: 1}}\nworkflows: {lib: {run: 'echo ${{ params.x }}'}}\n",
    "loop.yaml": "version: 1\ninclude: [loop.yaml, pexec.yaml]\nworkflows: {loop: {run: x}}\n",
    "a.md": "# A\n\n```sh\necho a\n```\n",
    "a.sh": "#!/bin/sh\necho a\n",
}


@dataclass(slots=True)
class Figures:
    """The results. `failures` has inputs with a description of what pexec did."""

    tried: int = 0
    planned: int = 0
    codes: set[str] = field(default_factory=set)
    slowest: float = 0.0
    slowest_input: bytes = b""
    failures: list[tuple[bytes, str]] = field(default_factory=list)


def trial(data: bytes, folder: Path, figures: Figures) -> None:
    """Plan one input as all commands that read manifests do, and check the result."""
    path = folder / "pexec.yaml"
    path.write_bytes(data)
    began = time.process_time()
    try:
        with _alarm():
            verdict = plan_manifest(str(path))
            _check(verdict)
    except BaseException as failure:
        if isinstance(failure, KeyboardInterrupt):
            raise
        figures.failures.append((data, "".join(traceback.format_exception(failure, limit=-12))))
    else:
        figures.planned += verdict.plan is not None
        figures.codes |= {diagnostic.code for diagnostic in verdict.diagnostics}
    seconds = time.process_time() - began
    if seconds > figures.slowest:
        figures.slowest, figures.slowest_input = seconds, data
    figures.tried += 1
    if figures.tried % 200 == 0:
        gc.unfreeze()  # each judgement makes all that is left permanent, which is right for one
        gc.collect()


def _check(verdict: Any) -> None:
    """A plan or an error, never both or neither; every span exists; every output format can be written."""
    assert (verdict.plan is None) == has_errors(verdict.diagnostics)
    assert len(verdict.diagnostics) <= 20_000, "a matrix has at most 10,000 cells"
    lines = {file: re.split("\r\n|[\n\r\x85\u2028\u2029]", text) for file, text in verdict.texts.items()}
    for diagnostic in verdict.diagnostics:
        assert diagnostic.message
        for span in (diagnostic.span, *(note.span for note in diagnostic.notes)):
            if isinstance(span, Span) and span.file in lines:
                assert 1 <= span.line <= len(lines[span.file]) + 1
                line = lines[span.file][span.line - 1] if span.line <= len(lines[span.file]) else ""
                assert 1 <= span.column <= len(line) + 1, (span, line)
                assert span.length >= 1
    shown = DiagnosticRenderer(verdict.texts).all(verdict.diagnostics, verdict.path)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown), "a control character is shown"
    json.loads(render_json([("pexec.yaml", fault) for fault in verdict.diagnostics]))
    json.loads(render_sarif([(verdict.path, diagnostic) for diagnostic in verdict.diagnostics]))
    if verdict.plan is not None:
        json.dumps(plan_to_dict(verdict.plan)).encode()
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", plan_text(verdict.plan)), "a control character is planned"


def run(seed: int, *, seconds: float = float("inf"), inputs: int = sys.maxsize) -> Figures:
    """Try inputs until the time is over, or `inputs` are tried."""
    figures, mutator, end = Figures(), Mutator(seed), time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        for file, text in BESIDE.items():
            Path(file).write_text(text)
        Path("dir").mkdir()
        while figures.tried < inputs and time.monotonic() < end:
            trial(mutator.next(), Path(), figures)
    gc.unfreeze()
    return figures


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    def ring(number: int, frame: object) -> None:
        raise TimeoutError(f"it takes more than {MAX_SECONDS} s of processor time")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def main() -> int:
    parser = argparse.ArgumentParser(description="Try inputs on the reader for some time, and print figures.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_DATA, (300 << 20, 300 << 20))
    began = time.monotonic()
    figures = run(arguments.seed, seconds=arguments.seconds)
    print(f"seed {arguments.seed}: {figures.tried:,} inputs in {time.monotonic() - began:.0f} s")
    print(f"planned {figures.planned:,}; codes told: {len(figures.codes)}: {' '.join(sorted(figures.codes))}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"slowest {figures.slowest:.2f} s; peak memory {peak:.0f} MiB")
    print(f"failures {len(figures.failures)}")
    for number, (data, story) in enumerate(figures.failures[:20]):
        file = Path(tempfile.gettempdir()) / f"pexec-fuzz-{arguments.seed}-{number}.yaml"
        file.write_bytes(data)
        print(f"--- {file}\n{story}")
    return 1 if figures.failures else 0


if __name__ == "__main__":
    os.environ.pop("PEXEC_RUN_ROOT", None)
    sys.exit(main())
