"""A secret is masked in every spelling that a language of URLs, markup, strings or shells has for its characters, each
character spelled independently of the others."""

from __future__ import annotations

import base64
import html
import json
import shutil
import subprocess
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.execute.secrets.redact import MASK, Patterns, Redactor, redact

CHARACTERS = st.characters(min_codepoint=0x20, max_codepoint=0x7E) | st.sampled_from("\t\n\x1b\x7fé߀😀'\"\\&%$`<>/+ ")
SECRETS = st.text(CHARACTERS, min_size=6, max_size=40).filter(
    lambda text: len(text.strip()) >= 6 and text == text.strip()
)
SHOWN = 6


@dataclass(frozen=True)
class Language:
    """All spellings of one character, and how to read a text."""

    spellings: Callable[[str], list[str]]
    read: Callable[[str], str]


def cases(text: str) -> list[str]:
    head, digits = text[:2], text[2:]
    return [head + digits.lower(), head + digits.upper()]


def in_url(character: str) -> list[str]:
    spelled = "".join(f"%{byte:02x}" for byte in character.encode())
    plain = [character] if character not in "%+" else []
    return [*plain, spelled, spelled.upper(), *("+" for _ in range(character == " "))]


NAMES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos", "\t": "Tab", "\n": "NewLine", "$": "dollar",
         "é": "eacute", "€": "euro", "/": "sol", "+": "plus", "%": "percnt", "\\": "bsol"}  # fmt: skip


def in_html(character: str) -> list[str]:
    code = ord(character)
    spelled = [f"&#{code};", f"&#{code:05};", f"&#x{code:x};", f"&#X{code:X};", f"&#x{code:06X};"]
    spelled += [character] if character != "&" else []
    return [*spelled, *(f"&{NAMES[name]};" for name in NAMES if name == character)]


