"""The file of a job's log, with and without a cap."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.execute.attempt.log_file import LogFile

TEXT = bytes(range(256)) * 40


def log_of(path: Path, cap: int | None, chunk: int) -> LogFile:
    log = LogFile(str(path), cap)
    for start in range(0, len(TEXT), chunk):
        log.write(TEXT[start : start + chunk])
    log.finish()
    log.close()
    return log


@pytest.mark.parametrize("chunk", [1, 7, 999, len(TEXT)])
@pytest.mark.parametrize("cap", [1, 2, 3, 100, 5001, len(TEXT) - 1])
def test_of_more_than_the_cap_the_head_and_the_tail_stay_however_it_comes(tmp_path: Path, cap: int, chunk: int) -> None:
    log = log_of(tmp_path / "log", cap, chunk)
    tail = cap // 2
    assert (tmp_path / "log").read_bytes() == TEXT[: cap - tail] + TEXT[len(TEXT) - tail :]
    assert (log.written, log.dropped) == (cap, len(TEXT) - cap)


@pytest.mark.parametrize("cap", [None, len(TEXT), len(TEXT) + 1])
def test_what_fits_is_kept_whole(tmp_path: Path, cap: int | None) -> None:
    log = log_of(tmp_path / "log", cap, 999)
    assert (tmp_path / "log").read_bytes() == TEXT
    assert (log.written, log.dropped, log.error) == (len(TEXT), 0, None)


def test_the_head_can_be_read_while_the_job_runs(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "log"), 10)
    log.write(b"0123456789abcdef")
    assert (tmp_path / "log").read_bytes() == b"01234"
    log.finish()
    log.close()
    assert (tmp_path / "log").read_bytes() == b"01234bcdef"


def test_a_log_that_is_there_already_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        LogFile(str(tmp_path / "log"), None)
    assert (tmp_path / "log").read_bytes() == b"mine"


def test_a_discarded_log_is_gone(tmp_path: Path) -> None:
    LogFile(str(tmp_path / "log"), None).discard()
    assert not (tmp_path / "log").exists()
