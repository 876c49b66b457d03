"""Directives in comment lines, calls and sources in shell code, and nothing in prose."""

from __future__ import annotations

import pytest
from support.discovery import place, shell, uses


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("bash x.sh", "call x.sh"),
        ("sh x.md", "call x.md"),
        ("/bin/bash -eu ./x.sh --flag", "call ./x.sh"),
        ("bash -euo pipefail x.sh", "call x.sh"),
        ("bash --rcfile rc +o posix -- x.sh", "call x.sh"),
        ("bash - x.sh", "call x.sh"),
        ("./x.sh", "call ./x.sh"),
        ("../x.sh a b", "call ../x.sh"),
        ("A=1 B=2 ./x.sh", "call ./x.sh"),
        ("exec env A=1 ./x.sh", "call ./x.sh"),
        ("time bash x.sh", "call x.sh"),
        ("! ./x.sh", "call ./x.sh"),
        ("if ./x.sh; then :; fi", "call ./x.sh"),
        ("[[ -f y ]] && ./x.sh || exit 1", "call ./x.sh"),
        ("f() { ./x.sh; }", "call ./x.sh"),
        ("./x.sh > log 2>&1 &", "call ./x.sh"),
        ("make | ./x.sh", "call ./x.sh"),
        ('echo "$(./x.sh)"', "call ./x.sh"),
        ("echo `./x.sh`", "call ./x.sh"),
        ("diff <(./x.sh) y", "call ./x.sh"),
        ("bash 'my file.sh'", "call my file.sh"),
        ('bash "my file.sh"', "call my file.sh"),
        ("bash my\\ file.sh", "call my file.sh"),
        ('bash "a\\"b\\$.sh"', 'call a"b$.sh'),
        ("'./my file.sh'", "call ./my file.sh"),
        ("bash ä.sh", "call ä.sh"),
        ("./ai-dev build", "runner build"),
        ("./ai-dev --verbose build now", "runner build"),
        ("source lib.sh", "source lib.sh"),
        (". ./lib.sh arg", "source ./lib.sh"),
        ("bash x.sh <<EOF\nhere\nEOF", "call x.sh"),
    ],
)
def test_a_file_that_code_uses_is_found(code: str, expected: str) -> None:
    assert uses(f"{code}\n") == [expected]


@pytest.mark.parametrize(
    "code",
    [
        "# bash x.sh",
        "true # ./x.sh",
        "echo bash x.sh",
        "echo './x.sh'",
        'echo "bash x.sh"',
        "echo '\nbash x.sh\n./x.sh\n'",
        'echo "\nbash x.sh\n# Depends on: a\n"',
        "bash -c './x.sh'",
        "bash -ec ./x.sh",
        "bash -s x.sh",
        "bash",
        "x.sh",
        "eval './x.sh'",
        "trap './x.sh' EXIT",
        "alias go=./x.sh",
        "cat x.sh",
        "chmod +x ./x.sh",
        "x=./x.sh",
        "test -f ./x.sh",
        "[ -x ./x.sh ]",
        "case ./x.sh in ./x.sh) ;; esac",
        "for f in ./x.sh; do :; done",
        "cat <<< 'bash x.sh'",
        "sudo -u root ./x.sh",
        "source <(generate)",
        "echo $((1 << 2))",
    ],
)
def test_what_only_looks_like_a_use_is_not_one(code: str) -> None:
    assert uses(f"{code}\n") == []


