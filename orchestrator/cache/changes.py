"""Why a job is not up to date: what differs between two fingerprints, in words. Pure.

Both must have been masked with the same key: a value of a variable that is named like a secret is never shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct

from orchestrator.cache.fingerprint import MASKED, Fingerprint, Need
from orchestrator.cache.model import DIRECTORY, EXECUTABLE, FILE, LINK
from orchestrator.console.text import clip, visible

Files = Mapping[str, bytes]
FilesOfNeeds = Mapping[str, Files]

_SHOWN = 60
_DIGITS = 4
_NO_NEED = Need()
_PLAIN = {
    "run": "the command",
    "argv": "the command",
    "file": "the script's path",
    "file_sha256": "the script",
    "args": "the arguments",
    "shell": "the shell",
    "env_inherit": "`env_inherit`",
    "working_dir": "`working_dir`",
    "isolation": "`isolation`",
    "network": "`network`",
    "writes": "`writes`",
    "reads": "`reads`",
    "outputs": "the declaration of `outputs`",
    "output_values": "the declaration of `outputs`",
    "secrets": "the names of its secrets",
    "system": "the operating system",
    "machine": "the machine's architecture",
    "umask": "the umask",
}
_SHOWN_PARTS = ("file", "working_dir", "isolation", "reads", "system", "machine", "umask")


class Change(Struct, frozen=True, omit_defaults=True):
    """One difference. `part` is a field of the fingerprint, with `input` for a file; `name` says which one of it.
    `was` and `now` are empty where they are not shown."""

    part: str
    name: str
    kind: Literal["changed", "added", "removed"]
    was: str = ""
    now: str = ""

    @property
    def text(self) -> str:
        """`src/a.c changed (was 3f2a…, is 91bc…)`, on one line."""
        if self.kind == "added":
            return f"{self.name} is new"
        if self.kind == "removed":
            return f"{self.name} is gone"
        values = f" (was {self.was or 'empty'}, is {self.now or 'empty'})" if self.was or self.now else ""
        return f"{self.name} changed{values}"


def changes(
    old: Fingerprint,
    new: Fingerprint,
    *,
    old_files: Files | None = None,
    new_files: Files | None = None,
    old_needs: FilesOfNeeds | None = None,
    new_needs: FilesOfNeeds | None = None,
) -> tuple[Change, ...]:
    """Everything that differs: files first, then variables and needs, then the job itself. Without the files, or where
    they are equal, a different digest of them is one change. Empty for equal fingerprints."""
    found = [
        *_of_files("input", "the inputs", old.inputs, new.inputs, old_files, new_files),
        *_of_variables(old, new),
        *_of_texts("input_commands", "the output of `{}`", old.input_commands, new.input_commands, shows=False),
        *_of_needs(old.needs, new.needs, old_needs or {}, new_needs or {}),
        *_of_scripts(old.scripts, new.scripts),
        *_of_the_job(old, new),
    ]
    return tuple(dict.fromkeys(found))


def _of_files(part: str, all_of_them: str, old: str, new: str, before: Files | None, now: Files | None) -> list[Change]:
    if old == new:
        return []
    found = [] if before is None or now is None else list(_differing_files(part, before, now))
    return found or [Change(part, all_of_them, "changed")]


def _differing_files(part: str, before: Files, now: Files) -> Iterator[Change]:
    for path in sorted(before.keys() | now.keys()):
        was, is_now = before.get(path), now.get(path)
        if was == is_now:
            continue
        name = visible(path)
        if was is None:
            yield Change(part, name, "added")
        elif is_now is None:
            yield Change(part, name, "removed")
        elif was[1:] == is_now[1:]:
            yield Change(part, name, "changed", _KINDS[was[:1]], _KINDS[is_now[:1]])
        else:
            yield Change(part, name, "changed", _digits(was), _digits(is_now))


_KINDS = {FILE: "not executable", EXECUTABLE: "executable", LINK: "a link", DIRECTORY: "an empty directory"}


def _digits(state: bytes) -> str:
    if state[:1] == DIRECTORY:
        return _KINDS[DIRECTORY]
    return f"{state[1:].hex()[:_DIGITS]}…"


def _of_variables(old: Fingerprint, new: Fingerprint) -> Iterator[Change]:
    yield from _of_texts("input_env", "the variable {}", _set(old.input_env), _set(new.input_env))
    yield from _of_texts("env", "the variable {}", old.env, new.env)
    yield from _of_texts("env_prepend", "what is prepended to {}", old.env_prepend, new.env_prepend)
    yield from _of_texts("env_append", "what is appended to {}", old.env_append, new.env_append)


def _set(values: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


def _of_texts(
    part: str, form: str, old: Mapping[str, str], new: Mapping[str, str], *, shows: bool = True
) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        label = form.format(visible(name))
        if was is None:
            yield Change(part, label, "added")
        elif now is None:
            yield Change(part, label, "removed")
        elif shows:
            yield Change(part, label, "changed", _value(was), _value(now))
        else:
            yield Change(part, label, "changed")


def _value(text: str) -> str:
    return "" if text.startswith(MASKED) else clip(visible(text), _SHOWN)


def _of_needs(
    old: Mapping[str, Need], new: Mapping[str, Need], old_files: FilesOfNeeds, new_files: FilesOfNeeds
) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        label = visible(name)
        if name not in old or name not in new:
            yield Change("needs", f"the need {label}", "added" if name in new else "removed")
            continue
        was, now = old[name], new[name]
        if was.job != now.job:
            yield Change("needs", f"the need {label}", "changed")
        yield from _of_texts(
            "needs", f"the output {label.replace('{', '{{').replace('}', '}}')}.{{}}", was.values, now.values
        )
        yield from _of_files(
            "needs", f"the output files of {label}", was.files, now.files, old_files.get(name), new_files.get(name)
        )


def _of_scripts(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    yield from _of_texts("scripts", "the script {}", old, new, shows=False)


def _of_the_job(old: Fingerprint, new: Fingerprint) -> Iterator[Change]:
    for part, name in _PLAIN.items():
        was, now = getattr(old, part), getattr(new, part)
        if was == now:
            continue
        if part in _SHOWN_PARTS:
            yield Change(part, name, "changed", _part(part, was), _part(part, now))
        else:
            yield Change(part, name, "changed")


def _part(part: str, value: str | int) -> str:
    return f"{value:04o}" if part == "umask" else _value(str(value))
