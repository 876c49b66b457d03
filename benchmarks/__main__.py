"""`python -m benchmarks`: install the tools, measure, and print Markdown tables or write them into a page."""

from __future__ import annotations

import argparse
import fcntl
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import (
    clusters,
    makespan,
    many_workers,
    output,
    overhead,
    planning,
    scale,
    speedup,
    startup,
    stored,
    up_to_date,
    worker_costs,
)
from benchmarks.clock import Share
from benchmarks.install import Installed, install, reason
from benchmarks.machine import describe
from benchmarks.subject import Subject
from benchmarks.tables import replaced, table

# The tables, and the share of the time that each gets.
SUBJECTS: dict[str, tuple[Callable[[Subject], str], int]] = {
    "overhead": (overhead.measure, 34),
    "scale": (scale.measure, 22),
    "planning": (planning.measure, 26),
    "makespan": (makespan.measure, 14),
    "speedup": (speedup.measure, 14),
    "startup": (startup.measure, 3),
    "output": (output.measure, 1),
    "stored": (stored.measure, 4),
    "up to date": (up_to_date.measure, 8),
    "clusters": (clusters.measure, 8),
    "many workers": (many_workers.measure, 1),
    "worker costs": (worker_costs.measure, 6),
}

LEAST = 15.0  # seconds for a table, even if earlier ones took too long


def main() -> int:
    """Measure the requested tables. Returns 1 if pexec itself failed in one of them."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that running programs are ended, too
    parser = _parser()
    arguments = parser.parse_args()
    chosen = arguments.table or list(SUBJECTS)
    page: Path | None = arguments.write
    if page is not None:
        try:  # report a page without a place for a table now, not in a quarter of an hour
            text = page.read_text()
            for name in ("versions", *chosen):
                replaced(text, name, "")
        except (OSError, ValueError) as error:
            parser.error(f"{page}: {error}")
    with _scratch(arguments.scratch) as scratch:
        _say("installing")
        try:
            installed = install(scratch)
        except (subprocess.SubprocessError, OSError) as error:
            print(f"pexec could not be installed: {reason(error)}", file=sys.stderr)
            return 1
        _tell("versions", _versions(installed), page)
        failures: list[str] = []
        until = time.monotonic() + 60 * arguments.minutes
        for place, name in enumerate(chosen):
            measure, weight = SUBJECTS[name]
            weights = sum(SUBJECTS[other][1] for other in chosen[place:])
            share = Share(max(LEAST, (until - time.monotonic()) * weight / weights))
            before, began = describe(), time.monotonic()
            subject = Subject(installed, scratch, share, arguments.quick, arguments.limit, _say, failures)
            shown = measure(subject)
            head = f"*{datetime.now(UTC):%Y-%m-%d}: {before}; measured in {time.monotonic() - began:.0f} s"
            _tell(name, f"{head}{', short form' if arguments.quick else ''}.*\n\n{shown}", page)
    for failure in failures:
        print(f"pexec failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a short form of about two minutes, whose figures are not to be quoted"
    )
    parser.add_argument("--table", action="append", choices=SUBJECTS, help="measure only this table; may be repeated")
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="write the tables into this page, between its markers"
    )
    parser.add_argument(
        "--scratch", type=Path, help="work in this directory, and keep the installed tools for the next time"
    )
    parser.add_argument("--minutes", type=float, default=15, help="start no new round after this time (default: 15)")
    parser.add_argument("--limit", type=float, default=180, help="seconds that one program may take (default: 180)")
    return parser


@contextmanager
def _scratch(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
        with (wanted / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SystemExit(f"{wanted} is in use: concurrent measurements would disturb each other") from None
            yield wanted.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="pexec-benchmarks-") as name:
        yield Path(name)


def _versions(installed: Installed) -> str:
    rows = [[name, version] for name, version in installed.versions.items()]
    return table(["tool", "version"], [*rows, *([name, why] for name, why in installed.missing.items())], texts=2)


def _tell(name: str, text: str, page: Path | None) -> None:
    """Print a table and write it into the page at once, so that it is not lost if a later one fails."""
    print(f"## {name}\n\n{text}\n", flush=True)
    if page is not None:
        page.write_text(replaced(page.read_text(), name, text))


def _say(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