def in_json(character: str) -> list[str]:
    units = character.encode("utf-16-be")
    spelled = "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
    short = {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\", "/": "\\/"}
    plain = [character] if character not in '"\\' and character >= " " else []
    return [
        *plain,
        spelled,
        spelled.upper().replace("\\U", "\\u"),
        *(short[sign] for sign in short if sign == character),
    ]


def in_json_twice(character: str) -> list[str]:
    return [json.dumps(spelled)[1:-1] for spelled in in_json(character)]


def in_single_quotes(character: str) -> list[str]:
    return ["'\\''", "'\"'\"'"] if character == "'" else [character]


def in_double_quotes(character: str) -> list[str]:
    return ["\\" + character] if character in '"\\$`' else [character]


def in_dollar_quotes(character: str) -> list[str]:
    data = character.encode()
    code = ord(character)
    spelled = ["".join(f"\\x{byte:02x}" for byte in data), "".join(f"\\x{byte:02X}" for byte in data)]
    spelled += ["".join(f"\\{byte:03o}" for byte in data), f"\\U{code:08x}"]
    spelled += [f"\\u{code:04x}"] if code < 0x10000 else []
    short = {"\n": "\\n", "\t": "\\t", "\x1b": "\\E", "'": "\\'", "\\": "\\\\", '"': '\\"'}
    plain = [character] if character not in "'\\" else []
    return [*plain, *spelled, *(short[sign] for sign in short if sign == character)]


def backslashed(character: str) -> list[str]:
    return ["\\" + character]


LANGUAGES = {
    "url": Language(in_url, urllib.parse.unquote),
    "html": Language(in_html, html.unescape),
    "json": Language(in_json, lambda text: str(json.loads(f'"{text}"', strict=False))),
    "json in json": Language(
        in_json_twice, lambda text: str(json.loads('"' + json.loads(f'"{text}"', strict=False) + '"', strict=False))
    ),
    "'...'": Language(in_single_quotes, lambda text: text.replace("'\\''", "'").replace("'\"'\"'", "'")),
    '"..."': Language(in_double_quotes, str),
    "$'...'": Language(in_dollar_quotes, str),
    "backslashes": Language(backslashed, lambda text: text.replace("\\", "")),
}
CUTS = st.lists(st.integers(0, 400), max_size=6)


def passed(secret: str, text: str, cuts: list[int]) -> str:
    data = text.encode()
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    patterns = Patterns([secret.encode()])
    redactor = Redactor(patterns)
    chunks = [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    shown = b"".join([*map(redactor.feed, chunks), redactor.finish()])
    assert shown == redact(patterns, data), "the chunks make no difference"
    return shown.decode()


@pytest.mark.parametrize("name", LANGUAGES)
@given(SECRETS, st.data(), CUTS)
def test_each_character_may_be_spelled_in_any_way(name: str, secret: str, data: st.DataObject, cuts: list[int]) -> None:
    language = LANGUAGES[name]
    spelled = "".join(data.draw(st.sampled_from(language.spellings(character))) for character in secret)
    shown = passed(secret, f"<{spelled}>", cuts)
    assert "***" in shown
    pieces = [language.read(piece) for piece in shown.split("***")]
    found = [secret[start : start + SHOWN] for start in range(len(secret) - SHOWN + 1)]
    assert not [part for part in found for piece in pieces if part in piece]


@given(SECRETS.filter(lambda secret: " " in secret), CUTS)
def test_a_space_may_be_a_plus_sign(secret: str, cuts: list[int]) -> None:
    assert passed(secret, f"<{urllib.parse.quote_plus(secret)}>", cuts) == "<***>"


@given(SECRETS, st.sampled_from(["json", "html", "url"]), CUTS)
def test_base64_in_an_escaped_text_is_masked(secret: str, name: str, cuts: list[int]) -> None:
    encoded = base64.encodebytes(b"user:" + secret.encode()).decode()
    escaped = {
        "json": json.dumps(encoded).replace("/", "\\/"),
        "html": "".join(f"&#{ord(character)};" for character in encoded),
        "url": urllib.parse.quote(encoded, safe=""),
    }[name]
    shown = passed(secret, escaped, cuts)
    assert "***" in shown
    assert encoded.rstrip("=\n")[8:-2] not in shown


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
@pytest.mark.parametrize("name", ["'...'", '"..."', "$'...'"])
def test_what_bash_reads_as_a_secret_is_a_spelling_of_it(name: str, locale: str) -> None:
    """The lists above are what a shell understands, not what is implemented."""
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    secret = "p'a\"s$s w\\o`r&d<1>\t\x1b9e"
    opening, closing = name.split("...")
    for turn in range(6):
        choices = [LANGUAGES[name].spellings(character) for character in secret]
        spelled = "".join(ways[turn % len(ways)] for ways in choices)
        command = ["bash", "-c", f"printf %s {opening}{spelled}{closing}"]
        read = subprocess.run(command, capture_output=True, check=True, timeout=60, env={"LC_ALL": locale}).stdout
        assert read.decode() == secret
        assert redact(Patterns([secret.encode()]), f"<{spelled}>".encode()) == b"<***>"


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("a&b<c>d", "&#97;&#x26&#98;&lt;c&gtd", "***"),
        ("a&b<c>d", "a&ampb&#0000000060;c&#62d!", "***!"),
        ("two\nlines", r"two\nlines", "***"),
        ("hunter2", r"\\u0068unter2", "***"),
        ("hunter2", r"\\\u0068unter2", "***"),
        ("hunter2", r"\150\165nter2", "***"),
        ("hunter2", "%68unter2 %2568unter2", "*** ***"),
        ("hunter2", r"'\h\u\n\t\e\r\2'", "'***'"),
        ("hunter2", "hunter%2", "hunter%2"),
        ("0'0000", r"0'\''0000", "***"),
        ("u0068unter", r"\u0068unter \a\n", r"\*** \a\n"),
        ("hunter+two", "hunter two", "hunter two"),
        ("hunter two", "hunter+two", "***"),
        ("hunter2", r"\u0068unter3 &#104;unter %68unter", r"\u0068unter3 &#104;unter %68unter"),
    ],
)
def test_a_spelling_is_masked_from_its_first_escape_to_its_last(secret: str, text: str, shown: str) -> None:
    for cuts in ([], list(range(len(text)))):
        assert passed(secret, text, cuts) == shown


def test_an_escape_at_the_end_is_held_back_until_it_is_complete() -> None:
    redactor = Redactor(Patterns([b"hunter2"]))
    assert redactor.feed(b"50%") == b"50"
    assert redactor.feed(b"\n") == b"%\n"
    assert redactor.feed(b"a \\u00") == b"a "
    assert redactor.feed(b"68unter") == b""
    assert redactor.feed(b"2\n") == MASK + b"\n"


def test_backslashes_without_end_need_no_memory() -> None:
    redactor = Redactor(Patterns([b"\\secret\\"]))
    fed = b"\\" * 65_535
    shown = [len(redactor.feed(fed)) for _ in range(20)]
    assert sum(shown) + len(redactor.finish()) == 20 * len(fed)
    assert 20 * len(fed) - sum(shown) < 5000
