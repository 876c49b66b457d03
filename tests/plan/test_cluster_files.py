"""Which jobs cannot run on workers that have none of pexec's files."""

from __future__ import annotations

import pytest
from support.planning import good_plan, planned

from orchestrator.manifest.load import loads
from orchestrator.plan.inputs import Overrides

HEAD = """\
policy: {cluster: lab}
clusters:
  lab: {address: "tcp://localhost:1", files: none, dir: /app}
  shared: {address: "tcp://localhost:1"}
  hosts: {ssh: {hosts: [a]}, files: none}
workflows:
"""


@pytest.mark.parametrize(
    ("job", "path", "why"),
    [
        ("run: make, inputs: []", ("inputs",), "pexec reads `inputs` on this machine, and the job reads other files"),
        ("run: make, outputs: [app]", ("outputs",), "its output files would be on a worker, and pexec looks for them"),
        ("run: 'ls ${{ run.dir }}', matrix: {n: [1, 2]}", (), "`${{ run.dir }}` is a directory of this machine"),
        ("run: ls, env: {X: '${{ run.dir }}'}", (), "`${{ run.dir }}` is a directory of this machine"),
    ],
)
def test_a_job_whose_files_are_not_there_is_refused_unless_it_stays_here(
    job: str, path: tuple[str, ...], why: str
) -> None:
    text = f"{HEAD}  a: {{{job}}}\n"
    for name in ("lab", "hosts"):
        (found,) = planned(text, overrides=Overrides(cluster=name)).diagnostics
        assert (found.code, found.path) == ("PX326", ("workflows", "a", *path))
        assert f"cannot run on the cluster `{name}`, which has `files: none`: {why}" in found.message
        assert found.help is not None
        assert "`where: local` keeps the job on this machine" in found.help
    assert planned(text, overrides=Overrides(cluster="shared")).plan is not None
    assert planned(text, overrides=Overrides(cluster="local")).plan is not None
    assert planned(text.replace("a: {", "a: {where: local, ")).plan is not None


def test_other_jobs_are_not_and_the_plan_says_where_they_start() -> None:
    made = good_plan(f"{HEAD}  a: {{run: 'echo ${{{{ run.id }}}}', outputs: {{x: {{}}}}}}\n")
    assert made.policy.cluster is not None
    assert (made.policy.cluster.files, made.policy.cluster.dir) == ("none", "/app")


@pytest.mark.parametrize(
    ("cluster", "code", "message"),
    [
        ('address: "tcp://localhost:1", dir: /app', "PX118", "`dir` has no effect with `files: shared`"),
        ('address: "tcp://localhost:1", files: none, dir: app', "PX113", "`app` is not an absolute path"),
        ("processes: 2, files: none", "PX118", "`files` has no effect with `processes`"),
        ("processes: 2, dir: /app", "PX118", "`dir` has no effect with `processes`"),
        ("slurm: {cores: 1}, files: none", "PX118", "`files: none` cannot be used with `slurm`"),
        ('address: "tcp://localhost:1", files: some', "PX113", "must be `shared` or `none`"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(cluster: str, code: str, message: str) -> None:
    text = f"version: 1\nclusters: {{lab: {{{cluster}}}}}\nworkflows: {{a: {{run: 'true'}}}}\n"
    found = loads(text.encode(), name="pexec.yaml", base_dir="/nonexistent").diagnostics
    assert [one.code for one in found] == [code]
    assert message in found[0].message
