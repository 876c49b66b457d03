"""The result of any common program that quotes or encodes a secret is a form that is masked."""

from __future__ import annotations

import base64
import binascii
import html
import json
import shlex
import shutil
import subprocess
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.execute.secrets.forms import digits_of, texts_of
from orchestrator.execute.secrets.redact import MASK, Patterns, redact

HARD = "p'a\"s$s w\\o`r&d<1>+/~(é)!"
PEM_LINES = [
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7",
    "VJTUt9Us8cKjMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3S",
    "ab==",
]
PEM = "\n".join(["-----BEGIN PRIVATE KEY-----", *PEM_LINES, "-----END PRIVATE KEY-----", ""])

# Without lone surrogates, as every real text; a secret has no NUL, since no environment variable can hold one.
TEXTS = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), min_size=6, max_size=40)


def masked(secret: str | bytes, text: str | bytes) -> bytes:
    value = secret if isinstance(secret, bytes) else secret.encode()
    return redact(Patterns([value]), text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    "quoted",
    [
        HARD,
        json.dumps(HARD)[1:-1],
        json.dumps(HARD, ensure_ascii=False)[1:-1],
        json.dumps(HARD)[1:-1].replace("/", r"\/"),
        json.dumps(HARD)[1:-1].replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e"),
        urllib.parse.quote(HARD),
        urllib.parse.quote(HARD, safe=""),
        urllib.parse.quote(HARD, safe="!'()*"),
        urllib.parse.quote(HARD, safe="!#$&'()*+,/:;=?@"),
        urllib.parse.quote_plus(HARD),
        urllib.parse.quote(HARD, safe="").replace("%2B", "%2b").replace("%2F", "%2f").replace("%3C", "%3c")
        .replace("%3E", "%3e").replace("%5C", "%5c").replace("%C3%A9", "%c3%a9"),
        html.escape(HARD),
        html.escape(HARD, quote=False),
        html.escape(HARD, quote=False).replace('"', "&#34;").replace("'", "&#39;"),
        HARD.replace("'", r"'\''"),
        shlex.quote(HARD)[1:-1],
        "".join("\\" + sign if sign in '\\"$`' else sign for sign in HARD),
        HARD.replace("\\", r"\\").replace("'", r"\'"),
        HARD.encode().hex(),
        HARD.encode().hex().upper(),
    ],
)  # fmt: skip
def test_a_secret_is_masked_in_each_way_to_quote_it(quoted: str) -> None:
    assert masked(HARD, f"<{quoted}>") == b"<***>"


@given(TEXTS, st.binary(max_size=5), st.binary(max_size=5))
def test_base64_is_masked_at_every_offset_of_the_secret(secret: str, before: bytes, after: bytes) -> None:
    value = secret.encode().rstrip(b"\r\n")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(before + value + after)
        shown = masked(value, text)
        if len(value) >= 6:
            # Up to two digits at each end also hold bits of what is next to the secret.
            begin, end = len(before) * 8 // 6, -(-(len(before) + len(value)) * 8 // 6)
            assert len(shown.replace(MASK, b"")) <= begin + 1 + 1 + len(text) - end
            assert text[begin + 1 : end - 1] not in shown


@given(TEXTS)
def test_the_usual_encodings_leave_nothing(secret: str) -> None:
    value = secret.encode().rstrip(b"\r\n")
    if len(value) < 6:
        return
    for text in (value, value + b"\n"):
        assert masked(value, base64.b64encode(text)).replace(b"=", b"") == MASK
        assert masked(value, base64.urlsafe_b64encode(text)).replace(b"=", b"") == MASK
    assert masked(value, binascii.hexlify(value)) == MASK
    assert masked(secret, value) == MASK
    assert masked(secret, urllib.parse.quote(value)) == MASK
    assert masked(secret, json.dumps(value.decode())) == b'"***"'


@pytest.mark.parametrize("length", [20, 58, 200])
@pytest.mark.parametrize("command", ["base64", "openssl base64", "xxd -p", "od -An -v -tx1 | tr -d ' \\n'", "jq -Rs ."])
def test_what_the_usual_programs_print_is_masked(command: str, length: int) -> None:
    program = command.split(maxsplit=1)[0]
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program}")
    secret = bytes(33 + (number * 37) % 90 for number in range(length))
    for text in (secret, secret + b"\n"):
        printed = subprocess.run(["sh", "-c", command], input=text, capture_output=True, check=True, timeout=60).stdout
        assert masked(secret, printed).translate(None, b'=\n"') in (MASK, MASK + b"0a", MASK + b"\\n"), printed


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
@pytest.mark.parametrize("quote", ["printf %q", "set -x; :"])
def test_what_bash_prints_of_a_secret_is_masked(quote: str, locale: str) -> None:
    for secret in (HARD, "two\nlines 'quoted'\ttab\x01\x1b", "plain-token", "h\u00f8ns-\u00e9\u00df-token"):
        done = subprocess.run(
            ["bash", "-c", f'{quote} "$1"', "bash", secret],
            capture_output=True,
            check=True,
            timeout=60,
            env={"LC_ALL": locale},
        )
        shown = masked(secret, done.stdout + done.stderr)
        assert shown.strip(b"+: '$\n") == MASK, done


def test_each_line_of_a_value_is_masked_but_not_the_marks_of_pem_nor_short_lines() -> None:
    for line in PEM_LINES[:2]:
        assert masked(PEM, f"key: {line}.") == b"key: ***."
    assert masked(PEM, "ab==") == b"ab=="
    assert masked(PEM, "-----BEGIN PRIVATE KEY-----\n") == b"-----BEGIN PRIVATE KEY-----\n"


def test_a_whole_key_is_masked_between_its_marks_in_any_quoting() -> None:
    assert masked(PEM, PEM) == b"-----BEGIN PRIVATE KEY-----\n***\n-----END PRIVATE KEY-----\n"
    assert masked(PEM, json.dumps(PEM)) == rb'"-----BEGIN PRIVATE KEY-----\n***\n-----END PRIVATE KEY-----\n"'
    assert masked(PEM, base64.b64encode(PEM.encode())).rstrip(b"=") == MASK


def test_line_ends_of_the_other_system_make_no_difference() -> None:
    value = PEM.replace("\n", "\r\n")
    assert PEM_LINES[1].encode() in texts_of(value.encode())
    assert masked(value, PEM_LINES[0]) == MASK


def test_a_line_end_at_the_end_of_a_secret_stays_where_it_is_printed() -> None:
    assert masked("hunter2\n", "hunter2\nnext\n") == b"***\nnext\n"


def test_an_empty_value_has_no_form() -> None:
    for value in (b"", b"\n"):
        assert texts_of(value) == frozenset()
        assert list(digits_of(value)) == []


def test_a_short_value_brings_no_form_that_chance_would_print() -> None:
    assert min(len(form.digits) for form in digits_of(b"abcd")) == 4
    assert {form.digits for form in digits_of(b"ab")} == {b"YWIK", b"6162", b"610x62", b"61x62", b"61+62"}
