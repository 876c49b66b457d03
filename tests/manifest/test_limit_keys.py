"""The keys of `limits`: accepted values, and errors with help."""

from __future__ import annotations

import pytest
from support.manifests import loaded

from orchestrator.manifest.limit_keys import LimitsKeys
from orchestrator.manifest.scalars import NO_LIMIT


def read(text: str) -> LimitsKeys | None:
    found = loaded(f"version: 1\nworkflows: {{a: {{run: x, limits: {text}}}}}\n")
    assert found.diagnostics == ()
    assert found.manifest is not None
    return found.manifest.workflows["a"].limits


def test_every_limit_is_read() -> None:
    assert read(
        "{memory: 2GiB, cpu_time: 1m30s, open_files: 9, file_size: 1KB, processes: 3, core: 0, log: 10}"
    ) == LimitsKeys(memory=2 << 30, cpu_time=90, open_files=9, file_size=1000, processes=3, core=0, log=10)


def test_none_lifts_a_limit_and_is_not_the_same_as_an_absent_key() -> None:
    limits = read("{memory: none, cpu_time: none, open_files: none}")
    assert limits is not None
    assert (limits.memory, limits.cpu_time, limits.open_files, limits.log) == (NO_LIMIT, NO_LIMIT, NO_LIMIT, None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{memory: 2 gigs}", "PX115 expected a size"),
        ("{memory: 0}", "PX115 must be more than zero"),
        ("{memory: 4KiB}", "PX115 must be at least 1MiB: no shell starts with less memory"),
        ("{log: 0}", "PX115 must be more than zero"),
        ("{cpu_time: 0s}", "PX114 must be more than zero"),
        ("{open_files: many}", "PX112 must be a positive integer"),
        ("{processes: 0}", "PX113 must be between 1 and 1,000,000"),
        ("{core: none}", "PX115 expected a size"),
        ("{mem: 1GiB}", "PX110 unknown key `mem`"),
    ],
)
def test_any_other_value_is_refused(text: str, told: str) -> None:
    (diagnostic,) = loaded(f"version: 1\nworkflows: {{a: {{run: x, limits: {text}}}}}\n").diagnostics
    code, _, message = told.partition(" ")
    assert diagnostic.code == code
    assert message in diagnostic.message
