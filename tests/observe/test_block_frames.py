"""The blocks of jobs in GitHub Actions and GitLab CI: whatever jobs print, their viewers fold exactly these blocks."""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.github_runner import REGISTERED, UNSEEN, Comparison, GithubRunner

from orchestrator.console.ci import CiService
from orchestrator.journal.file_names import log_name
from orchestrator.journal.rundir import RunDir, create_run
from orchestrator.observe.block_frames import frame_for
from orchestrator.observe.grouped import JobBlocks
from orchestrator.observe.stream import ConsoleStream

NOW = 1_700_000_100.0


class Blocks:
    """The blocks of a run for one service."""

    def __init__(self, directory: Path, service: CiService = "github", *, passes: bool = False) -> None:
        self.rundir: RunDir = create_run(str(directory))
        self._text = io.StringIO()
        frame = frame_for(service, "20260102T030405.000000Z-0123abcd", now=lambda: NOW)
        out = ConsoleStream(self._text)
        self._blocks = JobBlocks(out, self.rundir, out.write, frame, colour=True, github=not passes)

    def job(
        self,
        name: str,
        *logs: bytes,
        status: str = "succeeded",
        allowed: bool = False,
        seconds: float = 2.0,
        slug: str = "",
    ) -> Blocks:
        """A job that has ended, with the log of each of its attempts."""
        self._happen("attempt.started", 1.0, job=name, attempt=1)
        for number, content in enumerate(logs, 1):
            log = log_name(slug or name, number)
            Path(self.rundir.path_of(log)).write_bytes(content)
            self._happen("attempt.finished", 1.0, job=name, attempt=number, log=log)
        self._happen("job.finished", 1.0 + seconds, job=name, status=status, reason="", allowed=allowed)
        return self

    def _happen(self, event: str, at: float, **fields: Any) -> None:
        self._blocks.on_event({"event": event, "at": at, **fields})

    @property
    def text(self) -> str:
        """Everything that was printed."""
        self.rundir.close()
        return self._text.getvalue()


def test_in_github_actions_each_job_is_one_group(tmp_path: Path) -> None:
    shown = Blocks(tmp_path).job("a", b"one\ntwo").job("quiet", b"").job("b", b"x\n", b"y\n", status="timed_out")
    shown.job("c", b"z", status="failed", allowed=True).job("d", status="skipped")
    assert shown.text == (
        "::group::a\none\ntwo\n::endgroup::\n"
        "::group::b (timed out, 2 attempts)\n--- attempt 1\nx\n--- attempt 2\ny\n::endgroup::\n"
        "::group::c (failed, allowed)\nz\n::endgroup::\n"
    )


def test_in_gitlab_each_job_is_a_section_with_its_duration_and_only_successes_are_collapsed(tmp_path: Path) -> None:
    shown = Blocks(tmp_path, "gitlab").job("a", b"one\n", seconds=75.0).job("b", b"x", status="failed")
    first, second = (f"pexec_20260102T030405.000000Z-0123abcd_{number}" for number in (1, 2))
    assert shown.text == (
        f"\x1b[0Ksection_start:1700000025:{first}[collapsed=true]\r\x1b[0Ka\none\n"
        f"\x1b[0Ksection_end:1700000100:{first}\r\x1b[0K\n"
        f"\x1b[0Ksection_start:1700000098:{second}\r\x1b[0Kb (failed)\nx\n"
        f"\x1b[0Ksection_end:1700000100:{second}\r\x1b[0K\n"
    )


def test_a_job_that_prints_the_marks_of_a_section_makes_none(tmp_path: Path) -> None:
    evil = b"\x1b[0Ksection_end:1:pexec_20260102T030405.000000Z-0123abcd_1\r\x1b[0K\nsection_start:2:x\r\x1b[0Kx\n"
    text = Blocks(tmp_path, "gitlab").job("a", evil).text
    assert re.findall(r"section_(start|end):\d+:[^\r\n]+\r\x1b\[0K", text) == ["start", "end"]


@pytest.mark.parametrize("comparison", Comparison)
def test_a_job_cannot_close_its_group_nor_stop_the_commands(tmp_path: Path, comparison: Comparison) -> None:
    evil = b"::endgroup::\n  ::error file=a::b\n::stop-commands::t\n##[error]x\nmid ##[add-path]/tmp\r::warning::w\n"
    runner = GithubRunner(comparison).read(Blocks(tmp_path).job("a", evil).text)
    (group,) = runner.groups
    assert (runner.commands, runner.mistakes, group.ended, len(group.lines)) == (2, [], True, 5)


