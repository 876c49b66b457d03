"""Which jobs no worker of a cluster could run."""

from __future__ import annotations

from typing import Any

import pytest
from support.planning import good_plan, planned
from support.worlds import job, plan

from orchestrator.plan.cluster_fit import Offer, what_is_lacking
from orchestrator.plan.inputs import Overrides, Selection

GIB = 1 << 30


@pytest.mark.parametrize(
    ("wants", "offers", "lack"),
    [
        ({}, [Offer()], ""),
        ({"requires": ("gpu",)}, [Offer(), Offer(["gpu", "ssd"])], ""),
        ({"requires": ("gpu", "ssd", "ib")}, [Offer(["gpu"])], "it requires `ssd` and `ib`, which no worker has"),
        ({"requires": ("a", "b")}, [Offer(["a"]), Offer(["b"])], "no worker has all that it asks for at once"),
        ({"cpus": 99.0}, [Offer()], ""),
        ({"cpus": 1.0}, [Offer(cpus=0.5)], "it asks for 1 CPU, and the largest worker has 0.5"),
        ({"cpus": 2.5}, [Offer(cpus=1), Offer(cpus=2)], "it asks for 2.5 CPUs, and the largest worker has 2"),
        (
            {"memory": 9 * GIB},
            [Offer(memory=8 * GIB)],
            "it asks for 9.0 GiB of memory, and the largest worker has 8.0 GiB",
        ),
        ({"cpus": 2.0, "memory": GIB}, [Offer(cpus=1), Offer(memory=1)], "no worker has all that it asks for at once"),
    ],
)
def test_what_a_job_lacks_is_said(wants: dict[str, Any], offers: list[Offer], lack: str) -> None:
    (made,) = plan(job("j", **wants)).jobs
    assert what_is_lacking(made, offers) == lack


TEXT = """\
policy: {cluster: fast}
clusters: {fast: {processes: 2, labels: [ssd]}, plain: {processes: 2}}
workflows:
  a: {run: 'true', matrix: {n: [1, 2]}, requires: [ssd]}
  b: {run: 'true', requires: ssd, cpus: 1000}
  c: {run: 'true', where: local}
"""


def test_a_plan_has_what_jobs_require_and_where_they_stay() -> None:
    made = good_plan(TEXT)
    assert [(one.id, one.requires, one.where) for one in made.jobs] == [
        ("a[n=1]", ("ssd",), "any"), ("a[n=2]", ("ssd",), "any"), ("b", ("ssd",), "any"), ("c", (), "local"),
    ]  # fmt: skip
    assert made.policy.cluster is not None
    assert made.policy.cluster.labels == ("ssd",)
    assert made.digest == good_plan(TEXT.replace("where: local", "when: success")).digest


def test_each_workflow_that_no_worker_can_run_is_reported_once() -> None:
    result = planned(TEXT, overrides=Overrides(cluster="plain"))
    assert result.plan is None
    assert [(one.code, one.path) for one in result.diagnostics] == [
        ("PX316", ("workflows", "a", "requires")),
        ("PX316", ("workflows", "b", "requires")),
    ]
    first = result.diagnostics[0]
    assert first.message == (
        "no worker of the cluster `plain` can run `a[n=1]`: it requires `ssd`, which no worker has"
    )
    assert first.help == "`labels` of the cluster says what its workers have"


def test_what_is_not_in_the_run_may_ask_for_anything_and_so_may_a_run_at_home() -> None:
    assert planned(TEXT, overrides=Overrides(cluster="plain"), selection=Selection(jobs=("c",))).plan is not None
    assert planned(TEXT, overrides=Overrides(cluster="local")).plan is not None


@pytest.mark.parametrize(
    ("clusters", "found"),
    [
        ("", ["PX317"]),
        ("clusters: {c: {processes: 1, labels: build}}\n", []),
        ("clusters: {c: {processes: 1}}\n", ["PX317"]),
    ],
)
def test_a_label_that_is_the_name_of_a_workflow_is_a_warning_unless_a_cluster_has_it(
    clusters: str, found: list[str]
) -> None:
    text = f"{clusters}workflows: {{build: {{run: x}}, test: {{run: x, requires: [gpu, build]}}}}\n"
    result = planned(text)
    assert result.plan is not None
    assert [one.code for one in result.diagnostics] == found
    assert all(one.help == "to wait for it, write `needs: [build]`" for one in result.diagnostics)


@pytest.mark.parametrize(
    ("defaults", "keys", "codes"),
    [
        ("", "", []),
        ("", ", timeout: 30m", []),
        ("", ", timeout: 2h", ["PX319"]),
        ("", ", timeout: 2h, where: local", []),
        ("defaults: {timeout: 2h}\n", "", ["PX319"]),
        ("", ", timeout: none", []),
    ],
)
def test_a_timeout_above_the_walltime_of_a_worker_is_a_warning(defaults: str, keys: str, codes: list[str]) -> None:
    queue = "clusters: {hpc: {slurm: {cores: 1, walltime: 45m}}}\n"
    text = f"{queue}{defaults}workflows: {{a: {{run: x, matrix: {{n: [1, 2]}}{keys}}}}}\n"
    result = planned(text, overrides=Overrides(cluster="hpc"))
    assert result.plan is not None
    assert [one.code for one in result.diagnostics] == codes
    for one in result.diagnostics:
        assert one.message == "the timeout of `a`, 2h, is longer than the walltime of its worker, 45m"
        assert one.span is not None
    assert planned(text).diagnostics == ()
