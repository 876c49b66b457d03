"""The scripts that jobs start by a plain path, as `run: ./fetch.sh`, `argv: [python3, ci/load.py]` and
`shell: [./in-container.sh]` do.

An edited script makes its job another one, as an edited `file` does: it becomes part of the job's digest. Only what is
written plainly in front of a command is seen: no variables, nothing after `cd`, nothing that a script starts in turn.
Where the text is ambiguous, a file that is not there is no script, and one script too many only reruns a job.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import dropwhile
from posixpath import basename, isabs, join, normpath

from msgspec.structs import replace

from orchestrator.plan.digest import combined_digest, plan_digest
from orchestrator.plan.model import JobSpec, Plan
from orchestrator.plan.script_hint import may_start_scripts
from orchestrator.plan.shelltext import is_posix_shell

Scripts = Mapping[str, str]  # path relative to the plan's `base_dir` -> digest of the content; empty if it is missing

MOST_TEXT = 64 * 1024
MOST_SCRIPTS = 1000
_is_posix_shell = lru_cache(is_posix_shell)  # most jobs of a plan have the same
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_UNKNOWN = "$"  # placeholder for a word that is not written plainly
_COMMENT = re.compile(r"(?<![^\s])#[^\n]*")
_BETWEEN_COMMANDS = re.compile(r"[;&|\n()]")
_CHANGES_DIRECTORY = frozenset(("cd", "pushd", "popd"))
_MATTERS = re.compile(r"[^/]*/|['\"]|\.$|[a-zA-Z]*(?:sh|d|source)$|python|node$|perl$|php$|ruby$|lua$|Rscript$")
_RUNS_COMMAND = frozenset(("chrt", "ionice", "nice", "setsid", "stdbuf", "sudo", "taskset", "timeout", "xargs"))
_AMOUNT = re.compile(r"[-+].*|[0-9.]+[smhd]?")  # an option, or a number that an option or such a command takes
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_PREFIXES = frozenset(("!", "{", "command", "do", "elif", "else", "env", "exec", "if", "nohup"))
_PREFIXES |= {"then", "time", "until", "while"}
_INTERPRETER = re.compile(r"(?:ba|da|a|z|k|mk)?sh|python[0-9.]*|node|perl|php|ruby|lua|Rscript")
_INLINE_CODE = frozenset(("-c", "-e", "-E", "-m", "-s", "-r", "-"))
_TAKES_VALUE = re.compile(r"[-+][A-Za-z]*[oO]|-[WX]")


def script_paths(spec: JobSpec) -> tuple[str, ...]:
    """The paths that may be scripts of the project, relative to the plan's `base_dir`: each contains a `/`, or is the
    argument of an interpreter."""
    if not may_start_scripts(spec):
        return ()
    words = list(_script_words(spec))
    if not words:
        return ()
    paths = dict.fromkeys(path for word in words if (path := _in_project(word, spec.working_dir)))
    return tuple(paths)[:MOST_SCRIPTS]


def with_script_digests(plan: Plan, scripts: Sequence[Scripts]) -> Plan:
    """The plan with these scripts of each job, in the order of its jobs: the digests of jobs whose scripts differ from
    those in the plan change, those of their dependents, and that of the plan."""
    jobs = list(plan.jobs)
    for level in plan.levels:
        for index in level:
            job, found = jobs[index], scripts[index]
            changed = [need for need in job.needs if jobs[need].digest != plan.jobs[need].digest]
            if changed or found != job.scripts:
                needs = sorted(jobs[need].digest for need in job.needs)
                jobs[index] = replace(job, scripts=found, digest=combined_digest(job.digest, found, needs))
    return replace(plan, jobs=tuple(jobs), digest=plan_digest(plan.policy, jobs))


def _in_project(word: str, working_dir: str) -> str | None:
    if isabs(word) or isabs(working_dir):
        return None
    path = normpath(join(working_dir, word))
    return None if path == ".." or path.startswith("../") else path


def _script_words(spec: JobSpec) -> Iterator[str]:
    if spec.argv is not None:
        yield from _script_of(list(spec.argv))
        return
    yield from _scripts_of_shell(spec.shell)
    if spec.run is not None:
        if _is_posix_shell(spec.shell):
            yield from _scripts_of_text(spec.run)
    elif spec.blocks and _is_posix_shell(spec.shell):
        for block in spec.blocks:
            yield from _scripts_of_text(block.text)


def _scripts_of_shell(shell: Sequence[str]) -> Iterator[str]:
    """The script that a shell is, or that is given to it."""
    words = _without_prefixes(list(shell))
    if words:
        yield from _script_of(words)


def _without_prefixes(words: list[str]) -> list[str]:
    """The words of the command that others before it start."""
    while words:
        if words[0] in _RUNS_COMMAND:
            words = list(dropwhile(_AMOUNT.fullmatch, words[1:]))
        elif words[0] in _PREFIXES or ("=" in words[0] and _ASSIGNMENT.match(words[0])):
            del words[0]
        else:
            break
    return words


def _scripts_of_text(text: str) -> Iterator[str]:
    """The scripts of each command, up to a here-document or a change of the directory."""
    code = text[:MOST_TEXT].partition("<<")[0].replace("\\\n", " ")
    if "#" in code:
        code = _COMMENT.sub("", code)
    for command in _BETWEEN_COMMANDS.split(code):
        words = _without_prefixes(command.split())
        if not words or not _MATTERS.match(words[0]):
            continue
        if words[0] in _CHANGES_DIRECTORY:
            return
        yield from _script_of([_plain(word) for word in words], sources=True)


def _script_of(words: Sequence[str], *, sources: bool = False) -> Iterator[str]:
    """The script that a command of these words starts; with `sources`, that it reads by `.` or `source`."""
    if _INTERPRETER.fullmatch(basename(words[0])):
        yield from _argument_of_interpreter(words[1:])
    elif sources and words[0] in (".", "source"):
        yield from (word for word in words[1:2] if "/" in word)
    elif "/" in words[0]:
        yield words[0]


def _argument_of_interpreter(words: Sequence[str]) -> Iterator[str]:
    takes_value = False
    for word in words:
        if takes_value:
            takes_value = False
        elif word in _INLINE_CODE:
            return
        elif word.startswith(("-", "+")):
            takes_value = _TAKES_VALUE.fullmatch(word) is not None
        else:
            if word != _UNKNOWN:
                yield word
            return


def _plain(word: str) -> str:
    """A word of shell code as the command gets it, or `_UNKNOWN`."""
    if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"":
        word = word[1:-1]
    return word if _PLAIN.fullmatch(word) else _UNKNOWN
