"""The tests of the cache leave no store open: a process of the test suite opens hundreds, of ten descriptors each."""

from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.cache.cache import Cache


@pytest.fixture(autouse=True)
def _caches_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    opened: list[Cache] = []
    whole = Cache.__init__

    def make(cache: Cache, *arguments: Any, **more: Any) -> None:
        whole(cache, *arguments, **more)
        opened.append(cache)

    monkeypatch.setattr(Cache, "__init__", make)
    yield
    for cache in opened:
        cache.close()
