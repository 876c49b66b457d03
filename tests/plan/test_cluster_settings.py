"""Clusters of the settings, over those of a manifest."""

from __future__ import annotations

from typing import Any

import pytest
from support.planning import good_plan, planned

from orchestrator.errors import UsageError
from orchestrator.plan.inputs import Overrides
from orchestrator.plan.policy_parts import ClusterPolicy

TEXT = """\
clusters:
  pair: {processes: {count: 2, slots: 3}, labels: [a, b]}
  bare: {processes: {count: 2}}
workflows: {a: {run: 'true'}}
"""


def cluster(name: str, **tables: dict[str, Any]) -> ClusterPolicy | None:
    clusters = {key: (table, "FILE") for key, table in tables.items()}
    return good_plan(TEXT, overrides=Overrides(cluster=name, clusters=clusters), cpus=4).policy.cluster


@pytest.mark.parametrize(
    ("table", "made"),
    [
        ({}, ClusterPolicy("pair", 2, 3, ("a", "b"))),
        ({"labels": ["c"]}, ClusterPolicy("pair", 2, 3, ("c",))),
        ({"processes": 4}, ClusterPolicy("pair", 4, 1, ("a", "b"))),
        ({"processes": {"slots": 7}}, ClusterPolicy("pair", 2, 7, ("a", "b"))),
        ({"processes": {"count": 1}, "labels": "x"}, ClusterPolicy("pair", 1, 3, ("x",))),
    ],
)
def test_settings_replace_a_cluster_key_by_key(table: dict[str, Any], made: ClusterPolicy) -> None:
    assert cluster("pair", pair=table) == made


def test_what_a_manifest_does_not_say_may_be_said_in_settings() -> None:
    assert cluster("bare", bare={"processes": {"slots": 5}, "labels": "x"}) == ClusterPolicy("bare", 2, 5, ("x",))


def test_settings_declare_clusters_that_the_manifest_does_not_have() -> None:
    assert cluster("mine", mine={"processes": 1}) == ClusterPolicy("mine", 1, 4)
    assert cluster("pair", mine={"processes": 1}, other={"labels": "x"}) == ClusterPolicy("pair", 2, 3, ("a", "b"))
    named = planned(
        f"policy: {{cluster: mine}}\n{TEXT}", overrides=Overrides(clusters={"mine": ({"processes": 1}, "")})
    )
    assert named.plan is not None


def test_what_only_says_more_of_a_cluster_that_the_manifest_does_not_have_is_no_cluster() -> None:
    with pytest.raises(UsageError, match="unknown cluster `other`"):
        cluster("other", other={"labels": "x"})
    assert cluster("pair", other={"processes": {"slots": 2}}) == ClusterPolicy("pair", 2, 3, ("a", "b"))
    with pytest.raises(UsageError, match="the cluster `other` in FILE: `processes`: missing key `count`"):
        cluster("other", other={"processes": {"slots": 2}})


@pytest.mark.parametrize(
    ("tables", "message", "help_"),
    [
        (
            {"local": {"processes": 1}},
            "`local` in FILE is pexec's own process and is always there",
            "choose another name",
        ),
        (
            {"a b": {"processes": 1}},
            "the clusters in FILE: `a b` is not a valid name",
            "a name has letters, digits, `_`, `.` and `-`, begins with a letter or `_`, and has at most 100 characters",
        ),
        (
            {"pair": {"labls": "x"}},
            "the cluster `pair` in FILE: unknown key `labls`",
            "did you mean `labels`?",
        ),
        ({"pair": {"qqq": "x"}}, "the cluster `pair` in FILE: unknown key `qqq`", ""),
        (
            {"pair": {"processes": {"slots": 0}}},
            "the cluster `pair` in FILE: `processes.slots` must be at least 1",
            "",
        ),
        (
            {"pair": {"processes": "two"}},
            "the cluster `pair` in FILE: `processes`: expected a number of workers, or `{count: 2, slots: 8}`, found "
            "text",
            "",
        ),
    ],
)
def test_what_is_wrong_in_settings_is_a_usage_error_that_names_the_file(
    tables: dict[str, dict[str, Any]], message: str, help_: str
) -> None:
    with pytest.raises(UsageError) as raised:
        cluster("pair", **tables)
    assert (raised.value.message, raised.value.help) == (message, help_)
