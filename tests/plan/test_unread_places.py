"""Where in a manifest no shell reads a text, and what the help says to do there."""

from __future__ import annotations

import pytest
from support.planning import planned

HEAD = "params: {x: {default: b}}\n"
SHELL = "a shell reads `run`: write"


def reported(text: str) -> list[str]:
    found = planned(text).diagnostics
    assert all(one.code == "PX223" and one.severity.value == "warning" for one in found)
    return [
        f"{one.span.line}:{one.span.column}+{one.span.length} {one.message} | {one.help}" for one in found if one.span
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            'run: x, env: {PATH: "./bin:$PATH"}',
            "`$PATH` in `env.PATH` of workflow `a` | write `env: {PATH: {prepend: ./bin}}`",
        ),
        (
            'run: x, env: {PATH: "$PATH:/b"}',
            "`$PATH` in `env.PATH` of workflow `a` | write `env: {PATH: {append: /b}}`",
        ),
        (
            'run: x, env: {P: "a:$P:b"}',
            "`$P` in `env.P` of workflow `a` | write `env: {P: {prepend: a, append: b}}`",
        ),
        (
            'run: x, env: {P: "$QQ:$P:b"}',
            "`$QQ` in `env.P` of workflow `a` | " + SHELL + ' `export P="$QQ:$P:b"` there',
        ),
        (
            'run: x, env: {P: "$Q:$P:b"}',
            "`$P` in `env.P` of workflow `a` | write `env: {P: {prepend: ...}}`, or `append`",
        ),
        (
            'run: x, env: {C: "${HOME}/c"}',
            "`${HOME}` in `env.C` of workflow `a` | " + SHELL + ' `export C="${HOME}/c"` there',
        ),
        (
            'run: x, env: {C: "~/c"}',
            "`~` in `env.C` of workflow `a` | " + SHELL + ' `export C="$HOME/c"` there',
        ),
        (
            "run: x, env: {C: '${{ params.x }}/$HOME'}",
            "`$HOME` in `env.C` of workflow `a` | a shell reads `run`: set the variable there",
        ),
        ("run: x, env: {C: '${x}/c'}", "`${x}` in `env.C` of workflow `a` | write `${{ params.x }}` for the parameter"),
        (
            "run: x, env: {C: {prepend: ~/c}}",
            "`~` in `env.C.prepend` of workflow `a` | write the path; a relative path starts from the manifest's"
            " directory",
        ),
        (
            "run: x, working_dir: $HOME/c",
            "`$HOME` in `working_dir` of workflow `a` | write the path; a relative path starts from the manifest's"
            ' directory; a shell reads `run`: `cd "$DIRECTORY"` there goes anywhere',
        ),
        (
            "run: x, isolation: sandbox, writes: [dist/*]",
            "`*` in item 1 of `writes` of workflow `a` | name the directory that the files are in",
        ),
        (
            "argv: [echo, $HOME]",
            "`$HOME` in item 2 of `argv` of workflow `a` | a shell reads `run`: write the command there",
        ),
        ("run: x, env: {C: '$params.x'}", "`$params.x` in `env.C` of workflow `a` | write `${{ params.x }}`"),
        (
            "run: 'echo $params.x', env: {C: {prepend: bin}}",
            "`$params.x` in `run` of workflow `a` | write `${{ params.x }}`",
        ),
        ("run: 'echo ${params.x}'", "`${params.x}` in `run` of workflow `a` | write `${{ params.x }}`"),
        (
            "matrix: {p: [1]}, run: 'echo {{ matrix.p }}'",
            "`{{ matrix.p }}` in `run` of workflow `a` | write `${{ matrix.p }}`",
        ),
        ("argv: [echo, '${job.id}']", "`${job.id}` in item 2 of `argv` of workflow `a` | write `${{ job.id }}`"),
    ],
)  # fmt: skip
def test_the_help_depends_on_the_place(body: str, expected: str) -> None:
    (found,) = reported(f"{HEAD}workflows:\n  a: {{{body}}}\n")
    place, _, rest = found.partition(" ")
    line, _, column_and_length = place.partition(":")
    column, _, length = column_and_length.partition("+")
    mark = expected.split("`")[1]
    assert (int(line), int(length)) == (4, len(mark))
    assert f"  a: {{{body}}}"[int(column) - 1 :].startswith(mark)
    for why in (" is not expanded: no shell reads it", " is not a template"):
        rest = rest.replace(why, "")
    assert rest == expected


def test_defaults_and_secrets_are_read_by_no_shell_either() -> None:
    text = """
        defaults: {env: {A: ~/a}, working_dir: ~/b, writes: [~/c], isolation: sandbox}
        secrets: {S: {file: $HOME/s}, T: {file: ~/t}, U: {command: [cat, ~/u]}}
        workflows: {a: {run: x}, b: {run: x}}
    """
    assert [line.split(" is not")[0] for line in reported(text)] == [
        "2:21+1 `~` in `defaults.env.A`",
        "2:40+1 `~` in `defaults.working_dir`",
        "2:54+1 `~` in item 1 of `defaults.writes`",
        "3:21+5 `$HOME` in `secrets.S.file`",
        "3:66+1 `~` in item 2 of `secrets.U.command`",
    ]


def test_a_value_that_may_be_secret_is_not_looked_at() -> None:
    found = planned("workflows: {a: {run: x, env: {API_TOKEN: $HOME/hunter2}}}").diagnostics
    assert [one.code for one in found] == ["PX221"]


def test_a_file_that_does_not_exist_is_explained_by_its_name() -> None:
    (found,) = planned("workflows: {a: {file: ~/x.sh}}").diagnostics
    assert found.code == "PX205"
    assert found.help.startswith("`~` is not expanded, since no shell reads it")


def test_what_a_shell_reads_is_not_reported() -> None:
    assert reported('workflows: {a: {run: "cd ~ && ls $HOME/*.py $(date)", cleanup: "rm ~/x"}}') == []
