"""From scripts to workflows with needs: names, directives, calls, sources, and diagnostics."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.discovery import Project, edges, reported

from orchestrator.discovery.model import Infer
from orchestrator.discovery.source_files import name_of


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    folder = tmp_path / "my project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Project(folder)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("build.sh", "build"),
        ("ci/deploy.prod.md", "deploy.prod"),
        ("my file.sh", "my_file"),
        ("a/b c/d(e).sh", "d_e_"),
        ("01-first.sh", "_01-first"),
        ("-x.sh", "_-x"),
        (".hidden", "_.hidden"),
        ("Makefile", "Makefile"),
        ("größe.sh", "gr__e"),
        ("_x.sh", "_x"),
        ("x" * 120 + ".sh", "x" * 100),
    ],
)
def test_a_name_is_the_base_name_without_extension_in_the_letters_of_names(path: str, name: str) -> None:
    assert name_of(path) == name


def test_each_file_is_a_workflow_in_the_order_given(project: Project) -> None:
    found = project.file("b.sh").file("sub dir/a c.md", "```sh\n:\n```\n").found("sub dir/a c.md", "b.sh", "./b.sh")
    assert [(entry.name, entry.path, entry.status) for entry in found.entries] == [
        ("a_c", "sub dir/a c.md", "PENDING"),
        ("b", "b.sh", "PENDING"),
    ]
    assert found.diagnostics == ()


def test_all_files_with_the_same_name_are_reported(project: Project) -> None:
    found = (
        project.file("a b.sh").file("x/a_b.md", "```sh\n:\n```\n").file("y/a b").found("a b.sh", "x/a_b.md", "y/a b")
    )
    assert reported(found) == ["error PX131 nowhere: `a b.sh`, `x/a_b.md` and `y/a b` would have the same name, `a_b`"]


def test_everything_unreadable_is_reported_in_one_pass(project: Project) -> None:
    project.file("binary", b"\x7fELF\0").file("latin.sh", "é".encode("latin-1")).file("folder/x").file("good.sh")
    found = project.found(
        "missing.md", "binary", "latin.sh", "folder", "good.sh", "good.sh/x", "\udce9.sh", "/dev/null"
    )
    assert reported(found) == [
        "error PX130 nowhere: `missing.md` does not exist",
        "error PX130 nowhere: `binary` is not text",
        "error PX130 nowhere: `latin.sh` is not UTF-8 text",
        "error PX130 nowhere: `folder` is a directory",
        "error PX130 nowhere: `good.sh/x` does not exist",
        "error PX130 nowhere: `\udce9.sh` has a name that is not UTF-8 text",
        "error PX130 nowhere: `/dev/null` is not a regular file",
    ]


def test_directives_name_workflows_or_their_files(project: Project) -> None:
    project.file("a.sh").file("my b.sh").file("sub/c.md", "```sh\n:\n```\n").file("d.sh")
    project.file("e.sh", "# Depends on: a.sh, my_b ./sub/c.md\n# Requires: d a\n# requires: c.md\n")
    found = project.found("e.sh", "a.sh", "my b.sh", "sub/c.md", "d.sh")
    assert (edges(found), reported(found)) == ({"e": ["a", "my_b", "c", "d"]}, [])


def test_an_unknown_dependency_is_an_error_with_what_was_meant(project: Project) -> None:
    project.file("build.sh").file("deploy.md", "# Deploy\n\n# Depends on: biuld, other\n\n```sh\n:\n```\n")
    found = project.found("deploy.md", "build.sh")
    assert reported(found) == [
        "error PX132 deploy.md:3:15+5: unknown dependency `biuld` of `deploy`",
        "error PX132 deploy.md:3:22+5: unknown dependency `other` of `deploy`",
    ]
    assert [diagnostic.help for diagnostic in found.diagnostics] == [
        "did you mean `build`?",
        "the given files are `build`",
    ]


MARKDOWN = """\
# Depends on: a

Requires: prose
  ### requires: b
    # Requires: indented code
* # Requires: item

> # Requires: quoted

    bash c.sh

bash c.sh and `./c.sh`

```bash
./d.sh
```

```
./c.sh
# Requires: unlabelled
```

```console
$ ./c.sh
# Requires: console
```

1. item

   ~~~zsh
   true; ./e.sh
   ~~~
