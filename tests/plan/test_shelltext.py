"""Where a place in shell text stands, and quoting; the shells themselves are asked whether that is true."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.plan.shelltext import HOLE, Where, holes, is_posix_shell, quoted

# `@` is the place.
CASES = [
    ("echo @", "code"),
    ("echo a@b", "code"),
    ("X=@", "code"),
    ("echo '@'", "single quotes"),
    ('echo "@"', "double quotes"),
    ('echo "a\\"@"', "double quotes"),
    ("echo \"it's\" @", "code"),
    ("echo 'say \"' @", "code"),
    ("echo $'a\\'@'", "`$'...'` quotes"),
    ("echo $'a\\'' @", "code"),
    ('echo $"@"', "double quotes"),
    ("echo \\@", "an escape: a backslash precedes it"),
    ("echo \\\\@", "code"),
    ("echo '\\' @", "code"),
    ("echo `id @`", "backquotes"),
    ("echo `id` @", "code"),
    ("echo `id \"a` @", "code"),
    ("echo $(id @)", "code"),
    ('echo "$(id @)"', "code"),
    ('echo "$(id "@")"', "double quotes"),
    ('echo "$(id) @"', "double quotes"),
    ('echo "$(case x in a) echo 1;; esac) @"', "double quotes"),
    ('echo "$(case x in a) echo @;; esac)"', "code"),
    ('echo "$(case x in (a) echo 1;; esac) @"', "double quotes"),
    ('echo "$( (id) ) @"', "double quotes"),
    ("echo ${x:-@}", "code"),
    ('echo "${x:-@}"', "double quotes"),
    ("echo \"${x:-'@'}\"", "double quotes"),
    ("echo ${x:-'@'}", "single quotes"),
    ('echo "${x}@"', "double quotes"),
    ("echo ${x#\"}\"} @", "code"),
    ("echo ${#x} @", "code"),
    ("echo $# @", "code"),
    ("echo a#b @", "code"),
    ("echo a # b @", "a comment"),
    ("# it's @", "a comment"),
    ("# it's\necho @", "code"),
    ("echo a;# @", "a comment"),
    ("echo '# ' @", "code"),
    ("echo $((1 + @))", "code"),
    ("echo $((1 << 2)) @\nx", "code"),
    ("((1 << 2))\necho @", "code"),
    ("(( x = (1 << 2) )) && echo @", "code"),
    ("cat <<EOF\n@\nEOF", "a here-document"),
    ("cat <<'EOF'\n@\nEOF", "a here-document"),
    ('cat <<"E F"\nx\nE F\necho @', "code"),
    ("cat <<\\EOF\nit's\nEOF\necho @", "code"),
    ("cat <<-EOF\n\tit's\n\tEOF\necho @", "code"),
    ("cat <<EOF\n\tEOF\n@", "a here-document"),
    ("cat <<EOF @\nit's\nEOF", "code"),
    ("cat <<A <<B\nit's\nA\n@\nB", "a here-document"),
    ("cat <<A <<B\nit's\nA\n'\nB\necho @", "code"),
    ("cat <<@\n", "a here-document"),
    ("cat <<<'x' @", "code"),
    ('x="$(cat <<EOF\nit\'s\nEOF\n)" @', "code"),
    ("diff <(cat @) x", "code"),
    ("echo 'open @", "single quotes"),
    ('echo "open @', "double quotes"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "where"), CASES, ids=[text for text, _ in CASES])
def test_a_place_is_classified_by_what_surrounds_it(text: str, where: str) -> None:
    assert [found.value for found in holes(text.replace("@", HOLE))] == [where]


def test_places_are_classified_in_order() -> None:
    text = f"{HOLE} '{HOLE}{HOLE}' \"{HOLE}\" # {HOLE}\n{HOLE}"
    assert holes(text) == [Where.CODE, Where.SINGLE, Where.SINGLE, Where.DOUBLE, Where.COMMENT, Where.CODE]


@given(st.text(alphabet=" \n\t'\"`$\\(){}<E#;ca" + HOLE, max_size=40))
def test_every_place_of_any_text_is_classified_once(text: str) -> None:
    assert len(holes(text)) == text.count(HOLE)


# A place in code, tried out: what is put there as one quoted word is printed by the shell as it is.
@pytest.mark.parametrize("shell", [name for name in ("bash", "dash", "sh") if shutil.which(name)])
@pytest.mark.parametrize(
    "text",
    [
        "printf %s @",
        'x="a$(printf %s @)"; printf %s "${x#a}"',
        'x=@; printf %s "$x"',
        "printf %s ${nothing:-@}",
        "cat <<EOF >/dev/null; printf %s @\nit's\nEOF",
        "# it's\nprintf %s @",
        "case a in a) printf %s @;; esac",
    ],
)
def test_what_is_quoted_in_code_comes_through_a_shell_unchanged(shell: str, text: str) -> None:
    value = 'it\'s $(id) `id` "a"  * \\ \n~ #!'
    assert holes(text.replace("@", HOLE)) == [Where.CODE]
    done = subprocess.run([shell, "-c", text.replace("@", quoted(value))], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (value, "")


@pytest.mark.parametrize("value", ["3.11", "a-b_c", "x@y:z/1,2+3=4%"])
def test_plain_words_need_no_quotes(value: str) -> None:
    assert quoted(value) == value


def test_what_is_empty_is_still_a_word() -> None:
    assert quoted("") == "''"


@pytest.mark.parametrize(
    ("words", "posix"),
    [
        (("bash", "-euo", "pipefail"), True),
        (("/usr/bin/env", "-S", "A=b", "dash"), True),
        (("python3", "-c"), False),
        (("fish",), False),
        (("env",), False),
    ],
)
def test_shells_are_known_by_their_names(words: tuple[str, ...], posix: bool) -> None:
    assert is_posix_shell(words) is posix


def test_a_redirection_without_a_word_begins_no_here_document() -> None:
    assert holes(f"cat <<;{HOLE}") == [Where.CODE]
