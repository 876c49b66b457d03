"""Common to all tables: the tools, a working directory, the time, and interleaved rounds."""

from __future__ import annotations

import random
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.clock import Share
from benchmarks.install import Installed
from benchmarks.process import FailedError, Used, run


@dataclass(slots=True)
class Subject:
    """The context of one table. `quick` requests the short form; `failures` collects those of pexec itself."""

    installed: Installed
    scratch: Path
    share: Share
    quick: bool
    limit: float  # seconds for one program
    say: Callable[[str], None]
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def directory(self) -> Iterator[Path]:
        """An empty directory, removed at the end."""
        with tempfile.TemporaryDirectory(dir=self.scratch) as name:
            yield Path(name)

    def run(
        self,
        argv: list[str],
        directory: Path,
        *,
        watch: bool = False,
        env: Mapping[str, str] | None = None,
        times_limit: int = 1,
    ) -> Used:
        """Run a program in the environment of the installed tools, see `process.run`. It may take so many times what
        others may take."""
        limit = times_limit * self.limit
        return run(argv, directory, {**self.installed.env, **(env or {})}, limit, watch=watch)

    def failed(self, name: str, what: str, error: FailedError) -> str:
        """Record that a tool failed. Returns the text for its row."""
        self.say(f"{name}, {what}: {error}")
        if name.startswith("pexec"):
            self.failures.append(f"{name}, {what}: {error}")
        return str(error)


def take_turns(
    subject: Subject,
    share: Share,
    rounds: int,
    work: Mapping[str, Callable[[], Used]],
    once: frozenset[str] = frozenset(),
) -> tuple[dict[str, list[Used]], dict[str, str]]:
    """Do each piece of work once in each round, in a different order each time; those in `once` only in the first.

    Returns what each used, and why some failed; these are not repeated.
    """
    used: dict[str, list[Used]] = {name: [] for name in work}
    failures: dict[str, str] = {}
    for number in share.rounds(rounds):
        names = [name for name in work if name not in failures and (number == 0 or name not in once)]
        random.Random(number).shuffle(names)
        for name in names:
            try:
                used[name].append(work[name]())
            except FailedError as error:
                failures[name] = subject.failed(name, f"round {number + 1}", error)
    return {name: found for name, found in used.items() if found and name not in failures}, failures


def ratio(used: list[Used], base: list[Used], scale: float = 1.0) -> float:
    """The ratio of the two wall times: the median over the rounds of both."""
    return statistics.median(scale * one.wall / other.wall for one, other in zip(used, base, strict=False))
