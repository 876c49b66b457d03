"""What a job depends on, and how differences are said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from orchestrator.cache.changes import Change, changes
from orchestrator.cache.entry_text import LastRecord, is_record_of, read_record, record_bytes
from orchestrator.cache.fingerprint import FORMAT, Fingerprint, Need, decode, encode
from orchestrator.cache.model import OutputFile, OutputPath, listing_of

KEY = b"k" * 32
BASE = Fingerprint(
    job="build",
    run="make",
    env={"CC": "gcc", "API_TOKEN": "hunter2"},
    input_env={"HOME": "/root", "LANG": None},
    input_commands={"cc --version": "aa" * 32},
    needs={"gen": Need(files="11" * 32, values={"number": '"1"'}), "lint": Need(job="d1")},
    inputs="22" * 32,
    umask=0o022,
)
OTHER: dict[str, Any] = {
    "job": "other",
    "run": "make all",
    "argv": ("make",),
    "file": "build.sh",
    "file_sha256": "f1",
    "args": ("-j",),
    "scripts": {"build.sh": "ab"},
    "shell": ("sh",),
    "env": {"CC": "clang", "API_TOKEN": "hunter2"},
    "env_prepend": {"PATH": "bin"},
    "env_append": {"PATH": "bin"},
    "env_inherit": ("PATH",),
    "working_dir": "sub",
    "isolation": "sandbox",
    "network": True,
    "writes": ("build",),
    "reads": "declared",
    "outputs": (OutputPath("dist"),),
    "output_values": {"number": "text"},
    "secrets": ("TOKEN",),
    "system": "Linux",
    "machine": "x86_64",
    "umask": 0o077,
    "inputs": "33" * 32,
    "input_env": {"HOME": "/root"},
    "input_commands": {"cc --version": "bb" * 32},
    "needs": {"gen": Need(files="11" * 32, values={"number": '"1"'}), "lint": Need(job="d2")},
}


def test_every_part_is_known_to_these_tests() -> None:
    assert OTHER.keys() == {field.name for field in fields(Fingerprint)}


@pytest.mark.parametrize("part", OTHER)
def test_every_part_changes_the_digest_and_is_said(part: str) -> None:
    other = replace(BASE, **{part: OTHER[part]})
    assert other.digest != BASE.digest
    if part not in ("job", "input_env"):  # the same job is compared; an unset variable may as well not be an input
        found = changes(BASE, other)
        assert found, part
        assert all(one.text for one in found)


def test_equal_fingerprints_have_equal_digests_and_no_changes() -> None:
    same = replace(BASE, env=dict([*BASE.env.items()][::-1]), needs=dict([*BASE.needs.items()][::-1]))
    assert same.digest == BASE.digest
    assert changes(BASE, same) == ()
    assert len(BASE.digest) == 64


def test_an_unset_variable_is_not_an_empty_one() -> None:
    digests = {replace(BASE, input_env=env).digest for env in ({}, {"A": None}, {"A": ""})}
    assert len(digests) == 3


def test_a_fingerprint_is_read_as_it_was_written_and_not_in_another_format() -> None:
    data = json.loads(encode(BASE))
    assert decode(data) == BASE
    assert decode({**data, "format": FORMAT + 1}) is None
    assert decode({**data, "parts": {**data["parts"], "run": 7}}) is None
    odd = replace(BASE, file="\udcff\ud83d")
    assert decode(json.loads(encode(odd))) == odd


def test_a_changed_file_is_named_with_what_it_was_and_is() -> None:
    old = {
        "src/a.c": b"f" + b"\x3f\x2a" + b"1" * 30,
        "gone.c": b"f" + b"1" * 32,
        "x.sh": b"f" + b"2" * 32,
        "l": b"l" + b"3" * 32,
    }
    new = {
        "src/a.c": b"f" + b"\x91\xbc" + b"1" * 30,
        "new\n.c": b"f" + b"1" * 32,
        "x.sh": b"x" + b"2" * 32,
        "l": b"f" + b"4" * 32,
    }
    one = replace(BASE, inputs=listing_of(old).digest)
    two = replace(BASE, inputs=listing_of(new).digest)
    assert [one.text for one in changes(one, two, old_files=old, new_files=new)] == [
        "gone.c is gone",
        "l changed (was 3333…, is 3434…)",
        "new␊.c is new",
        "src/a.c changed (was 3f2a…, is 91bc…)",
        "x.sh changed (was not executable, is executable)",
    ]
    assert [one.text for one in changes(one, two, new_files=new)] == ["the inputs changed"]


def test_variables_needs_and_the_job_are_said_in_words() -> None:
    other = Fingerprint(
        job="build",
        run="make all",
        env={"CC": "clang\n", "API_TOKEN": "other"},
        input_env={"LANG": "C"},
        input_commands={"cc --version": "bb" * 32, "ld -v": "cc" * 32},
        needs={"gen": Need(files="44" * 32, values={"number": '"2"', "x{}": "1"}), "test": Need(job="d1")},
        inputs="22" * 32,
        umask=0o077,
    )
    found = changes(BASE.masked(KEY), other.masked(KEY))
    assert [one.text for one in found] == [
        "the variable HOME is gone",
        "the variable LANG is new",
        "the variable API_TOKEN changed",
        "the variable CC changed (was gcc, is clang␊)",
        "the output of `cc --version` changed",
        "the output of `ld -v` is new",
        'the output gen.number changed (was "1", is "2")',
        "the output gen.x{} is new",
        "the output files of gen changed",
        "the need lint is gone",
        "the need test is new",
        "the command changed",
        "the umask changed (was 0022, is 0077)",
    ]


def test_values_named_like_secrets_are_neither_shown_nor_written() -> None:
    one = replace(
        BASE, needs={"login": Need(values={"session_token": '"hunter2"'})}, input_env={"DB_PASSWORD": "hunter2"}
    )
    other = replace(one, env={"CC": "gcc", "API_TOKEN": "hunter3"}, input_env={"DB_PASSWORD": "hunter3"})
    assert b"hunter" not in record_bytes(KEY, "n", LastRecord(one, one.digest))
    masked = one.masked(KEY)
    assert masked.masked(KEY) == masked
    assert masked.env["CC"] == "gcc"
    found = changes(masked, other.masked(KEY))
    assert [change.text for change in found] == ["the variable DB_PASSWORD changed", "the variable API_TOKEN changed"]
    assert changes(masked, one.masked(KEY)) == ()
    assert "hunter" not in repr(found)
    assert one.masked(b"o" * 32).env != masked.env, "who has another key cannot try values"


def test_a_change_is_data_too() -> None:
    (found,) = changes(BASE, replace(BASE, env={"CC": "tcc", "API_TOKEN": "hunter2"}))
    assert found == Change("env", "the variable CC", "changed", "gcc", "tcc")


def test_a_record_is_read_by_its_name_and_key_only() -> None:
    record = LastRecord(
        BASE.masked(KEY), BASE.digest, (OutputFile("dist/\udcffapp", 0o755, 3, "ab"), OutputFile("l", link="x"))
    )
    data = record_bytes(KEY, "name", record)
    assert read_record(KEY, "name", data) == record
    assert is_record_of(KEY, "name", data, BASE.digest)
    assert not is_record_of(KEY, "name", data, "00" * 32)
    for key, name, text in (
        (b"o" * 32, "name", data),
        (KEY, "other", data),
        (KEY, "name", data[:-2]),
        (KEY, "name", b""),
    ):
        assert read_record(key, name, text) is None
        assert not is_record_of(key, name, text, BASE.digest)


texts = st.text(max_size=5)
pairs = st.dictionaries(texts, texts, max_size=3)


@given(
    run=st.none() | texts,
    argv=st.lists(texts, max_size=3).map(tuple),
    env=pairs,
    values=pairs,
    other_run=st.none() | texts,
    other_argv=st.lists(texts, max_size=3).map(tuple),
    other_env=pairs,
    other_values=pairs,
)
def test_the_digest_differs_exactly_if_a_part_does(**drawn: Any) -> None:
    one = Fingerprint(
        job="j", run=drawn["run"], argv=drawn["argv"], env=drawn["env"], needs={"n": Need(values=drawn["values"])}
    )
    other = Fingerprint(
        job="j",
        run=drawn["other_run"],
        argv=drawn["other_argv"],
        env=drawn["other_env"],
        needs={"n": Need(values=drawn["other_values"])},
    )
    assert (one.digest == other.digest) == (one == other)
    assert bool(changes(one, other)) == (one != other)
    assert decode(json.loads(encode(one))) == one
