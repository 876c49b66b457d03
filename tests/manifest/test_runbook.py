"""Markdown runbooks: which text runs, and failures reported at the lines of the Markdown."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.manifest.runbook import Block, Place, RunbookError, blocks, fences, is_runbook, place, script

SHELLS = [["bash", "-euo", "pipefail"], ["sh", "-e"], ["bash"], ["sh"]]
BASH = [["bash", "-euo", "pipefail"], ["bash"]]


def run(shell: list[str], text: str, marker: str = "", *args: str) -> subprocess.CompletedProcess[str]:
    """Run a runbook as a job does: as the text after `-c`, with the runbook's name."""
    return subprocess.run(
        [*shell, "-c", script(blocks(text), marker), "publish.md", *args],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.mark.parametrize("label", ["bash", "sh", "shell", "bash title=x", "sh {.numbered}", "  bash", "Bash"])
def test_blocks_labelled_as_shell_run(label: str) -> None:
    assert blocks(f"# Title\n\n```{label}\necho hi\n```\n") == (Block("echo hi\n", 4),)


@pytest.mark.parametrize("label", ["", "console", "text", "zsh", "python", "bashful", "title=bash", "{.bash}", "sh,no"])
def test_other_blocks_never_run(label: str) -> None:
    assert blocks(f"```{label}\nrm -rf /\n```\n") == ()


@pytest.mark.parametrize(
    "text",
    [
        "bash rm\n",
        "    ```bash\n    rm\n    ```\n",
        "\t```bash\n\trm\n\t```\n",
        "    rm indented code\n",
        "`bash rm`\n",
        "<!--\n```bash\nrm\n```\n-->\n",
        "````text\n```bash\nrm\n```\n````\n",
        "```console\n$ rm\n```\n",
        "``` bash `rm`\n",
        "~~~text\n```bash\nrm\n```\n~~~\n",
        "",
    ],
)
def test_what_only_looks_like_a_block_never_runs(text: str) -> None:
    assert blocks(text) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~~~sh\na\n~~~\n", [("a\n", 2)]),
        ("````sh\na\n```\nb\n````\n", [("a\n```\nb\n", 2)]),
        ("```sh\r\na\r\n```\r\n", [("a\n", 2)]),
        ("x\r```sh\ra\r```\r", [("a\n", 3)]),
        ("\ufeff```sh\na\n```\n", [("a\n", 2)]),
        ("```sh\na\n```", [("a\n", 2)]),
        ("```sh\n```\n", [("", 2)]),
        ("   ```sh\n   a\n  b\n     c\n   ```\n", [("a\nb\n  c\n", 2)]),
        ("1. one\n\n   ```sh\n   a\n     b\n   ```\n\n2. two\n", [("a\n  b\n", 4)]),
        ("- x\n  - y\n    ```sh\n    a\n    ```\n", [("a\n", 4)]),
        ("1. x\n\t```sh\n\ta\n\t\tb\n\t```\n", [("a\n\tb\n", 3)]),
        ("> ```sh\n> a\n> ```\n", [("a\n", 2)]),
        ("text\n```sh\na\n```\ntext\n```sh\nb\n```\n", [("a\n", 3), ("b\n", 7)]),
        ("```sh\n\n\na\n\n```\n", [("\n\na\n\n", 2)]),
    ],
)
def test_a_block_has_its_text_and_its_first_line(text: str, expected: list[tuple[str, int]]) -> None:
    assert [(block.text, block.line) for block in blocks(text)] == expected


@pytest.mark.parametrize(
    "text", ["a\n\n```sh\nrm", "a\n\n```sh\n", "a\n\n```sh", "a\n\n~~~sh\nb\n```\n", "-\n\n- ```sh\n  a\n"]
)
def test_a_shell_block_that_is_never_closed_is_refused(text: str) -> None:
    with pytest.raises(RunbookError) as caught:
        blocks(text)
    assert caught.value.line == 3


