"""Which workflows have a key."""

from __future__ import annotations

import pytest
from support.manifests import loaded

from orchestrator.manifest.key_index import KeyIndex

TEXT = """\
version: 1
workflows:
  plain: {run: x}
  test: {run: x, needs: plain, timeout: 5m, if: {env.CI: true}}
  other: {run: x, timeout: none, pools: {}}
"""


def key_index() -> KeyIndex:
    manifest = loaded(TEXT).manifest
    assert manifest is not None
    return KeyIndex(manifest.workflows)


def test_workflows_with_a_key_are_in_the_order_of_the_manifest() -> None:
    assert key_index().names("timeout") == {"test", "other"}
    assert list(key_index().of("pools", "if_")) == ["test", "other"]
    assert key_index().of("env") == {}


@pytest.mark.parametrize("key", ["run", "needs"])
def test_keys_that_nearly_all_have_are_not_indexed(key: str) -> None:
    with pytest.raises(AssertionError):
        key_index().names(key)
