"""The tools that are compared: for each, how to write a graph, run it, only plan it, and find out the version."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import formats
from benchmarks.formats import Writer


@dataclass(frozen=True, slots=True)
class Tool:
    """`run` returns the command line for a number of slots; `dry` only reads and plans.

    `source` is where it is installed from: `pypi:NAME`, `debian:NAME`, or empty for pexec itself. `version` is the
    command that prints the version; where another program has the same name, its output must contain `signature`.
    `leftovers` are removed before each run. A `slow` tool runs once in each table and has at most `most` jobs.
    """

    name: str
    source: str
    write: Writer
    run: Callable[[int], list[str]]
    version: tuple[str, ...]
    signature: str = ""
    dry: tuple[str, ...] | None = None
    leftovers: tuple[str, ...] = ()
    most: int | None = None
    slow: bool = False
    only_flat: bool = False
    keeps_limit: bool = True
    never_ran: bool = False  # its caches in the home directory are removed too

    def installed_version(self, env: Mapping[str, str]) -> str | None:
        """The version that is installed on this PATH; None if the tool is missing, fails, or is another program."""
        try:
            done = subprocess.run(
                self.version, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=30
            )
        except (subprocess.SubprocessError, OSError):
            return None
        if self.signature not in done.stdout:
            return None
        words = [word for word in done.stdout.split() if word.lstrip("v")[:1].isdigit()]
        return words[0].lstrip("v").rstrip(",") if words else None

    def clean(self, directory: Path) -> None:
        """Remove what an earlier run left in `directory` and the next one would reuse."""
        for pattern in self.leftovers:
            for path in directory.glob(pattern):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    def home(self, directory: Path) -> dict[str, str]:
        """Environment variables of this tool alone, to run the graph in `directory`."""
        return {"HOME": str(directory)} if self.never_ran else {}


PEXEC = Tool(
    "pexec", "", formats.pexec_yaml, lambda n: ["pexec", "apply", "-j", str(n), "--output", "quiet"],
    ("pexec", "--version"), dry=("pexec", "plan"), leftovers=(".pexec",),
)  # fmt: skip
# pexec caches the plan of a manifest that it has run before; here it has never run any.
FIRST_TIME = replace(PEXEC, name="pexec, first time", leftovers=(".pexec", ".cache"), never_ran=True)
NINJA = Tool(
    "ninja", "pypi:ninja", formats.ninja, lambda n: ["ninja", "--quiet", "-j", str(n)],
    ("ninja", "--version"), dry=("ninja", "-n", "--quiet"), leftovers=(".ninja_log", ".ninja_deps"),
)  # fmt: skip
MAKE = Tool(
    "make", "debian:make", formats.make, lambda n: ["make", "-s", "-j", str(n)],
    ("make", "--version"), dry=("make", "-n", "-s"),
)  # fmt: skip
TASK = Tool(
    "Task", "pypi:go-task-bin", formats.task, lambda n: ["task", "-C", str(n)],
    ("task", "--version"), dry=("task", "--dry"), leftovers=(".task",),
)  # fmt: skip
JUST = Tool(
    "just", "pypi:rust-just", formats.just, lambda _: ["just"],
    ("just", "--version"), dry=("just", "--dry-run"), keeps_limit=False,
)  # fmt: skip
DOIT = Tool(
    "doit", "pypi:doit", formats.doit, lambda n: ["doit", "-n", str(n), "-P", "thread"],
    ("doit", "--version"), dry=("doit", "list", "--all", "--quiet"), leftovers=(".doit*",), slow=True,
)  # fmt: skip
PARALLEL = Tool(
    "GNU parallel", "debian:parallel", formats.lines,
    lambda n: ["parallel", "--will-cite", "-j", str(n), "-a", "lines"],
    ("parallel", "--version"), signature="GNU parallel", slow=True, only_flat=True,
)  # fmt: skip
SNAKEMAKE = Tool(
    "snakemake", "pypi:snakemake", formats.snakemake,
    lambda n: ["snakemake", "-q", "all", "--cores", str(n), "--nolock"],
    ("snakemake", "--version"), dry=("snakemake", "-n", "-q", "all", "--cores", "2"),
    leftovers=(".snakemake", "out"), most=100, slow=True,
)  # fmt: skip

PEERS = (NINJA, MAKE, JUST, TASK, DOIT, PARALLEL, SNAKEMAKE)
