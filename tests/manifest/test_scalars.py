"""Durations, sizes and numbers of jobs: accepted values, their canonical spelling, and errors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.manifest.scalars import (
    MAX_DURATION_SECONDS,
    NO_LIMIT,
    CpuShare,
    ScalarError,
    format_duration,
    format_size,
    parse_duration,
    parse_limit,
    parse_parallel,
    parse_size,
)

UNITS = "write seconds, or a number with a unit: `90`, `90s`, `5m`, `1h30m`, `2d`, `500ms`"


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (90, 90.0),
        (0, 0.0),
        ("90", 90.0),
        ("90s", 90.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("2d", 172800.0),
        ("500ms", 0.5),
        ("1s500ms", 1.5),
        ("1d1h1m1s1ms", 90061.001),
        ("007s", 7.0),
        ("PT5M", 300.0),
        ("PT1H30M", 5400.0),
        ("P1D", 86400.0),
        ("P1DT1S", 86401.0),
        ("3650d", MAX_DURATION_SECONDS),
    ],
)
def test_a_duration_is_read_as_seconds(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        ("5 min", "`5 min` is not a duration", "write `5m`"),
        ("5min", "`5min` is not a duration", "write `5m`"),
        ("2 Hours", "`2 Hours` is not a duration", "write `2h`"),
        ("1.5h", "`1.5h` is not a duration", "write `1h30m`"),
        ("1w", "`1w` is not a duration", "write `7d`"),
        ("30 sec", "`30 sec` is not a duration", "write `30s`"),
        ("100 msec", "`100 msec` is not a duration", "write `100ms`"),
        ("5M", "`5M` is not a duration", "write `5m`"),
        ("1:30", "`1:30` is ambiguous", "write `1m30s` or `1h30m`"),
        ("-5m", "must not be negative", UNITS),
        (-5, "must not be negative", UNITS),
        (1.5, "a fraction is not a duration", "write it with a unit: `1s500ms`"),
        (-1.5, "a fraction is not a duration", UNITS),
        (float("inf"), "a fraction is not a duration", UNITS),
        ("none", "must not be `none`", UNITS),
        ("", "is empty", UNITS),
        ("1m1h", "`1m1h` is not a duration", UNITS),
        ("5 parsecs", "`5 parsecs` is not a duration", UNITS),
        ("P", "`P` is not a duration", UNITS),
        ("PT", "`PT` is not a duration", UNITS),
        ("P1M", "`P1M` is not a duration", UNITS),
        ("5m\n", "`5m\n` is not a duration", UNITS),
        ("\u0665m", "`\u0665m` is not a duration", UNITS),
        (True, "expected a duration", UNITS),
        (None, "expected a duration", UNITS),
        ([5], "expected a duration", UNITS),
        ("3651d", "must be at most 3650 days", "write `none` for no limit"),
        ("9" * 5000, "must be at most 3650 days", "write `none` for no limit"),
    ],
)
def test_what_is_not_a_duration_is_refused_with_what_to_write(written: object, message: str, hint: str) -> None:
    with pytest.raises(ScalarError) as refused:
        parse_duration(written)
    assert (refused.value.code, refused.value.message, refused.value.hint) == ("PX114", message, hint)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.5, "500ms"),
        (1.5, "1s500ms"),
        (60, "1m"),
        (90, "1m30s"),
        (5400, "1h30m"),
        (172800, "2d"),
        (90061.001, "1d1h1m1s1ms"),
        (0.0004, "0s"),
    ],
)
def test_a_duration_has_one_canonical_spelling(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, int(MAX_DURATION_SECONDS) * 1000))
def test_a_printed_duration_is_read_back_as_it_was(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.none())
def test_every_value_is_a_duration_or_refused_by_our_own_error(value: object) -> None:
    try:
        seconds = parse_duration(value)
    except ScalarError:
        return
    assert 0 <= seconds <= MAX_DURATION_SECONDS


def test_a_limit_is_a_duration_or_none() -> None:
    assert parse_limit("none") is NO_LIMIT
    assert parse_limit("2h") == 7200.0


@pytest.mark.parametrize("written", [0, "0s", "PT0S"])
def test_a_limit_of_zero_is_refused(written: object) -> None:
    with pytest.raises(ScalarError, match="must be more than zero"):
        parse_limit(written)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (4096, 4096),
        ("4096", 4096),
        ("10B", 10),
        ("1KB", 1000),
        ("1GB", 10**9),
        ("512MiB", 512 * 2**20),
        ("2GiB", 2 * 2**30),
        ("1TiB", 2**40),
        ("0", 0),
    ],
)
def test_a_size_is_read_as_bytes(written: object, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize("written", ["512 MiB", "1.5GiB", "2g", "-1", -1, 1.0, True, None, "", "1PB"])
def test_what_is_not_a_size_is_refused(written: object) -> None:
    with pytest.raises(ScalarError) as refused:
        parse_size(written)
    assert (refused.value.code, refused.value.message) == ("PX115", "expected a size")
    assert refused.value.hint.startswith("write ")


@pytest.mark.parametrize("written", [2**60 + 1, "99999999TiB", "9" * 5000])
def test_a_size_has_an_upper_bound(written: object) -> None:
    with pytest.raises(ScalarError, match="must be at most 1EiB"):
        parse_size(written)


@pytest.mark.parametrize(
    ("written", "jobs"), [(1, 1), (100_000, 100_000), ("auto", CpuShare(100)), ("150%", CpuShare(150))]
)
def test_a_number_of_jobs_is_a_number_or_a_share_of_the_cpus(written: object, jobs: object) -> None:
    assert parse_parallel(written) == jobs


@pytest.mark.parametrize(
    ("written", "code"),
    [
        *[(outside, "PX113") for outside in (0, -1, 100_001, "4", "0%", "all")],
        *[(other, "PX112") for other in (True, 2.5, None, ())],
    ],
)
def test_any_other_number_of_jobs_is_refused(written: object, code: str) -> None:
    with pytest.raises(ScalarError, match="must be a positive integer") as refused:
        parse_parallel(written)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0"),
        (1, "1"),
        (1000, "1KB"),
        (1024, "1KiB"),
        (1500, "1500"),
        (64 << 20, "64MiB"),
        (2_000_000_000, "2GB"),
        (1 << 50, "1024TiB"),
    ],
)
def test_a_size_has_one_canonical_spelling(size: int, text: str) -> None:
    assert format_size(size) == text


@given(st.integers(0, 1 << 60))
def test_a_printed_size_is_read_back_as_it_was(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("512 MiB", "512MiB"),
        ("1 GB", "1GB"),
        ("1.5GiB", "1536MiB"),
        ("0.5 GB", "500MB"),
        ("2g", "2GiB"),
        ("2Gi", "2GiB"),
        ("2gb", "2GB"),
        ("100 bytes", "100"),
    ],
)
def test_a_misspelled_size_is_reported_with_the_correct_spelling(written: str, meant: str) -> None:
    with pytest.raises(ScalarError) as refused:
        parse_size(written)
    assert refused.value.hint == f"write `{meant}`"
    assert parse_size(meant) > 0


@pytest.mark.parametrize("written", ["", "lots", "1.5", "0.1 B", "-1", "9999999999 TiB", "1.0000001GiB", "2 gigs"])
def test_an_unclear_size_is_reported_with_examples(written: str) -> None:
    with pytest.raises(ScalarError) as refused:
        parse_size(written)
    assert "`512MiB`, `2GiB`, `1GB`" in refused.value.hint