HERE_DOCUMENTS = {
    "plain": "cat <<EOF\n{}EOF\n",
    "quoted": "cat <<'EOF'\n{}EOF\n",
    "quoted with a blank": 'cat <<"E F"\n{}E F\n',
    "escaped": "cat <<\\EOF\n{}EOF\n",
    "moved right": "cat <<-EOF\n{}\t\tEOF\n",
    "several": "cat <<A <<B\n{}A\n{}B\n",
    "several, one with an operator inside": "cat <<A <<B\n{}A\ncat <<OTHER\n{}B\n",
    "before a pipe at the line's end": "cat <<EOF |\n{}EOF\nsort\n",
    "before a pipe": "cat <<EOF | sort\n{}EOF\n",
    "before a semicolon": "cat <<EOF; true\n{}EOF\n",
    "before a block": "cat <<-EOF 2>&1 || {{\n{}\tEOF\ntrue\n}}\n",
    "before a continued line": "cat <<EOF \\\n  | sort\n{}EOF\n",
    "in a substitution": 'x="$(cat <<EOF\n{}EOF\n)"\n',
    "in a loop": "while read -r l; do\n  cat <<EOF\n{}EOF\ndone\n",
    "in a function": "f() {{\ncat <<EOF\n{}EOF\n}}\n",
    "with the delimiter inside": "cat <<EOF\n{}EOFX\n EOF\nEOF\n",
    "with an operator inside": "cat <<EOF\n<<OTHER\n{}EOF\n",
    "with quotes inside": "cat <<EOF\nit's \" `$(\n{}EOF\n",
    "for a shell": "bash <<EOF\n{}EOF\n",
}


@pytest.mark.parametrize("form", HERE_DOCUMENTS)
def test_a_here_document_is_not_code(form: str) -> None:
    text = HERE_DOCUMENTS[form].format(*["# Depends on: nothing\nbash x.sh $(./y.sh)\n. lib.sh\n"] * 2)
    found = shell(f"{text}# Depends on: after\n./after.sh\n")
    assert [(named.name, place(named.span)) for named in found.directives] == [
        ("after", f"/repo/ci/x.sh:{text.count(chr(10)) + 1}:15+5")
    ]
    assert [reference.target for reference in found.references] == ["./after.sh"]
    assert found.unread == ()


def test_a_here_document_without_an_end_goes_to_the_end_of_the_file() -> None:
    assert uses("./before.sh\ncat <<EOF\nbash x.sh\n") == ["call ./before.sh"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("# Depends on: a", [("a", 15)]),
        ("# depends on: a, b", [("a", 15), ("b", 18)]),
        ("## REQUIRES:a b,,c", [("a", 13), ("b", 15), ("c", 18)]),
        ("  #Depends  on : a", [("a", 18)]),
        ("# Requires: `a` 'b'", [("a", 14), ("b", 18)]),
        ("# Requires: a ##", [("a", 13)]),
        ("# Requires: ä.b-c", [("ä.b-c", 13)]),
        ("# Depends on:", []),
        ("# It depends on: a", []),
        ("# Depends on a", []),
        ("true # Depends on: a", []),
        ("echo '# Depends on: a'", []),
        ("x=1 \\\n # Depends on: a", [("a", 16)]),
    ],
)
def test_a_directive_is_a_comment_line(line: str, expected: list[tuple[str, int]]) -> None:
    assert [(named.name, named.span.column) for named in shell(f"{line}\n").directives] == expected


def test_places_count_code_points() -> None:
    reference = shell("é='ü'; bash 'ä.sh' x\n").references[0]
    assert (place(reference.span), reference.written) == ("/repo/ci/x.sh:1:13+6", "'ä.sh'")


