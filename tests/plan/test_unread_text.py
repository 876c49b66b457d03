"""What looks like shell code or a template where no shell reads it, and what only looks a little like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.plan.unread_text import almost_template, in_path, in_value, in_words


def mark(found: object) -> str:
    return "" if found is None else str(getattr(found, "mark", found))


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("PATH", "./bin:$PATH", "$PATH"),
        ("CACHE", "${HOME}/cache", "${HOME}"),
        ("CACHE", "${CACHE_ROOT:-/tmp}/x", "${CACHE_ROOT:-/tmp}"),
        ("LIBS", "-I$HOME/include", "$HOME"),
        ("HELLO", "hello $USER", "$USER"),
        ("CACHE", "~/cache", "~"),
        ("DIRS", "/a:~/b", "~"),
        ("NOW", "$(date +%F)", "$(date +%F)"),
        ("BUILD", "v-$(date)", "$(date)"),
        ("NOW", "`date`", "`date`"),
        ("OUT", "${out}/x", "${out}"),  # a variable that the workflow declares
        ("OUT", "${{ params.x }}/$HOME", "$HOME"),
    ],
)
def test_a_value_that_a_shell_would_expand_is_found(key: str, text: str, expected: str) -> None:
    assert mark(in_value(key, text, {"out"})) == expected


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("PRICE", "$5"),
        ("PRICE", "US$40"),
        ("SHARE", "100%"),
        ("NAME", "a~b"),
        ("NAME", "a/~b"),
        ("REST", "x $ y"),
        ("ESCAPED", "\\$HOME"),
        ("HASH", "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"),
        ("HASH", "$6$SALT$HASH"),
        ("ANY", "abc$DEF"),
        ("ANY", "$$HOME"),
        ("ANY", "$x"),
        ("LD_LIBRARY_PATH", "$ORIGIN/../lib"),
        ("START_CMD", "echo $HOME"),
        ("GIT_PAGER", "less $HOME"),
        ("PS1", "\\u@$HOSTNAME$ "),
        ("BASH_ENV", "$HOME/.env"),
        ("CFLAGS", "-I$HOME"),
        ("NAME_TEMPLATE", "${HOME}-x"),
        ("DATA", '{"a": "$HOME"}'),
        ("PROGRAM_TEXT", "{print $NF}"),
        ("RUN", "cd $HOME; make"),
        ("TEXT", "use `x` now"),
        ("NO_PROXY", "*.local"),
        ("A", "${{ params.HOME }}"),
    ],
)
def test_a_value_that_is_meant_as_it_is_written_is_not_found(key: str, text: str) -> None:
    assert in_value(key, text, ()) is None


_ORDINARY = st.text(st.sampled_from("abz019 .,:/_-+=%@#*~!?")) | st.from_regex(
    r"[a-z]{0,3}\$[0-9][0-9.]{0,4}%?", fullmatch=True
)


@given(_ORDINARY.filter(lambda text: not text.startswith("~") and ":~" not in text))
def test_ordinary_text_is_never_found(text: str) -> None:
    assert in_value("NAME", text, ()) is None
    assert in_words(["tool", f"x{text}"], is_command=True) is None
    assert in_path(text.replace("*", "")) is None
    assert almost_template(text, {"params.a"}) is None


@given(st.sampled_from(["HOME", "PWD", "PATH"]), st.sampled_from(["", "/a", "/a b", ":x"]), st.booleans())
def test_a_well_known_variable_in_a_path_or_a_value_is_always_found(name: str, rest: str, braces: bool) -> None:
    written = f"${{{name}}}" if braces else f"${name}"
    assert mark(in_path(written + rest)) == written
    assert mark(in_value("X", written + rest, ())) == written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~", "~"),
        ("~/x", "~"),
        ("$HOME/x", "$HOME"),
        ("${app}/x", "${app}"),
        ("x/$(pwd)", "$(pwd)"),
        ("`pwd`", "`pwd`"),
        ("dist/*.whl", "*"),
        ("a:~/b", "~"),
        ("a~b", ""),
        ("~a", ""),
        ("$5", ""),
        ("$app", ""),
        ("[id]/x", ""),
        ("${{ run.dir }}/x", ""),
    ],
)
def test_paths_have_no_variables_home_or_patterns(text: str, expected: str) -> None:
    assert mark(in_path(text)) == expected


def test_the_file_of_a_secret_may_begin_with_a_tilde() -> None:
    assert in_path("~/key", home=False, globs=False) is None
    assert mark(in_path("$HOME/key", home=False, globs=False)) == "$HOME"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["echo", "$HOME"], (1, "$HOME")),
        (["echo", "${HOME}/x"], (1, "${HOME}")),
        (["x", "--prefix=$HOME/y"], (1, "$HOME")),
        (["x", "--prefix=~/y"], (1, "~")),
        (["docker", "run", "-v", "$PWD:/app", "image"], (3, "$PWD")),
        (["echo", "$(date)"], (1, "$(date)")),
        (["make", "all", "&&", "make", "test"], (2, "&&")),
        (["ls", "*.py"], (1, "*.py")),
        (["ls", "*.py", "|", "wc"], (1, "*.py")),
        # read by the program, or meant as they are
        (["sh", "-c", "$HOME"], None),
        (["/bin/bash", "-c", "x", "$HOME"], None),
        (["docker", "exec", "x", "sh", "-c", "$HOME"], None),
        (["ssh", "host", "$HOME"], None),
        (["awk", "$NF"], None),
        (["envsubst", "$HOME"], None),
        (["find", ".", "-name", "*.py"], None),
        (["python", "--ignore", "*.py"], None),
        (["git", "add", "*.py"], None),
        (["test", "a", ">", "b"], None),
        (["find", ".", "|"], None),
        (["sed", "-n", "$p"], None),
        (["grep", "foo$"], None),
        (["python", "-c", "print('$HOME')"], None),
        (["echo", "a $HOME"], None),
        (["|"], None),
    ],
)
def test_words_of_a_command_without_a_shell(words: list[str], expected: tuple[int, str] | None) -> None:
    found = in_words(words, is_command=True)
    assert (None if found is None else (found[0], found[1].mark)) == expected


def test_arguments_of_a_script_may_be_patterns_and_operators() -> None:
    assert in_words(["ls", "*.py", "&&"], is_command=False) is None
    assert mark((in_words(["~/x"], is_command=False) or (0, None))[1]) == "~"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("echo ${params.x}", "${params.x}"),
        ("echo ${ params.x }", "${ params.x }"),
        ("echo {{ params.x }}", "{{ params.x }}"),
        ("echo $ {{params.x}}", "{{params.x}}"),
        ("echo $params.x", "$params.x"),
        ("echo ${run.id}", "${run.id}"),
        ("echo ${{ params.x }}", None),
        ("echo $${{ params.x }}", None),
        ("echo {{ .params.x }}", None),
        ("echo ${params.y} {{ params.y }}", None),
        ("echo \\${params.x}", None),
        ("params.x {params.x", None),
    ],
)
def test_what_is_almost_a_template(text: str, expected: str | None) -> None:
    found = almost_template(text, {"params.x", "run.id"})
    assert (None if found is None else found[0]) == expected