def test_an_unclosed_block_of_another_language_is_ignored() -> None:
    assert blocks("```sh\na\n```\n```text\nb\n") == (Block("a\n", 2),)
    assert [
        (fence.label, fence.opening, fence.end, fence.closed) for fence in fences("```sh\na\n```\n```text\nb\n")
    ] == [
        ("sh", 1, 4, True),
        ("text", 4, 6, False),
    ]


def test_a_runbook_is_recognized_by_its_name() -> None:
    assert [is_runbook(name) for name in ("a.md", "b/A.MD", "a.markdown", "md", "a.sh", "a.md.sh")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS)
def test_all_blocks_run_in_order_in_one_shell_and_prose_does_not(shell: list[str], tmp_path: Path) -> None:
    text = f"""\
Never run `touch {tmp_path}/prose`.

touch {tmp_path}/prose

```sh
cd {tmp_path}
x="it's one"; say() {{ echo "said $1"; }}
```

```console
$ touch {tmp_path}/prose
```

```bash
say "$x"
pwd
echo "$0" "$@"
```
"""
    done = run(shell, text, "", "first", "second one")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"said it's one\n{tmp_path}\npublish.md first second one\n"
    assert not (tmp_path / "prose").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_the_first_failure_stops_it(shell: list[str]) -> None:
    done = run(shell, "```sh\necho one\n```\n\n```sh\nfalse\necho two\n```\n\n```sh\necho three\n```\n")
    assert (done.returncode, done.stdout) == (1, "one\n")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_exit_code_is_that_of_the_failure(shell: list[str]) -> None:
    assert run(shell, "```sh\n(exit 75)\n```\n").returncode == 75
    assert run(shell, "```sh\nexit 3\n```\n```sh\necho no\n```\n").returncode == 3
    assert run(shell, "```sh\ntrue\n```\n").returncode == 0


@pytest.mark.parametrize("shell", SHELLS)
def test_a_condition_at_the_end_of_a_block_is_not_a_failure(shell: list[str]) -> None:
    done = run(shell, "```sh\n[ -e /nowhere ] && rm /nowhere\n```\n```sh\necho on\n```\n")
    assert (done.returncode, done.stdout) == (0, "on\n")
    assert run(shell, "```sh\necho on\n[ -e /nowhere ] && rm /nowhere\n```\n").returncode == 1


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("as_file", [False, True])
def test_the_shells_own_messages_name_lines_of_the_markdown(shell: list[str], as_file: bool, tmp_path: Path) -> None:
    text = (
        "# Title\n\n```sh\ntrue\n```\n\ntext\n\n```sh\ntrue\n\nno-such-program || true\n  other-program || true\n```\n"
    )
    if as_file:
        (tmp_path / "publish.md").write_text(script(blocks(text)))
        command = [*shell, "publish.md"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False)
    else:
        done = run(shell, text)
    numbers = re.findall(r"^publish\.md: (?:line )?(\d+): .*not found$", done.stderr, re.MULTILINE)
    assert (done.returncode, numbers) == (0, ["12", "13"]), done.stderr


@pytest.mark.parametrize("shell", BASH)
def test_in_bash_the_variable_of_the_line_is_that_of_the_markdown(shell: list[str]) -> None:
    text = "x\n\n```sh\necho $LINENO\n```\n\n```sh\nf() {\n  echo $LINENO\n}\n\nf\ncat <<E\n$LINENO\nE\n```\n"
    assert run(shell, text).stdout == "4\n9\n13\n"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("broken", ["echo 'open", 'echo "open', "if true; then", "f() {", "(", "x=$(", "cat <<END"])
def test_an_unterminated_quote_does_not_affect_other_blocks(shell: list[str], broken: str, tmp_path: Path) -> None:
    marker = str(tmp_path / "marker")
    text = f"```sh\necho one\n```\n\n```sh\n{broken}\n```\n\n```sh\necho 'three' \"x\"\nfi\n}}\n)\nEND\n```\n"
    done = run(shell, text, marker)
    assert "three" not in done.stdout or broken == "cat <<END"
    assert done.returncode != 0
    assert place(Path(marker).read_text()) == Place(10 if broken == "cat <<END" else 6, exact=False)


