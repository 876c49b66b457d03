"""Each part of what a job depends on decides by itself whether it is up to date.

For each part there is an edit of a project that changes nothing else. The fingerprint must differ after it, and must
not differ once that part is taken out of both: so the test of a part fails as soon as the part is forgotten.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from msgspec.structs import fields, replace

from orchestrator.app.job_scripts import with_scripts
from orchestrator.app.planning import plan_manifest
from orchestrator.cache.cache import Cache
from orchestrator.cache.fingerprint import Fingerprint, Need
from orchestrator.cache.host import Host
from orchestrator.cache.model import Listing, Place, listing_of, never
from orchestrator.execute.attempt.environment import Environments
from orchestrator.execute.reuse.fingerprints import Fingerprints, Taken
from orchestrator.plan.inputs import PlanningEnvironment

MANIFEST = """\
version: 1
secrets: {TOKEN: {env: TOKEN}, OTHER: {env: OTHER}}
workflows:
  gen: {outputs: {files: {path: gen/}, value: {default: none}}, run: 'true'}
  plain: {run: 'echo plain'}
  values: {outputs: {word: {default: none}}, run: 'true'}
  job:
    needs: [gen, plain, values]
    inputs: ["src/**", {env: CC}, {command: [cat, version]}]
    outputs: {app: {path: build/app}, text: {default: a}}
    shell: [sh, -eu]
    env: {A: one}
    env_file: ci.env
    env_inherit: [LISTED, CC, PATH]
    working_dir: sub
    isolation: sandbox
    writes: [build]
    secrets: TOKEN
    run: ./script.sh
