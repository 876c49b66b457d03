"""The page about clusters has every key that a cluster may have, in a table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.manifest.cluster_keys import ClusterKeys, WorkersKeys
from orchestrator.manifest.cluster_kinds import KubernetesKeys, ProcessesKeys, SshKeys
from orchestrator.manifest.gateway_keys import GatewayKeys
from orchestrator.manifest.queue_keys import LsfKeys, SgeKeys, SlurmKeys
from orchestrator.manifest.section import Section, keys_of

PAGE = (Path(__file__).parents[2] / "docs/clusters.md").read_text()
CELLS = "\n".join(re.findall(r"^\|[^|]*\|[^|]*\|", PAGE, re.MULTILINE))
"""The first two columns of all tables: keys are in one of them."""


@pytest.mark.parametrize(
    "section",
    [ClusterKeys, WorkersKeys, ProcessesKeys, SshKeys, KubernetesKeys, GatewayKeys, SlurmKeys, LsfKeys, SgeKeys],
    ids=lambda section: section.__name__,
)
def test_every_key_of_a_cluster_is_in_a_table_of_its_page(section: type[Section]) -> None:
    shown = set(re.findall(r"`(?:processes\.|workers\.)?([a-z_]+)`", CELLS))
    assert set(keys_of(section)) - shown - {"workers"} == set()