@pytest.mark.parametrize(
    "code",
    [
        '. "$(dirname "$0")/lib.sh"',
        '. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"',
        '. "${BASH_SOURCE%/*}/lib.sh"',
        '. "${0%/*}"/lib.sh',
        'here=$(dirname "$0"); . "$here/lib.sh"',
        'HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" >/dev/null 2>&1 && pwd -P)"\nsource "${HERE}/lib.sh"',
        'HERE=$(dirname "$(readlink -f "$0")")\nreadonly HERE\n. $HERE/lib.sh',
        'cd "$(dirname "$0")" || exit 1\n. lib.sh',
    ],
)
def test_the_usual_ways_to_the_scripts_own_directory_are_known(code: str) -> None:
    assert uses(f"{code}\n") == ["source /repo/ci/lib.sh"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('bash "$DIR/x.sh"', ["call ?"]),
        ("bash $1", ["call ?"]),
        ('bash "$@"', ["call ?"]),
        ("bash *.sh", ["call ?"]),
        ("bash {a,b}.sh", ["call ?"]),
        ("bash ${X:-x.sh}", ["call ?"]),
        ('. "$(git rev-parse --show-toplevel)/lib.sh"', ["source ?"]),
        ('"$DIR/x.sh"', ["call ?"]),
        ("DIR=a\nbash $DIR/x.sh", ["call a/x.sh"]),
        ('A=a\nexport B="$A c"\nbash "$B.sh"', ["call a c.sh"]),
        ("DIR=a\nDIR=b\nbash $DIR/x.sh", ["call ?"]),
        ("DIR=a\nDIR+=b\nbash $DIR/x.sh", ["call ?"]),
        ("if true; then DIR=a; fi\nbash $DIR/x.sh", ["call ?"]),
        ("true && DIR=a\nbash $DIR/x.sh", ["call ?"]),
        ("bash $DIR/x.sh\nDIR=a", ["call ?"]),
        ("DIR=a\nread -r DIR\nbash $DIR/x.sh", ["call ?"]),
        ("for f in a b; do bash $f.sh; done", ["call ?"]),
        ("DIR=a bash $DIR/x.sh", ["call ?"]),
        ("f() { local DIR=a; }\nbash $DIR/x.sh", ["call ?"]),
    ],
)
def test_a_path_with_a_variable_is_known_only_where_the_variable_is(code: str, expected: list[str]) -> None:
    assert uses(f"{code}\n") == expected


def test_a_program_in_a_variable_may_be_anything() -> None:
    found = shell('$PYTHON x.sh\n"$BIN/tool.sh"\nbash $X/a.sh\n').references
    assert [(use.target, use.last, use.sure) for use in found] == [
        (None, "", False),
        (None, "tool.sh", False),
        (None, "a.sh", True),
    ]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("cd app\n./x.sh", ["call app/./x.sh"]),
        ("cd app && cd sub && ./x.sh", ["call app/sub/./x.sh"]),
        ("(cd app && ./x.sh)\n./y.sh", ["call app/./x.sh", "call ./y.sh"]),
        ("x=$(cd app && ./x.sh)\n./y.sh", ["call app/./x.sh", "call ./y.sh"]),
        ("if true; then cd app; ./x.sh; fi\n./y.sh", ["call app/./x.sh", "call ./y.sh"]),
        ("cd app\ncd -\n./x.sh", ["call ./x.sh"]),
        ("cd $SOMEWHERE\n./x.sh", ["call ./x.sh"]),
        ("cd app\nbash /abs/x.sh", ["call /abs/x.sh"]),
    ],
)
def test_a_change_of_the_directory_is_followed(code: str, expected: list[str]) -> None:
    assert uses(f"{code}\n") == expected


def test_code_that_cannot_be_read_is_reported_and_its_directives_count() -> None:
    found = shell("# Depends on: a\nif true; then\n  ./x.sh\n")
    assert [named.name for named in found.directives] == ["a"]
    assert len(found.unread) == 1


@pytest.mark.parametrize("text", ["", "\n", "#!/bin/bash", "(" * 3_000, "$(" * 3_000, '"$(' * 2_000, "{ " * 3_000])
def test_no_text_breaks_the_reading(text: str) -> None:
    assert shell(text).references == ()


def test_a_chain_of_thousands_of_commands_is_read() -> None:
    assert len(uses(" && ".join(["./x.sh"] * 5_000))) == 5_000


def test_many_here_documents_take_no_long_time() -> None:
    assert uses("cat <<A\n./x.sh\nA\n" * 2_000 + "./after.sh\n") == ["call ./after.sh"]