@pytest.mark.parametrize("shell", SHELLS)
def test_any_text_comes_through_as_it_is(shell: list[str]) -> None:
    words = """'a  b' "c'd" e\\\\f '$x' '`y`' \\\n  'é☃' '\t' '%s' '!'"""
    text = f"```sh\nprintf '%s|' {words}\necho \\\n```\n```sh\n# end\n```\n"
    assert run(shell, text).stdout == "a  b|c'd|e\\f|$x|`y`|é☃|\t|%s|!|\n"


FAILURES = [
    ("false", 4),
    ("true\n\nfalse", 6),
    ("f() {\n  false\n}\nf", 5),
    ("x=$(false)", 4),
    ("(exit 3)", 4),
    ("true\nno-such-program", 5),
]


@pytest.mark.parametrize(("code", "line"), FAILURES)
@pytest.mark.parametrize("shell", BASH)
def test_in_bash_the_marker_says_which_line_failed(shell: list[str], code: str, line: int, tmp_path: Path) -> None:
    marker = tmp_path / "it's the marker"
    assert run(shell, f"# T\n\n```sh\n{code}\n```\n", str(marker)).returncode != 0
    assert place(marker.read_text()) == Place(line, exact=True)


@pytest.mark.parametrize("code", [code for code, _ in FAILURES])
@pytest.mark.skipif(shutil.which("dash") is None, reason="there is no dash")
def test_in_a_plain_shell_the_marker_says_which_block_failed(code: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    assert run(["dash", "-e"], f"# T\n\n```sh\n{code}\n```\n", str(marker)).returncode != 0
    assert place(marker.read_text()) == Place(4, exact=False)


@pytest.mark.parametrize("shell", SHELLS)
def test_an_explicit_exit_is_reported_at_its_block(shell: list[str], tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    code = "if ! false; then :; fi\n(exit 9) || true\nfalse || :\n(false) & wait $! || :\nexit 5"
    text = f"```sh\nset --\n```\n\n```sh\n{code}\n```\n"
    assert run(shell, text, str(marker)).returncode == 5
    assert place(marker.read_text()) == Place(6, exact=False)


@pytest.mark.parametrize("shell", SHELLS)
def test_traps_options_and_functions_of_the_runbook_do_not_hide_where_it_failed(
    shell: list[str], tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    code = "trap 'printf bye' EXIT\nset -C\necho() { printf 'mine '; }\nIFS=:\ncd /"
    text = f"```sh\n{code}\n```\n\n```sh\ntrue\nexit 4\n```\n"
    done = run(shell, text, str(marker))
    assert (done.returncode, done.stdout, done.stderr) == (4, "bye", "")
    assert place(marker.read_text()) == Place(10, exact=False)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_marker_that_cannot_be_written_changes_nothing(shell: list[str], tmp_path: Path) -> None:
    done = run(shell, "```sh\necho a\n```\n```sh\nexit 4\n```\n", str(tmp_path / "no" / "marker"))
    assert (done.returncode, done.stdout, done.stderr) == (4, "a\n", "")


@pytest.mark.parametrize("text", ["", "block", "block x", "line -1", "lines 4", "4", "block \u0664"])
def test_a_marker_that_says_nothing_is_not_a_place(text: str) -> None:
    assert place(text) is None


@pytest.mark.cost
def test_a_long_runbook_makes_a_script_that_is_not_much_longer() -> None:
    text = "".join(f"text\n\n```sh\necho {number}\n```\n" for number in range(2_000))
    assert len(script(blocks(text))) < 20 * len(text)
    done = subprocess.run(["bash"], input=script(blocks(text)), capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == [str(number) for number in range(2_000)]
