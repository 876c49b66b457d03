"""Shell text and scripts that are not what they seem: lines that end as on Windows (PX225), and a command that YAML cut
off at a ` #` (PX226)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.diagnostics.model import Diagnostic, Path, Severity
from orchestrator.manifest.file_facts import Files
from orchestrator.manifest.key_index import KeyIndex
from orchestrator.manifest.model import Manifest, Workflow
from orchestrator.manifest.origin import ManifestOrigin
from orchestrator.manifest.syntax.misread_text import written_as_text
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.manifest.validation.sections import place
from orchestrator.plan.shelltext import ends_in_quotes, is_posix_shell

_END = 6
_LOOKED_BACK = 200
_COMMENT = re.compile(r"[ \t]#")


def check_scripts(
    manifest: Manifest,
    source: SourceMap,
    files: Files,
    own: ManifestOrigin,
    origins: Mapping[str, ManifestOrigin],
    key_index: KeyIndex,
    found: list[Diagnostic],
) -> None:
    """Warnings only: there are shells that read such text."""
    for name, workflow in key_index.of("file").items():
        origin = origins.get(name, own)
        facts = None if workflow.file is None else files.get(origin.path_of(workflow.file))
        if facts is None or not facts.crlf:
            continue
        if facts.kind == "executable":
            problem = "its first line names an interpreter whose name ends in a carriage return"
        elif is_posix_shell(workflow.shell or origin.defaults.shell):
            problem = "the shell takes the carriage returns for a part of its words"
        else:
            continue
        path: Path = ("workflows", name, "file")
        message = f"`{workflow.file}`, which `{name}` runs, has Windows line endings: {problem}"
        found.append(_warning("PX225", message, source, path, f"convert it: `sed -i 's/\\r$//' {workflow.file}`"))
    ends = _ends_before_comments(source.texts.values())
    if not ends.usual and not ends.short and not any("\r" in text or "\\r" in text for text in source.texts.values()):
        return
    for name, workflow in manifest.workflows.items():
        run = workflow.run
        if run is not None and ("\r" in run or run[-_END:] in ends.usual or (ends.short and run.endswith(ends.short))):
            _check_run(name, workflow, source, origins.get(name, own), found)


class _Ends(Struct, frozen=True):
    """The last characters of what comes before a comment: most texts end otherwise, and need no closer look."""

    usual: frozenset[str]
    short: tuple[str, ...]  # those of fewer characters


def _ends_before_comments(texts: Iterable[str]) -> _Ends:
    ends = set()
    for text in texts:
        for found in _COMMENT.finditer(text) if "#" in text else ():
            line = text[max(0, found.start() - _LOOKED_BACK) : found.start()].rpartition("\n")[2]
            ends.add(line.strip()[-_END:])
    return _Ends(frozenset(end for end in ends if len(end) == _END), tuple(end for end in ends if 0 < len(end) < _END))


def _check_run(
    name: str, workflow: Workflow, source: SourceMap, origin: ManifestOrigin, found: list[Diagnostic]
) -> None:
    text = workflow.run or ""
    path: Path = ("workflows", name, "run")
    if not is_posix_shell(workflow.shell or origin.defaults.shell):
        return
    if "\r\n" in text:
        message = (
            f"{place(path)} has Windows line endings: the shell takes the carriage returns for a part of its words"
        )
        found.append(_warning("PX225", message, source, path, "write `\\n` instead of `\\r\\n`"))
    behind = source.rest_of_line(path) if ends_in_quotes(text) else ""
    written = source.source_text(path)
    comment = behind.lstrip(" \t")
    if not comment.startswith("#") or comment == behind or written[:1] in ("'", '"', "|", ">"):
        return
    message = f"{place(path)} is cut off: YAML takes the rest of the line for a comment"
    warning = _warning("PX226", message, source, path, written_as_text("run", written + behind.rstrip()))
    if warning.span is not None and "\n" not in written:
        column = warning.span.column + len(written) + len(behind) - len(comment)
        warning = replace(warning, span=replace(warning.span, column=column, length=len(comment.rstrip())))
    found.append(warning)


def _warning(code: str, message: str, source: SourceMap, path: Path, advice: str) -> Diagnostic:
    return Diagnostic(code, message, source.value(path), path, help=advice, severity=Severity.WARNING)