"""


def test_in_markdown_directives_are_in_prose_and_calls_in_shell_fences(project: Project) -> None:
    for name in "abcde":
        project.file(f"{name}.sh")
    found = project.file("x.md", MARKDOWN).found("x.md", "a.sh", "b.sh", "c.sh", "d.sh", "e.sh")
    assert edges(found) == {"x": ["a", "b", "d", "e"]}
    assert reported(found) == [
        "warning PX133 x.md:15:1+6: `x` needs `d`, because it calls it",
        "warning PX133 x.md:31:10+6: `x` needs `e`, because it calls it",
    ]


def test_a_directive_in_a_code_block_is_reported_and_has_no_effect(project: Project) -> None:
    found = project.file("x.md", "```sh\n# Depends on: a\n:\n```\n").file("a.sh").found("x.md", "a.sh")
    assert edges(found) == {}
    assert reported(found) == ["warning PX139 x.md:2:15+1: the dependency `a` is in a code block and has no effect"]


def test_a_runbook_without_shell_blocks_is_reported(project: Project) -> None:
    found = project.file("x.md", "# X\n\n```zsh\nls\n```\n").found("x.md")
    assert reported(found) == ["warning PX137 x.md:1:1+1: `x.md` has no shell block, so there is nothing to run"]


def test_a_shell_block_that_is_never_closed_is_an_error(project: Project) -> None:
    found = project.file("x.md", "# X\n\n  ```sh\nls\n\nDanger ahead.\n").found("x.md")
    message = "a shell block of `x.md` is not closed, so the text after it would run"
    assert reported(found) == [f"error PX137 x.md:3:3+5: {message}"]


def test_a_call_is_a_need_with_a_warning_or_a_warning_or_nothing(project: Project) -> None:
    project.file("a.sh", "./b.sh\nbash b.sh\n").file("b.sh")
    on, warn, off = (project.found("a.sh", "b.sh", infer=infer) for infer in Infer)
    assert (edges(on), reported(on)) == (
        {"a": ["b"]},
        ["warning PX133 a.sh:1:1+6: `a` needs `b`, because it calls it"],
    )
    assert (edges(warn), reported(warn)) == (
        {},
        [
            "warning PX133 a.sh:1:1+6: `a` calls `b` without declaring a dependency",
            "warning PX133 a.sh:2:6+4: `a` calls `b` without declaring a dependency",
        ],
    )
    assert (edges(off), reported(off)) == ({}, [])


@pytest.mark.parametrize("infer", list(Infer))
def test_a_declared_call_is_not_reported(project: Project, infer: Infer) -> None:
    project.file("a.sh", "./b.sh\nbash $X/b.sh\n# Depends on: b\n").file("b.sh")
    found = project.found("a.sh", "b.sh", infer=infer)
    assert (edges(found), reported(found)) == ({"a": ["b"]}, [])


def test_a_call_of_a_file_that_was_not_given_means_nothing(project: Project) -> None:
    project.file("a.sh", "./b.sh\n./none\nnode_modules/.bin/x\n./a.sh\n./ai-dev other\n./ai-dev a\n").file("b.sh")
    found = project.found("a.sh")
    assert (edges(found), reported(found)) == ({}, [])


@pytest.mark.parametrize("call", ["./gone.sh", "bash gone.sh", "sh -e ci/x.md", "exec ./gone.bash", "source gone.sh"])
def test_a_script_that_does_not_exist_is_reported(project: Project, call: str) -> None:
    path = call.rsplit(maxsplit=1)[-1]
    project.file("a.sh", f"echo\n{call} --flag\n")
    verb = "sources" if "source" in call else "calls"
    (said,) = reported(project.found("a.sh"))
    assert said.startswith("warning PX134 a.sh:2:")
    assert said.endswith(f": `a.sh` {verb} `{path}`, which does not exist")
    assert "PX134" not in str(reported(project.found("a.sh", infer=Infer.OFF))) or verb == "sources"


def test_the_runner_is_given_a_name_or_a_file(project: Project) -> None:
    project.file("a.sh", "./ai-dev b\n./ai-dev c.md\n").file("b.sh").file("docs/c.md", "```sh\n:\n```\n")
    assert edges(project.found("a.sh", "b.sh", "docs/c.md")) == {"a": ["b", "c"]}


def test_a_path_that_cannot_be_known_is_a_warning_and_no_edge(project: Project) -> None:
    project.file("a.sh", 'bash "$DIR/b.sh"\nsource $X\n"$TOOLS/b.sh"\n"$TOOLS/jq"\n').file("b.sh")
    found = project.found("a.sh", "b.sh")
    assert edges(found) == {}
    assert reported(found) == [
        'warning PX134 a.sh:1:6+11: cannot determine which file `"$DIR/b.sh"` is without running `a.sh`',
        "warning PX134 a.sh:2:8+2: cannot determine which file `$X` is without running `a.sh`",
        'warning PX134 a.sh:3:1+13: cannot determine which file `"$TOOLS/b.sh"` is without running `a.sh`',
    ]
    assert [diagnostic.help for diagnostic in found.diagnostics] == [
        "if it is `b`, write `# Depends on: b`",
        "",
        "if it is `b`, write `# Depends on: b`",
    ]


def test_paths_start_from_the_directory_of_the_script_and_then_from_the_current_one(project: Project) -> None:
    project.file("ci/a.sh", "./x.sh\n./y.sh\n").file("ci/x.sh").file("x.sh").file("y.sh")
    found = project.found("ci/a.sh", "x.sh", "y.sh")
    assert edges(found) == {"a": ["y"]}  # `./x.sh` is its neighbour, which was not given


def test_a_file_with_a_space_is_called_and_given_by_any_spelling(project: Project) -> None:
    project.file("sub/a.sh", 'bash "../my file.sh"\n').file("my file.sh")
    assert edges(project.found("./sub/a.sh", str(project.folder / "my file.sh"))) == {"a": ["my_file"]}


def test_a_file_given_by_a_link_is_the_same_file(project: Project) -> None:
    project.file("real.sh").file("a.sh", "./real.sh\n./link.sh\n")
    (project.folder / "link.sh").symlink_to("real.sh")
    assert edges(project.found("a.sh", "link.sh")) == {"a": ["link"]}


def test_what_is_sourced_is_read_and_an_edge_only_if_it_was_given(project: Project) -> None:
    project.file("ci/a.sh", "source lib.sh\n. ../env\n. ./setup.sh\n. a.sh\n. /etc/none\n")
    project.file("ci/lib.sh").file("env").file("ci/setup.sh")
    for infer in Infer:
        found = project.found("ci/a.sh", "ci/setup.sh", infer=infer)
        assert found.entries[0].reads == ("ci/lib.sh", "env", "ci/setup.sh", "/etc/none")
        assert edges(found) == ({} if infer is Infer.OFF else {"a": ["setup"]})
        assert reported(found) == ["warning PX134 ci/a.sh:5:3+9: `ci/a.sh` sources `/etc/none`, which does not exist"]


def test_a_neighbours_dependencies_are_not_taken(project: Project) -> None:
    project.file("a.sh", "# Depends on: c\n").file("b.sh").file("c.sh").file("a2.sh", "# Depends on: b\n")
    assert edges(project.found("a.sh", "a2.sh", "b.sh", "c.sh")) == {"a": ["c"], "a2": ["b"]}


def test_scripts_of_other_languages_have_directives_only(project: Project) -> None:
    project.file("a.py", '#!/usr/bin/env python3\n# Depends on: b\nprint("""\n./b.sh\n""")\n./c.sh\n')
    found = project.file("b.sh").file("c.sh").found("a.py", "b.sh", "c.sh")
    assert (edges(found), reported(found)) == ({"a": ["b"]}, [])


@pytest.mark.parametrize("first", ["#!/bin/sh", "#!/usr/bin/env -S bash -eu", ":"])
def test_a_file_without_extension_is_read_as_what_runs_it(project: Project, first: str) -> None:
    assert edges(project.file("a", f"{first}\n./b.sh\n").file("b.sh").found("a", "b.sh")) == {"a": ["b"]}


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(project: Project, end: str) -> None:
    project.file("a.sh", "\ufeff" + end.join(["# Depends on: b", "./c.sh", ""])).file("b.sh").file("c.sh")
    found = project.found("a.sh", "b.sh", "c.sh", infer=Infer.ON)
    assert edges(found) == {"a": ["b", "c"]}
    assert reported(found) == ["warning PX133 a.sh:2:1+6: `a` needs `c`, because it calls it"]


def test_shell_code_that_cannot_be_read_is_reported_at_its_place(project: Project) -> None:
    found = project.file("x.md", "# X\n\n- ```sh\n  if true; then\n  ```\n").found("x.md")
    assert [line.split(":")[0] for line in reported(found)] == ["warning PX138 x.md"]
    assert found.diagnostics[0].span is not None
    assert found.diagnostics[0].span.line in (4, 5)
