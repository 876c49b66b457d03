"""Commands of plain words are executed without the shell, with no visible difference."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.attempts import Desk, wait_until

from orchestrator.execute.attempt.without_shell import plain_words

BASH = ("bash", "-euo", "pipefail")
SHELLS = [BASH, ("bash", "-e"), ("sh", "-e"), ("dash",)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("true", (b"true",)),
        ("  make -j4 CC=gcc all\n", (b"make", b"-j4", b"CC=gcc", b"all")),
        ("./ci/fetch.sh --depth 1 a,b:c@d+e", (b"./ci/fetch.sh", b"--depth", b"1", b"a,b:c@d+e")),
    ],
)
def test_words_without_meaning_to_a_shell_are_plain(text: str, words: tuple[bytes, ...]) -> None:
    assert plain_words(text, BASH) == words


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " \n",
            "a\nb",
            "a; b",
            "a && b",
            "a | b",
            "a > b",
            "a $B",
            "a `b`",
            "a 'b'",
            'a "b"',
            "a \\b",
            "a *",
            "a ?",
        ),
        *(
            "a [b]",
            "a {b,c}",
            "a ~",
            "~/a",
            "A=b",
            "A=b c",
            "a # b",
            "# a",
            "!",
            "! a",
            "a\r",
            "a\x0bb",
            "-a",
            "@a",
            "ä",
        ),
        *("cd x", "exit 3", "echo a", "set -x", "time a", "if", "source a", ". a", "[ a ]", "exec a", "wait"),
    ],
)
def test_text_that_means_something_to_a_shell_is_not_plain(text: str) -> None:
    assert plain_words(text, BASH) == ()


@pytest.mark.parametrize(
    "shell", [("zsh",), ("bash", "-x"), ("sh", "-eo", "pipefail"), ("python3",), ("bash", "--login")]
)
def test_only_known_shells_are_bypassed(shell: tuple[str, ...]) -> None:
    assert plain_words("true", shell) == ()


@given(st.text(alphabet="abtrue./:@+,-=_% \t\n\r$'\"\\;&|<>()[]{}*?!#~^", max_size=12))
def test_plain_text_is_split_at_spaces_only(text: str) -> None:
    words = [word.decode("ascii") for word in plain_words(text, BASH)]
    assert words in ([], text.split(" "), text.split())
    assert not set("".join(words)) & set("$'\"\\;&|<>()[]{}*?!#~^%\r\n")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"PWD": "/nowhere", "OLDPWD": "/nowhere", "SHLVL": "7"},
        {"PWD": "{link}", "OLDPWD": "/usr", "_": "x"},
        {"SHLVL": "x"},
        {"BASH_ENV": "{work}/env.sh"},
        {"SHELLOPTS": "xtrace"},
        {"POSIXLY_CORRECT": "1"},
    ],
)
def test_the_command_gets_what_it_would_get_from_the_shell(
    desk: Desk, shell: tuple[str, ...], variables: dict[str, str]
) -> None:
    (desk.work / "env.sh").write_text("export FROM_FILE=1\n")
    link = desk.folder / "link"
    link.symlink_to(desk.work)
    env = {name: text.format(link=link, work=desk.work) for name, text in variables.items()}
    for text in ("env", "pwd -P"):
        plain = desk.run(run=text.replace("pwd", "/bin/pwd"), shell=shell, env=env)
        through = desk.run(
            run=f"'{text.split()[0].replace('pwd', '/bin/pwd')}' {text.partition(' ')[2]}", shell=shell, env=env
        )
        assert _printed(plain.log) == _printed(through.log)
        assert plain.result.exit_code == through.result.exit_code == 0


def test_a_function_that_bash_inherits_hides_the_program(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = desk.run(
        run="true", shell=("bash",), env={"BASH_FUNC_true%%": "() {  echo the function; }", "PATH": "/usr/bin:/bin"}
    )
    assert attempt.log == b"the function\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_what_cannot_be_executed_is_left_to_the_shell(desk: Desk, shell: tuple[str, ...]) -> None:
    _program(desk.work / "no-shebang", "echo from the shell: $1\n")
    (desk.work / "data").write_text("x")
    (desk.work / "folder").mkdir()
    _program(desk.work / "bad", "#!/no/such/interpreter\n")
    for command, code in (("no-such-command a", 127), ("./data", 126), ("./folder", 126), ("./bad", None)):
        plain = desk.run(run=command, shell=shell)
        through = desk.run(run=f"'{command.split()[0]}' {command.partition(' ')[2]}", shell=shell)
        assert (plain.result.exit_code, plain.result.reason) == (through.result.exit_code, through.result.reason)
        assert plain.log == through.log
        assert code is None or plain.result.exit_code == code
    assert desk.run(run="./no-shebang word", shell=shell).log == b"from the shell: word\n"


def test_a_program_called_true_does_not_replace_the_builtin(desk: Desk) -> None:
    own = desk.folder / "own"
    own.mkdir()
    _program(own / "true", "#!/bin/sh\necho mine\n")
    assert desk.run(run="true", env={"PATH": f"{own}:{os.defpath}"}).log == b""
    _program(own / "ls", "#!/bin/sh\necho mine\n")
    assert desk.run(run="ls", env={"PATH": f"{own}:{os.defpath}"}).log == b"mine\n"


def test_a_shell_that_is_not_the_systems_is_always_started(desk: Desk) -> None:
    own = desk.folder / "own"
    own.mkdir()
    _program(own / "bash", "#!/bin/sh\necho my bash: $*\n")
    attempt = desk.run(run="true", shell=BASH, env={"PATH": f"{own}:{os.defpath}"})
    assert attempt.log == b"my bash: -euo pipefail -c true\n"


def test_no_shell_is_started_for_plain_words(desk: Desk) -> None:
    attempt = desk.start(run="sleep 30.125", shell=BASH)
    assert wait_until(lambda: attempt.spawned)
    pid = attempt.spawned[0][0]
    assert Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x0030.125\x00"
    desk.supervisor.warden.kill(attempt.spec.serial, force=True)
    assert attempt.result.signal == "SIGKILL"


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def _printed(log: bytes) -> list[bytes]:
    """What was printed, without what differs between attempts."""
    return sorted(line for line in log.split(b"\n") if not line.startswith(b"PEXEC_TMPDIR="))
