"""Fixtures of the tests of clusters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.network_hosts import NetworkHost, network_hosts


@pytest.fixture
def hosts() -> Iterator[list[NetworkHost]]:
    """Two other hosts, as namespaces of this machine are."""
    with network_hosts(2) as hosts:
        yield hosts
