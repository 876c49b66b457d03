"""Runs of drawn projects without processes: the cache of a run is the real one, its jobs are functions.

So thousands of edits and runs take minutes, and each job reads exactly what it declares, by code that is not pexec's.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

from hypothesis import strategies as st

from orchestrator.app.planning import plan_manifest
from orchestrator.cache.cache import open_cache
from orchestrator.cache.hash_memory import HashMemory
from orchestrator.cache.model import DEFAULT_MAX_SIZE, Place
from orchestrator.cache.untouched import TICK_NANOSECONDS
from orchestrator.engine.commands import Check
from orchestrator.engine.states import JobState, Verdict
from orchestrator.execute.attempt.environment import Environments
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec
from orchestrator.execute.job_cache import Checked, Collected
from orchestrator.execute.reuse.fingerprints import Fingerprints
from orchestrator.execute.reuse.local_cache import LocalJobCache, Mode
from orchestrator.execute.secrets.secret_values import Secrets
from orchestrator.plan.inputs import PlanningEnvironment
from orchestrator.plan.late_values import fill
from orchestrator.plan.model import JobSpec, Plan, PlannedJob

KEY = b"k" * 32
SOURCES = ("s0", "s1", "sub/t0", "sub/t1", "more/u0")
WORDS = ("", "a", "b", "ab", "ba", "a b", "b c", "fail a", "a b c")
KINDS = ("copy", "first", "count", "many", "program", "value", "empty", "links")
# What a job can name as an input: files, directories, patterns, and all of that behind links.
INPUTS = (
    "src/s0", "src/s1", "src/sub/", "src/sub/*", "src/**/*0", "src/", "src/more/u0", "link/", "link/t0", "link/*1",
    "src/deep/t0", "src/*/t*", "filelink",
)  # fmt: skip
GITIGNORE = "out/\nhidden\n"


@dataclass
class SmallJob:
    """One job. `distant` are jobs upstream whose outputs it reads as inputs, without needing them directly."""

    kind: str
    inputs: list[str]
    needs: list[int]
    distant: list[int]
    has_inputs: bool
    uses_variable: bool = True
    inherits: bool = False
    salt: str = ""
    word: str = "w0"
    reads_values: bool = True
    executable: bool = False


@dataclass
class SmallProject:
    """The jobs, and the content of the sources."""

    jobs: list[SmallJob]
    sources: dict[str, str | None]
    variable: str = "v0"
    listed: str | None = None  # a variable that some jobs inherit

    def manifest(self) -> str:
        """The text of its manifest: JSON, which is YAML too."""
        return json.dumps({"version": 1, "workflows": {f"j{n}": self._workflow(n) for n in range(len(self.jobs))}})

    def _made(self, number: int) -> list[str]:
        """What a job makes: a directory, or files by their names where these are known."""
        named = {"copy": "copy", "first": "first", "count": "count"}.get(self.jobs[number].kind)
        return [f"out/{number}/"] if named is None else [f"out/{number}/facts", f"out/{number}/{named}"]

    def _workflow(self, number: int) -> dict[str, Any]:
        job = self.jobs[number]
        valued = [need for need in job.needs if self.jobs[need].kind == "value" and job.reads_values]
        distant = [path for one in job.distant for path in self._made(one)]
        paths = [*job.inputs, *(f"{path}**" if path.endswith("/") else path for path in distant)]
        program = {
            "kind": job.kind, "salt": job.salt, "out": f"out/{number}", "reads": paths,
            "needs": [path for need in job.needs for path in self._made(need)],
            "values": [f"VALUE{need}" for need in valued],
            "executable": job.executable,
        }  # fmt: skip
        made: dict[str, Any] = {
            "run": json.dumps(program),
            "outputs": {
                "files": {"path": self._made(number), "fresh": job.has_inputs},
                "word": {"default": "none"},
            },
            "env": {"WORD": job.word, **{f"VALUE{n}": f"${{{{ needs.j{n}.outputs.word }}}}" for n in valued}},
        }
        if job.needs:
            made["needs"] = [f"j{need}" for need in job.needs]
        if job.has_inputs:
            made["inputs"] = [{"path": path, "optional": True} for path in paths]
            if job.uses_variable:
                made["inputs"].append({"env": "VARIABLE"})
            if job.inherits:
                made["env_inherit"] = ["LISTED", *(["VARIABLE"] if job.uses_variable else [])]
        return made


@st.composite
def small_projects(draw: st.DrawFn) -> SmallProject:
    """Up to six jobs in any acyclic shape."""
    jobs: list[SmallJob] = []
    above: list[set[int]] = []
    for number in range(draw(st.integers(1, 6))):
        needs = sorted(draw(st.sets(st.integers(0, number - 1), max_size=3))) if number else []
        upstream = set(needs).union(*(above[need] for need in needs))
        above.append(upstream)
        distant = sorted(upstream - set(needs))
        jobs.append(
            SmallJob(
                draw(st.sampled_from(KINDS)),
                draw(st.lists(st.sampled_from(INPUTS), unique=True, max_size=3)),
                needs,
                draw(st.lists(st.sampled_from(distant), unique=True, max_size=2)) if distant else [],
                draw(st.integers(0, 6)) > 0,
                draw(st.booleans()),
                draw(st.booleans()),
            )
        )
    return SmallProject(jobs, {name: draw(st.sampled_from((None, *WORDS))) for name in SOURCES})


Edit = tuple[str, int, int]
KINDS_OF_EDITS = (
    "write", "write", "write", "same", "copy", "remove", "touch", "mode", "rename", "link", "linkdir", "filelink",
    "salt", "word", "variable", "listed", "inputs", "values", "executable", "kind", "need",
    "lose", "lose_all", "spoil", "spoil_mode", "replace", "extra", "hollow",
)  # fmt: skip
SMALL_EDITS = st.lists(st.tuples(st.sampled_from(KINDS_OF_EDITS), st.integers(0, 20), st.integers(0, 20)), max_size=3)


def set_up_small(project: SmallProject, root: Path) -> None:
    """A new directory with its sources."""
    (root / ".git").mkdir(parents=True)
    (root / ".gitignore").write_text(GITIGNORE)
    for name, content in project.sources.items():
        (root / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            (root / "src" / name).write_text(content)
    (root / "link").symlink_to("src/sub")
    (root / "src/deep").symlink_to("../link")
    (root / "filelink").symlink_to("src/s0")


def edit_project(project: SmallProject, edit: Edit) -> None:
    """The part of an edit that concerns the manifest and the environment."""
    kind, which, how = edit
    job = project.jobs[which % len(project.jobs)]
    match kind:
        case "salt":
            job.salt = f"s{how % 2}"
        case "word":
            job.word = f"w{how % 2}"
        case "variable":
            project.variable = f"v{how % 2}"
        case "listed":
            project.listed = (None, "", "l")[how % 3]
        case "inputs":
            path = INPUTS[how % len(INPUTS)]
            job.inputs = [one for one in job.inputs if one != path] if path in job.inputs else [*job.inputs, path]
        case "values":
            job.reads_values = not job.reads_values
        case "executable":
            job.executable = not job.executable
        case "kind":
            job.kind = KINDS[how % len(KINDS)]
        case "need" if which % len(project.jobs):
            number = which % len(project.jobs)
            need = how % number
            if need in job.needs:
                job.needs = [one for one in job.needs if one != need]
                job.distant = []
            else:
                job.needs = sorted([*job.needs, need])
            for later in project.jobs[number:]:
                later.distant = []


def edit_files(project: SmallProject, root: Path, edit: Edit) -> None:
    """The part that concerns files."""
    kind, which, how = edit
    source = root / "src" / SOURCES[which % len(SOURCES)]
    other = root / "src" / SOURCES[how % len(SOURCES)]
    out = root / "out" / str(which % len(project.jobs))
    made = sorted(path for path in out.rglob("*") if path.is_symlink() or path.is_file())
    victim = made[how % len(made)] if made else None
    match kind:
        case "write":
            source.write_text(WORDS[how % len(WORDS)])
        case "same" if source.exists():  # another content with the same size and the same time
            facts = source.stat()
            source.write_text(source.read_text().translate(str.maketrans("ab", "ba")))
            os.utime(source, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        case "copy" if other.exists() and other != source:
            shutil.copy2(other, source)
        case "remove":
            source.unlink(missing_ok=True)
        case "touch" if source.exists():
            os.utime(source, ns=(10**18 + how, 10**18 + how))
        case "mode" if source.exists():
            source.chmod(0o755 if how % 2 else 0o644)
        case "rename" if source.exists():
            source.rename(other)
        case "link" if other.exists() and other != source:
            source.unlink(missing_ok=True)
            source.symlink_to(os.path.relpath(other, source.parent))
        case "linkdir":
            link = root / ("link", "src/deep")[which % 2]
            link.unlink()
            link.symlink_to(os.path.relpath(root / ("src/sub", "src/more", "nowhere")[how % 3], link.parent))
        case "filelink":
            (root / "filelink").unlink()
            (root / "filelink").symlink_to(f"src/{SOURCES[how % len(SOURCES)]}")
        case "lose" if victim is not None:
            victim.unlink()
        case "lose_all":
            shutil.rmtree(out, ignore_errors=True)
        case "spoil" if victim is not None and not victim.is_symlink():
            victim.write_text("by hand\n")
        case "spoil_mode" if victim is not None and not victim.is_symlink():
            victim.chmod(victim.stat().st_mode ^ 0o111)
        case "replace" if victim is not None:
            victim.unlink()
            (victim.mkdir, lambda: victim.symlink_to("nowhere"), lambda: os.mkfifo(victim))[which % 3]()
        case "extra" if out.is_dir():
            (out / "extra").write_text("mine\n")
        case "hollow" if out.is_dir():
            shutil.rmtree(out)
            out.mkdir()


class SmallRun:
    """One run of a project. `ran` are the jobs that were run, `failed` those that failed."""

    def __init__(self, project: SmallProject, root: Path, mode: Mode) -> None:
        (root / "pexec.yaml").write_text(project.manifest())
        result = plan_manifest(str(root / "pexec.yaml"), environment=PlanningEnvironment())
        assert result.plan is not None, result.diagnostics
        self._plan: Plan = result.plan
        self._root = root
        self._answers: queue.Queue[Checked | Collected] = queue.Queue()
        self._environ = {"VARIABLE": project.variable}
        if project.listed is not None:
            self._environ["LISTED"] = project.listed
        environments = Environments({os.fsencode(name): os.fsencode(value) for name, value in self._environ.items()})
        place = Place(str(root), str(root))
        warnings: list[str] = []
        cache = open_cache(str(root / ".pexec/cache"), warn=warnings.append, max_size=DEFAULT_MAX_SIZE, key=KEY)
        (root / ".pexec/logs").mkdir(exist_ok=True)
        logs = os.open(root / ".pexec/logs", os.O_RDONLY | os.O_DIRECTORY)
        rundir = SimpleNamespace(run_id="run", folder=lambda _: logs, open_for_reading=_empty_file)
        jobs = list(self._plan.jobs)
        self._cache = LocalJobCache(
            self._plan, jobs, place, cache, Fingerprints(self._plan, place, cache, environments, _no_command, jobs),
            mode=mode, project="project", rundir=cast(Any, rundir), secrets=Secrets({}), spec_of=_spec_of,
            put=self._answers.put, warnings=warnings,
        )  # fmt: skip
        self.looked_at = 0  # jobs of which a look at their files was enough
        self.ran: list[str] = []
        self.failed: list[str] = []
        self.remarks: list[str] = []
        try:
            self._run()
        finally:
            self._cache.close()
            os.close(logs)
        assert not warnings

    def _run(self) -> None:
        states = {job.index: JobState.PENDING for job in self._plan.jobs}
        values: dict[int, Mapping[str, str]] = {}
        for index in (index for level in self._plan.levels for index in level):
            job = self._plan.jobs[index]
            if any(states[need] is not JobState.SUCCEEDED for need in job.needs):
                states[index] = JobState.SKIPPED
                continue
            needed = {
                f"needs.{self._plan.jobs[need].id}.outputs.{name}": value
                for need in job.needs
                for name, value in {"word": "none", **values[need]}.items()
            }
            found = self._done(job, needed, states, values)
            states[index] = JobState.FAILED if found is None else JobState.SUCCEEDED
            values[index] = found or {}
            self._cache.release(index)

    def _done(
        self, job: PlannedJob, needed: Mapping[str, str], states: Mapping[int, JobState], values: Mapping[int, Any]
    ) -> Mapping[str, str] | None:
        """The values of a success, by a stored result or by running it; None if it failed."""
        if job.spec.inputs is not None:
            table = cast(Any, SimpleNamespace(states=states, tally=Counter(states.values())))
            found = self._cache.check(Check(job.index, needed), table, lambda need: values[need])
            self.looked_at += found is not None
            if found is None:
                answer = self._answers.get(timeout=60)
                assert isinstance(answer, Checked)
                found = answer.result
            self.remarks += found.because
            assert not any("could not be checked" in why for why in found.because), found.because
            if found.cached is not None:
                return found.outputs
            if self._cache.refusal(job.index):
                self.failed.append(job.id)
                return None
        self.ran.append(job.id)
        self._cache.attempt_starts(job.index)
        spec = _spec_of(job, needed)
        inherited = {*(one.env for one in job.spec.inputs or ())}
        inherited |= set() if isinstance(spec.env_inherit, str) else {*spec.env_inherit}
        environ = {**spec.env, **{name: value for name, value in self._environ.items() if name in inherited}}
        made = perform(self._root, json.loads(spec.run or ""), environ, tidies=job.spec.inputs is None)
        if made is None:
            self.failed.append(job.id)
            return None
        attempt = AttemptSpec(
            job.index, job.id, 1, 1, spec, {}, str(self._root), "", "", "log", "", None, 1.0,
        )  # fmt: skip
        result = AttemptResult(Verdict.SUCCEEDED, outputs=made)
        if not self._cache.collect(attempt, result):
            return made
        collected = self._answers.get(timeout=60)
        assert isinstance(collected, Collected)
        self.remarks += [why for _, why in collected.remarks]
        if collected.result.verdict is not Verdict.SUCCEEDED:
            self.failed.append(job.id)
            return None
        return collected.result.outputs


@contextmanager
def believing_all_times() -> Iterator[None]:
    """What was read from a file is believed at once, as if all had been settled. Only for who lets the clock tick
    between runs and edits."""
    ahead = partial(HashMemory, clock=lambda: time.time_ns() + 10**13)
    with mock.patch("orchestrator.cache.cache.HashMemory", ahead):
        yield


def let_the_clock_tick(root: Path) -> None:
    """Wait until what is changed now has clearly another time than what was changed before."""
    probe = root / ".pexec/probe"
    probe.parent.mkdir(exist_ok=True)
    probe.touch()
    before = probe.stat().st_ctime_ns
    while probe.stat().st_ctime_ns <= before + 2 * TICK_NANOSECONDS:
        probe.touch()


def perform(
    root: Path, program: Mapping[str, Any], environ: Mapping[str, str], *, tidies: bool
) -> dict[str, str] | None:
    """What a job does: its values, None if it fails. All that it reads is what it declares."""
    out = root / program["out"]
    seen = [*(text for path in program["reads"] for text in _read(root, path))]
    seen += [text for path in program["needs"] for text in _read(root, path)]
    seen += [environ[name] for name in program["values"]]
    everything = "|".join(seen)
    facts = f"{environ['WORD']} {environ.get('VARIABLE')} {environ.get('LISTED')} {program['salt']}"
    if tidies:  # without inputs nothing is fresh
        shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    if "fail" in everything:
        _write(out / "half", everything)
        return None
    _write(out / "facts", facts)
    if program["executable"]:
        (out / "facts").chmod(0o755)
    words = "".join(everything.split("="))
    match program["kind"]:
        case "copy":
            _write(out / "copy", everything)
        case "first":  # early cutoff: many contents lead to the same file
            _write(out / "first", words[:1])
        case "count":
            _write(out / "count", str(len(words.split())))
        case "many":
            for word in sorted({character for character in everything if character in "abc"}):
                _write(out / "many" / word, word)
        case "program":
            _write(out / "run", f"#!/bin/sh\necho {words[:3]!r}\n")
            (out / "run").chmod(0o755 if len(words) % 2 else 0o644)
        case "value":
            return {"word": f"x{len(everything)}"}
        case "empty":
            for directory in (out / "empty" / str(len(words) % 3), out / "hollow"):
                _clear(directory)
                directory.mkdir(parents=True, exist_ok=True)
        case "links":
            _clear(out / "latest")
            (out / "latest").symlink_to("facts" if len(words) % 2 else "nothing")
    return {}


def _read(root: Path, pattern: str) -> Iterator[str]:
    """Names, x bits and contents of what a pattern matches, links followed."""
    path = root / pattern.rstrip("/")
    if "*" in pattern:
        fixed, _, _ = pattern.partition("*")
        start = root / fixed.rpartition("/")[0]
        found = sorted(one for one in _files(start) if _matches(one.relative_to(root).as_posix(), pattern))
    else:
        found = sorted(_files(path)) if path.is_dir() else [path] if path.is_file() else []
    for one in found:
        kind = "x" if one.stat().st_mode & 0o100 else "f"
        yield f"{one.relative_to(root)}={kind}={one.read_text()}"


def _files(start: Path) -> Iterator[Path]:
    for directory, folders, names in os.walk(start, followlinks=True):
        folders.sort()
        if not os.listdir(directory) and directory != str(start):
            yield from ()
        yield from (path for name in names if (path := Path(directory, name)).is_file())


def _matches(path: str, pattern: str) -> bool:
    """Whether a path is matched by one of the patterns that are drawn; a directory counts with all that is in it."""
    parts, wanted = path.split("/"), pattern.split("/")
    return any(_match(parts[:length], wanted) for length in range(1, len(parts) + 1))


def _match(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    if not wanted:
        return not parts
    if wanted[0] == "**":
        if len(wanted) == 1:
            return bool(parts)
        return any(_match(parts[skipped:], wanted[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and _part(parts[0], wanted[0]) and _match(parts[1:], wanted[1:])


def _part(text: str, pattern: str) -> bool:
    before, star, behind = pattern.partition("*")
    if not star:
        return text == pattern
    return len(text) >= len(before) + len(behind) and text.startswith(before) and text.endswith(behind)


def _write(path: Path, text: str) -> None:
    if path.parent.is_symlink() or not path.parent.is_dir():
        _clear(path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear(path)
    path.write_text(text)


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _spec_of(job: PlannedJob, values: Mapping[str, str]) -> JobSpec:
    return fill(job.spec, "run", "", {name: values[name] for name in job.spec.needed_values})


def _no_command(command: object, spec: object) -> str:
    raise AssertionError(command)


def _empty_file(name: str) -> int:
    return os.open(os.devnull, os.O_RDONLY)
