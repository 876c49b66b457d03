"""The tools that are compared: how each is told of a graph, run, asked to plan only, and asked for its version."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import formats
from benchmarks.formats import Writer


@dataclass(frozen=True, slots=True)
class Tool:
    """`run` gives the command line for so many slots; `dry` only reads and plans; `leftovers` go before each run.

    `source` says where it is installed from: `pypi:NAME`, `debian:NAME`, or nothing for pexec itself. A `slow` tool
    runs once in each table and has at most `most` jobs.
    """

    name: str
    source: str
    write: Writer
    run: Callable[[int], list[str]]
    version: tuple[str, ...]
    dry: tuple[str, ...] | None = None
    leftovers: tuple[str, ...] = ()
    most: int | None = None
    slow: bool = False
    only_flat: bool = False
    keeps_limit: bool = True
    never_ran: bool = False  # what it keeps at home goes too

    def clean(self, folder: Path) -> None:
        """Take away what an earlier run left in `folder` and would be used again."""
        for pattern in self.leftovers:
            for path in folder.glob(pattern):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    def home(self, folder: Path) -> dict[str, str]:
        """What the tool's environment has beyond that of the others, to run the graph in `folder`."""
        return {"HOME": str(folder)} if self.never_ran else {}


PEXEC = Tool(
    "pexec", "", formats.pexec_yaml, lambda n: ["pexec", "apply", "-j", str(n), "--output", "quiet"],
    ("pexec", "--version"), dry=("pexec", "plan"), leftovers=(".pexec",),
)  # fmt: skip
# pexec remembers the plan of a manifest that it has run before; here it never has run any.
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
    ("parallel", "--version"), slow=True, only_flat=True,
)  # fmt: skip
SNAKEMAKE = Tool(
    "snakemake", "pypi:snakemake", formats.snakemake,
    lambda n: ["snakemake", "-q", "all", "--cores", str(n), "--nolock"],
    ("snakemake", "--version"), dry=("snakemake", "-n", "-q", "all", "--cores", "2"),
    leftovers=(".snakemake", "out"), most=100, slow=True,
)  # fmt: skip

PEERS = (NINJA, MAKE, JUST, TASK, DOIT, PARALLEL, SNAKEMAKE)
