"""Which workflows say something under a key."""

from __future__ import annotations

import pytest
from support.manifests import loaded

from orchestrator.manifest.key_index import Having

TEXT = """\
version: 1
workflows:
  plain: {run: x}
  test: {run: x, needs: plain, timeout: 5m, if: {env.CI: true}}
  other: {run: x, timeout: none, pools: {}}
"""


def having() -> Having:
    manifest = loaded(TEXT).manifest
    assert manifest is not None
    return Having(manifest.workflows)


def test_it_knows_who_has_a_key_in_the_order_of_the_manifest() -> None:
    assert having().names("timeout") == {"test", "other"}
    assert list(having().of("pools", "if_")) == ["test", "other"]
    assert having().of("env") == {}


@pytest.mark.parametrize("key", ["run", "needs"])
def test_of_what_nearly_all_have_nothing_is_noted(key: str) -> None:
    with pytest.raises(AssertionError):
        having().names(key)