"""
BY_FILE = MANIFEST.replace("    run: ./script.sh", "    file: script.sh\n    args: [x]")
BY_ARGV = MANIFEST.replace("    run: ./script.sh", "    argv: [make]").replace("    shell: [sh, -eu]\n", "")
FILES = {
    "src/a": "1",
    "gen/x": "1",
    "version": "1",
    "ci.env": "FROM_FILE=one\n",
    "sub/here": "",
    "other/here": "",
    "script.sh": "true\n",
    "sub/script.sh": "true\n",
}
VALUES = {"gen": {"value": '"1"'}, "plain": {}, "values": {"word": '"a"'}}
HOST = Host("Linux", "x86_64", 0o022)


class Project:
    """The files, and all else that decides."""

    def __init__(self, folder: Path, manifest: str = MANIFEST) -> None:
        self.folder = folder
        self.manifest = manifest
        self.job = "job"
        self.environ = {"CC": "gcc", "LISTED": "1", "HOME": "/root"}
        self.values: dict[str, Mapping[str, str]] = dict(VALUES)
        self.host = HOST
        for path, text in FILES.items():
            self.write(path, text)

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def chmod(self, path: str, mode: int = 0o755) -> None:
        (self.folder / path).chmod(mode)

    def rewrite(self, old: str, new: str) -> None:
        assert old in self.manifest
        self.manifest = self.manifest.replace(old, new)

    def taken(self, monkeypatch: pytest.MonkeyPatch) -> Taken:
        """What the product takes."""
        self.write("pexec.yaml", self.manifest)
        result = plan_manifest(str(self.folder / "pexec.yaml"), environment=PlanningEnvironment())
        plan = result.plan
        assert plan is not None, result.diagnostics
        plan = with_scripts(plan)
        monkeypatch.setattr("orchestrator.execute.reuse.fingerprints.this_host", lambda: self.host)
        place = Place(str(self.folder), str(self.folder))
        environments = Environments({os.fsencode(key): os.fsencode(value) for key, value in self.environ.items()})

        def run(command: object, spec: object) -> str:
            return (self.folder / "version").read_text()

        takes = Fingerprints(plan, place, Cache(None, 0, pytest.fail), environments, run)
        by_id = {job.id: job for job in plan.jobs}
        values = {by_id[name].index: of_need for name, of_need in self.values.items() if name in by_id}
        return takes.take(by_id[self.job], by_id[self.job].spec, values, never)


Edit = Callable[[Project], object]
Blind = Callable[[Taken], Fingerprint]


def without(part: str, value: object) -> Blind:
    """The fingerprint without a part."""
    return lambda taken: replace(taken.fingerprint, **{part: value})


def seen_as(blind: Callable[[str, bytes], tuple[str, bytes]]) -> Blind:
    """The fingerprint if something of each input file did not count."""
    return lambda taken: replace(taken.fingerprint, inputs=_blinded(taken.listing, blind))


def need_seen_as(name: str, blind: Callable[[Taken, Need], Need]) -> Blind:
    """The fingerprint if something of a need did not count."""

    def seen(taken: Taken) -> Fingerprint:
        needs = taken.fingerprint.needs
        return replace(taken.fingerprint, needs={**needs, name: blind(taken, needs[name])})

    return seen


def need_files_seen_as(blind: Callable[[str, bytes], tuple[str, bytes]]) -> Blind:
    def seen(taken: Taken, need: Need) -> Need:
        return replace(need, files=_blinded(taken.needs["gen"].listing, blind))

    return need_seen_as("gen", seen)


def _blinded(listing: Listing, blind: Callable[[str, bytes], tuple[str, bytes]]) -> str:
    return listing_of(dict(blind(path, state) for path, state in listing.files.items())).digest


def no_path(path: str, state: bytes) -> tuple[str, bytes]:
    return "", state


def no_kind(path: str, state: bytes) -> tuple[str, bytes]:
    return path, state[1:]


def no_content(path: str, state: bytes) -> tuple[str, bytes]:
    return path, state[:1]


def renamed(project: Project) -> None:
    project.job = "task"
    project.rewrite("  job:\n", "  task:\n")


def move(project: Project, old: str, new: str) -> None:
    (project.folder / old).rename(project.folder / new)


def without_plain(project: Project) -> None:
    project.rewrite("[gen, plain, values]", "[gen, values]")
    del project.values["plain"]


PARTS: dict[str, tuple[str, Edit, Blind]] = {
    "job: its id": (MANIFEST, renamed, without("job", "")),
    "run": (MANIFEST, lambda p: p.rewrite("run: ./script.sh", "run: ./script.sh 1"), without("run", None)),
    "argv": (BY_ARGV, lambda p: p.rewrite("argv: [make]", "argv: [make, all]"), without("argv", ())),
    "args": (BY_FILE, lambda p: p.rewrite("args: [x]", "args: [y]"), without("args", ())),
    "scripts: its file": (BY_FILE, lambda p: p.write("script.sh", "false\n"), without("scripts", {})),
    "scripts: its file, x": (BY_FILE, lambda p: p.chmod("script.sh"), without("scripts", {})),
    "scripts: that it starts": (MANIFEST, lambda p: p.write("sub/script.sh", "false\n"), without("scripts", {})),
    "shell": (MANIFEST, lambda p: p.rewrite("[sh, -eu]", "[sh, -e]"), without("shell", ())),
    "env: a value": (MANIFEST, lambda p: p.rewrite("{A: one}", "{A: two}"), without("env", {})),
    "env: a name": (MANIFEST, lambda p: p.rewrite("{A: one}", "{B: one}"), without("env", {})),
    "env: an env file": (MANIFEST, lambda p: p.write("ci.env", "FROM_FILE=two\n"), without("env", {})),
    "env_prepend": (
        MANIFEST, lambda p: p.rewrite("{A: one}", "{A: one, PATH: {prepend: ./x}}"), without("env_prepend", {})
    ),
    "env_append": (
        MANIFEST, lambda p: p.rewrite("{A: one}", "{A: one, PATH: {append: ./x}}"), without("env_append", {})
    ),
    "env_inherit": (MANIFEST, lambda p: p.rewrite("[LISTED, ", "[UNSET, LISTED, "), without("env_inherit", ())),
    "working_dir": (
        MANIFEST.replace("./script.sh", "make"),
        lambda p: p.rewrite("dir: sub", "dir: other"),
        without("working_dir", ""),
    ),
    "isolation": (
        MANIFEST.replace("    writes: [build]\n", ""),
        lambda p: p.rewrite("isolation: sandbox", "isolation: process"),
        without("isolation", ""),
    ),
    "network": (
        MANIFEST, lambda p: p.rewrite("sandbox", "sandbox\n    network: true"), without("network", False)
    ),
    "writes": (MANIFEST, lambda p: p.rewrite("writes: [build]", "writes: [build, more]"), without("writes", ())),
    "reads": (MANIFEST, lambda p: p.rewrite("sandbox", "sandbox\n    reads: declared"), without("reads", "")),
    "outputs": (MANIFEST, lambda p: p.rewrite("build/app", "build/app2"), without("outputs", ())),
    "outputs: fresh": (
        MANIFEST, lambda p: p.rewrite("path: build/app", "path: build/app, fresh: true"), without("outputs", ())
    ),
    "outputs: optional": (
        MANIFEST, lambda p: p.rewrite("path: build/app", "path: build/app, optional: true"), without("outputs", ())
    ),
    "output_values: a default": (
        MANIFEST, lambda p: p.rewrite("text: {default: a}", "text: {default: b}"), without("output_values", {})
    ),
    "output_values: a type": (
        MANIFEST.replace("text: {default: a}", "text: {default: '1'}"),
        lambda p: p.rewrite("text: {default: '1'}", "text: {type: json, default: '1'}"),
        without("output_values", {}),
    ),
    "secrets: their names": (
        MANIFEST, lambda p: p.rewrite("    secrets: TOKEN", "    secrets: [TOKEN, OTHER]"), without("secrets", ())
    ),
    "system": (MANIFEST, lambda p: setattr(p, "host", HOST._replace(system="Other")), without("system", "")),
    "machine": (MANIFEST, lambda p: setattr(p, "host", HOST._replace(machine="arm")), without("machine", "")),
    "umask": (MANIFEST, lambda p: setattr(p, "host", HOST._replace(umask=0o077)), without("umask", 0)),
    "inputs: content": (MANIFEST, lambda p: p.write("src/a", "2"), seen_as(no_content)),
    "inputs: x": (MANIFEST, lambda p: p.chmod("src/a"), seen_as(no_kind)),
    "inputs: path": (MANIFEST, lambda p: move(p, "src/a", "src/b"), seen_as(no_path)),
    "inputs: another file": (MANIFEST, lambda p: p.write("src/b", "1"), without("inputs", "")),
    "input_env: a value": (MANIFEST, lambda p: p.environ.update(CC="clang"), without("input_env", {})),
    "input_env: unset": (MANIFEST, lambda p: p.environ.pop("CC"), without("input_env", {})),
    "input_env: empty": (MANIFEST, lambda p: p.environ.update(CC=""), without("input_env", {})),
    "input_env: a variable that is listed": (
        MANIFEST, lambda p: p.environ.update(LISTED="2"), without("input_env", {})
    ),
    "input_commands": (MANIFEST, lambda p: p.write("version", "2"), without("input_commands", {})),
    "needs: that there is one": (
        MANIFEST, without_plain,
        lambda taken: replace(
            taken.fingerprint, needs={k: v for k, v in taken.fingerprint.needs.items() if k != "plain"}
        ),
    ),
    "needs: a value": (
        MANIFEST, lambda p: p.values.update(values={"word": '"b"'}),
        need_seen_as("values", lambda _, need: replace(need, values={})),
    ),
    "needs: a value beside files": (
        MANIFEST, lambda p: p.values.update(gen={"value": '"2"'}),
        need_seen_as("gen", lambda _, need: replace(need, values={})),
    ),
    "needs: the definition of one without outputs": (
        MANIFEST, lambda p: p.rewrite("echo plain", "echo other"),
        need_seen_as("plain", lambda _, need: replace(need, job="")),
    ),
    "needs: the content of a file": (MANIFEST, lambda p: p.write("gen/x", "2"), need_files_seen_as(no_content)),
    "needs: the x of a file": (MANIFEST, lambda p: p.chmod("gen/x"), need_files_seen_as(no_kind)),
    "needs: the path of a file": (MANIFEST, lambda p: move(p, "gen/x", "gen/y"), need_files_seen_as(no_path)),
    "needs: an empty directory": (
        MANIFEST, lambda p: (p.folder / "gen/empty").mkdir(),
        need_seen_as("gen", lambda _, need: replace(need, files="")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_a_part_decides_by_itself(part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, edit, blind = PARTS[part]
    project = Project(tmp_path, manifest)
    before = project.taken(monkeypatch)
    edit(project)
    after = project.taken(monkeypatch)
    assert before.fingerprint.digest != after.fingerprint.digest
    assert blind(before).digest == blind(after).digest, "nothing else has told the difference"


def test_an_unset_variable_is_not_an_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(tmp_path)
    digests = set()
    for value in ("gcc", "", None):
        project.environ.pop("CC", None)
        if value is not None:
            project.environ["CC"] = value
        digests.add(project.taken(monkeypatch).fingerprint.digest)
    assert len(digests) == 3


def test_where_a_link_as_working_directory_leads_to_is_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(tmp_path, MANIFEST.replace("./script.sh", "make"))
    plain = project.taken(monkeypatch).fingerprint
    project.rewrite("dir: sub", "dir: link")
    found = []
    for target in ("sub", "other", "sub"):
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(target)
        found.append(project.taken(monkeypatch).fingerprint)
    assert found[0] == found[2] == plain
    assert found[0] == replace(found[1], working_dir="sub")
    assert found[0] != found[1]


def test_what_decides_nothing_is_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(tmp_path)
    before = project.taken(monkeypatch).fingerprint
    project.rewrite("  job:\n", "  job:\n    timeout: 7m\n    tags: [slow]\n    description: It.\n    priority: 3\n")
    project.environ.update(HOME="/home/me", UNDECLARED="1", TOKEN="hunter2")
    os.utime(tmp_path / "src/a", (1, 1))
    assert project.taken(monkeypatch).fingerprint == before


def test_every_part_of_a_fingerprint_is_among_these() -> None:
    elsewhere = {"file", "file_sha256"}  # its content is among the scripts; its path is the name of that
    assert {name.partition(":")[0] for name in PARTS} == {field.name for field in fields(Fingerprint)} - elsewhere
