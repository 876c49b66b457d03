"""Names of files for jobs."""

from __future__ import annotations

import re
from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.plan.slugs import slugs


def test_a_plain_name_stays_as_it_is() -> None:
    assert slugs(["build", "lib.x", "a-b_c"]) == ("build", "lib.x", "a-b_c")


def test_the_cells_of_a_matrix_stay_readable() -> None:
    assert slugs(["test[python=3.11,os=linux]"]) == ("test-python-3.11-os-linux",)


def test_names_that_one_directory_would_mix_up_get_a_fingerprint() -> None:
    assert slugs(["Build", "build", "test"]) == ("Build-7b2ee57b", "build-442274be", "test")


def test_the_name_of_a_job_does_not_depend_on_the_order() -> None:
    ids = ["a b", "a-b", "A-B", "other"]
    forward, backward = slugs(ids), slugs(ids[::-1])
    assert forward == backward[::-1]


def test_an_id_that_is_spelled_like_anothers_fingerprint_gets_its_own() -> None:
    taken = slugs(["Build", "build"])[0]
    names = slugs(["Build", "build", taken])
    assert len({name.lower() for name in names}) == 3


def test_an_id_that_is_spelled_like_each_of_anothers_fingerprints_does_not_stop_us() -> None:
    fingerprint = blake2b(b"Build", digest_size=16).hexdigest()
    ids = ["Build", "build", *(f"Build-{fingerprint[:digits]}" for digits in range(8, 36, 4))]
    assert len({name.lower() for name in slugs(ids)}) == len(ids)


def test_two_ids_whose_short_fingerprints_are_the_same_get_longer_ones() -> None:
    assert slugs(["a\u4f65\u4e01", "a\u798a\u4e01"]) == ("a-1a8073f9c3bc", "a-1a8073f9f8e0")


def test_no_name_can_hide_be_an_option_or_leave_its_directory() -> None:
    assert slugs(["..", ".hidden", "-rf", "a/../b", "\n"]) == (
        "job-c577bd8f", "hidden", "rf", "a-..-b", "job-29b74ebc",
    )  # fmt: skip


@given(
    st.lists(st.text(min_size=1, max_size=150) | st.sampled_from(["a", "A", "a-", "ä", "-a", "a" * 150]), unique=True)
)
def test_names_are_safe_short_and_unique_whatever_the_ids(ids: list[str]) -> None:
    names = slugs(ids)
    assert len({name.lower() for name in names}) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", name) for name in names)
