"""Diagnostics as text with snippets, in the manner of rustc. `render_json.py` renders the same facts as JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.console.streams import wants_colour
from orchestrator.console.text import count, visible
from orchestrator.console.theme import BOLD, ERROR, FRAME, WARNING, painted
from orchestrator.diagnostics.model import Diagnostic, Note, Severity, Span
from orchestrator.diagnostics.snippet import Mark, SourceText

MOST_SHOWN = 20
MOST_PLACES = 20  # of one diagnostic: a cycle may lead through every line of a large manifest

_STYLES = {"error": ERROR, "warning": WARNING, "frame": FRAME}


class DiagnosticRenderer(Struct):
    """Shows diagnostics. `texts` maps file names of spans to their text; a file not among them has no snippet."""

    texts: Mapping[str, str]
    colour: bool = False
    _sources: dict[str, SourceText] = field(default_factory=dict)

    @classmethod
    def for_stderr(cls, texts: Mapping[str, str]) -> DiagnosticRenderer:
        """A renderer for stderr, in colour if it supports that."""
        return cls(texts, wants_colour(sys.stderr, os.environ))

    def all(self, diagnostics: Sequence[Diagnostic], subject: str) -> str:
        """Every diagnostic of `subject` (a file name), and a summary line. At most 20 are shown, errors first."""
        if not diagnostics:
            return ""
        shown = list(diagnostics)
        if len(shown) > MOST_SHOWN:
            errors_first = sorted(range(len(shown)), key=lambda i: (shown[i].severity is not Severity.ERROR, i))
            shown = [diagnostics[i] for i in sorted(errors_first[:MOST_SHOWN])]
        parts = [self.one(diagnostic) for diagnostic in shown]
        parts.append(self._summary(diagnostics, len(diagnostics) - len(shown), subject))
        return "\n".join(parts)

    def one(self, diagnostic: Diagnostic) -> str:
        """One diagnostic, several lines, each ended by a newline. Of its notes at most 20 are shown, with the last."""
        hidden = len(diagnostic.notes) - MOST_PLACES
        if hidden > 0:
            kept = (*diagnostic.notes[: MOST_PLACES - 1], diagnostic.notes[-1])
            diagnostic = replace(diagnostic, notes=(*kept, Note(f"{count(hidden, 'more place')} not shown")))
        title = f"{diagnostic.severity.value}[{diagnostic.code}]"
        lines = [self._paint(title, diagnostic.severity.value) + self._paint(f": {visible(diagnostic.message)}", "")]
        spans = [span for span in (diagnostic.span, *(note.span for note in diagnostic.notes)) if span is not None]
        gutter = len(str(max((span.line for span in spans), default=1)))
        footers = [("note", note.message) for note in diagnostic.notes if note.span is None]
        for file, marks in _marks_by_file(diagnostic).items():
            source = self._source(file)
            head = diagnostic.span if diagnostic.span and diagnostic.span.file == file else marks[0][0]
            arrow = "-->" if head is diagnostic.span else ":::"
            place = f"{visible(file)}:{head.line}:{head.column}"
            lines.append(f"{' ' * gutter}{self._frame(arrow)} {place}")
            if source is None:
                footers += [("note", f"line {span.line}: {mark.label}") for span, mark in marks if mark.label]
            else:
                lines += self._snippet(source, marks, gutter, diagnostic.severity)
        if diagnostic.help:
            footers.append(("help", diagnostic.help))
        lines += [f"{' ' * gutter} {self._frame('=')} {kind}: {visible(text)}" for kind, text in footers]
        return "\n".join(lines) + "\n"

    def message(self, severity: Severity, message: str, hint: str = "", code: str = "") -> str:
        """A message without a place, such as a refusal, and perhaps without a code, such as an unknown flag."""
        title = f"{severity.value}[{code}]" if code else severity.value
        text = self._paint(title, severity.value) + self._paint(f": {visible(message)}", "") + "\n"
        return text + (f"  {self._frame('=')} help: {visible(hint)}\n" if hint else "")

    def _snippet(
        self, source: SourceText, marks: list[tuple[Span, Mark]], gutter: int, severity: Severity
    ) -> Iterator[str]:
        """The lines that carry marks, top to bottom; `...` where lines between them are left out."""
        bar = self._frame("|")
        blank = " " * (gutter + 1)
        yield f"{blank}{bar}"
        by_line: dict[int, list[Mark]] = {}
        for span, mark in marks:
            by_line.setdefault(span.line, []).append(mark)
        previous = None
        for number, on_line in by_line.items():
            if previous is not None and number != previous + 1:
                yield f"{blank}{self._frame('...')}"
            previous = number
            for row in source.rows(number, on_line):
                if row.mark is None:
                    yield f"{self._frame(f'{number:>{gutter}} |')} {row.text}".rstrip()
                else:
                    style = severity.value if row.mark.sign == "^" else "frame"
                    label = f" {visible(row.mark.label)}" if row.mark.label else ""
                    indent = row.text.removesuffix(row.mark.sign * len(row.text.strip()))
                    yield f"{blank}{bar} {indent}{self._paint(row.text.strip() + label, style)}"

    def _summary(self, diagnostics: Sequence[Diagnostic], hidden: int, subject: str) -> str:
        errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
        warnings = len(diagnostics) - errors
        counts = [count(number, noun) for number, noun in ((errors, "error"), (warnings, "warning")) if number]
        text = f"{' and '.join(counts)} in {subject}" + (f", {hidden} of them not shown" if hidden else "")
        return self.message(Severity.ERROR if errors else Severity.WARNING, text)

    def _source(self, file: str) -> SourceText | None:
        if file not in self._sources and file in self.texts:
            self._sources[file] = SourceText(self.texts[file])
        return self._sources.get(file)

    def _frame(self, text: str) -> str:
        return self._paint(text, "frame")

    def _paint(self, text: str, style: str) -> str:
        return painted(text, _STYLES.get(style, BOLD), colour=self.colour)


def _marks_by_file(diagnostic: Diagnostic) -> dict[str, list[tuple[Span, Mark]]]:
    """Where to underline what: the diagnostic's own file first, and in each file from top to bottom.

    A note at the diagnostic's own span is the label of its caret.
    """
    marks: dict[str, list[tuple[Span, Mark]]] = {}
    notes = list(diagnostic.notes)
    if diagnostic.span is not None:
        own = next((note for note in notes if note.span == diagnostic.span), None)
        if own is not None:
            notes.remove(own)
        marks[diagnostic.span.file] = [_mark(diagnostic.span, "^", own.message if own else "")]
    for note in notes:
        if note.span is not None:
            marks.setdefault(note.span.file, []).append(_mark(note.span, "-", note.message))
    for in_file in marks.values():
        in_file.sort(key=lambda placed: (placed[0].line, placed[0].column))
    return marks


def _mark(span: Span, sign: str, label: str) -> tuple[Span, Mark]:
    return span, Mark(span.column - 1, span.length, sign, label)