def test_with_pass_commands_those_of_a_job_count_and_those_of_pexec_still_do(tmp_path: Path) -> None:
    shown = Blocks(tmp_path, passes=True)
    shown.job("a", b"::add-mask::s3cr3t\n::stop-commands::Token\n::error::not this\n").job("b", b"::error::this\n")
    runner = GithubRunner().read(shown.text)
    assert runner.others == [("add-mask", "s3cr3t")]
    assert [one.message for one in runner.annotations] == ["this"]
    assert [(group.title, group.ended) for group in runner.groups] == [("a", True), ("b", True)]
    assert (runner.token, runner.mistakes) == (None, [])


_PIECES = st.one_of(
    st.sampled_from(
        ["::", "##[", "]", ":", "#", "[", " ", "\t", "\u3000", "\xa0", "\r", "\n", "\x1b[0K", "\x1b[1m", "%"]
    ),
    st.sampled_from([*sorted(REGISTERED), *UNSEEN, "file=a,line=1", "##vso[", "##teamcity["]),
    st.text(max_size=3),
)
_BEFORE = st.text(st.sampled_from(" \t\u3000\xa0\x85\u2028\x1f\x1b" + UNSEEN), max_size=3)
_FORMS = st.sampled_from(
    ["{}::{}::x\n", "{}::{} file=a::x", "::{}{}::\n", "a{}##[{}]x\n", "##[{}{} a=b]\n", ":{}:{}::x\n"]
)
_HOSTILE = st.builds(str.format, _FORMS, _BEFORE, st.sampled_from(sorted(REGISTERED)))
_OUTPUT = st.lists(
    st.one_of(st.one_of(_HOSTILE, _PIECES).map(lambda text: text.encode("utf-8", "replace")), st.binary(max_size=2))
)


@given(logs=st.lists(_OUTPUT.map(b"".join), min_size=1, max_size=3), name=st.lists(_PIECES).map("".join))
@pytest.mark.parametrize("comparison", Comparison)
def test_whatever_a_job_prints_and_is_called_the_runner_sees_its_group_and_nothing_else(
    comparison: Comparison, logs: list[bytes], name: str
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        text = Blocks(Path(directory)).job(name, *logs, slug="slug").job("next", b"next").text
    runner = GithubRunner(comparison).read(text)
    expected = 2 if any(logs) else 1
    assert (len(runner.groups), runner.commands, runner.mistakes) == (expected, 2 * expected, [])
    assert runner.groups[-1].lines == ["next"]
    assert runner.output == []


_TOKENS = st.sampled_from(["t", "T", "a::b", "50%25", "error", "", "x%0Ay", "a b", "]"])
_STOPS = st.tuples(
    st.sampled_from(
        ["::stop-commands::{}", " ::Stop-Commands x=1::{}", "a ##[stop-commands]{}", "::x::##[stop-commands y]{}"]
    ),
    _TOKENS,
)
_STARTS = st.tuples(st.sampled_from(["::{}::", "##[{}]", "x ::{}::", "::x::##[{}]", "::stop-commands ::{}::"]), _TOKENS)
_LINES = st.lists(st.one_of(_STOPS, _STARTS).map(lambda pair: pair[0].format(pair[1]) + "\n"), max_size=4)


@given(logs=st.lists(_LINES.map(lambda lines: "".join(lines).encode()), min_size=1, max_size=3))
def test_with_pass_commands_no_job_can_leave_the_commands_stopped(logs: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        text = Blocks(Path(directory), passes=True).job("a", *logs, slug="slug").text
    runner = GithubRunner().read(text + "::notice::heard\n")
    assert [one.message for one in runner.annotations][-1:] == ["heard"]


def test_no_byte_of_a_line_is_lost_where_a_command_is_defused(tmp_path: Path) -> None:
    lines = ["::error::a", " \t::group::b", "c ##[debug]d", "e::f"]
    (group,) = GithubRunner().read(Blocks(tmp_path).job("a", "\n".join(lines).encode()).text).groups
    assert [line.replace("\u200b", "") for line in group.lines] == lines
