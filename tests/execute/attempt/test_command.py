from __future__ import annotations

import pytest

from orchestrator.execute.attempt.command import LONGEST_ARGUMENT, command, working_dir
from orchestrator.plan.model import JobSpec, ShellBlock

SHELL = ("bash", "-e")


@pytest.mark.parametrize(
    ("spec", "argv"),
    [
        (JobSpec(run="echo 'a b'\n", shell=SHELL), [b"bash", b"-e", b"-c", b"echo 'a b'\n"]),
        (JobSpec(run="echo \u20ac", shell=("sh",)), [b"sh", b"-c", "echo \u20ac".encode()]),
        (JobSpec(argv=("make", "-C", "a b"), shell=SHELL), [b"make", b"-C", b"a b"]),
        (JobSpec(file="ci/run", args=("x", "y z"), file_executable=True), [b"/base/ci/run", b"x", b"y z"]),
        (JobSpec(file="ci/run.sh", args=("x",), shell=SHELL), [b"bash", b"-e", b"/base/ci/run.sh", b"x"]),
        (JobSpec(file="/bin/true", file_executable=True, working_dir="elsewhere"), [b"/bin/true"]),
    ],
)
def test_a_job_becomes_an_argument_vector(spec: JobSpec, argv: list[bytes]) -> None:
    assert command(spec, "/base", "/tmp/script") == (argv, None)


def test_a_text_that_no_argument_can_hold_goes_through_a_file() -> None:
    longest = "\u20ac" * (LONGEST_ARGUMENT // 3)
    assert command(JobSpec(run=longest, shell=SHELL), "/base", "/tmp/script")[1] is None
    assert command(JobSpec(run=longest + "xyz", shell=SHELL), "/base", "/tmp/script") == (
        [b"bash", b"-e", b"/tmp/script"],
        (longest + "xyz").encode(),
    )


@pytest.mark.parametrize(
    ("declared", "expected"), [("", b"/base"), ("sub", b"/base/sub"), ("/other", b"/other"), ("../x", b"/base/../x")]
)
def test_the_working_directory_is_relative_to_the_manifest(declared: str, expected: bytes) -> None:
    assert working_dir(declared, "/base") == expected


def test_a_group_has_no_command() -> None:
    with pytest.raises(ValueError, match="nothing to run"):
        command(JobSpec(), "/base", "/tmp/script")


def test_the_blocks_of_a_runbook_go_through_a_file_with_their_arguments() -> None:
    spec = JobSpec(file="docs/a.md", blocks=(ShellBlock(4, "echo $1\n"),), args=("x",), shell=SHELL)
    argv, text = command(spec, "/base", "/tmp/t/script")
    assert argv == [b"bash", b"-e", b"/tmp/t/script", b"x"]
    assert text is not None
    assert b"/tmp/t/place" in text
    assert b"echo $1" in text
