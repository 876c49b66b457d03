"""A terminal as SVG: a still picture, or a recording that plays as an animation in any browser, without a script."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import pyte

WIDTH, HEIGHT, SIZE = 8.4, 19, 14  # of a character, of a line, of the font; in pixels
PADDING, BAR = 14, 30
_FOREGROUND, _BACKGROUND = "#d0d7de", "#0d1117"
_COLOURS = {
    "black": "#484f58", "red": "#ff7b72", "green": "#3fb950", "brown": "#d29922", "blue": "#58a6ff",
    "magenta": "#bc8cff", "cyan": "#39c5cf", "white": "#b1bac4", "brightblack": "#8b949e", "brightred": "#ffa198",
    "brightgreen": "#56d364", "brightbrown": "#e3b341", "brightyellow": "#e3b341", "brightblue": "#79c0ff",
    "brightmagenta": "#d2a8ff", "brightcyan": "#56d4dd", "brightwhite": "#f0f6fc",
}  # fmt: skip
_SGR = re.compile(rb"\x1b\[([0-9;]*)m")
HOLD = 5.0  # seconds for which the last frame stays
FIRST = 2.5  # seconds of them at the start, so that a page never begins with an empty terminal


@dataclass(frozen=True)
class Frame:
    """The screen from `at` on, in seconds: its lines as SVG."""

    at: float
    lines: tuple[str, ...]


class Emulator:
    """A terminal of a size, fed with what a program writes to it."""

    def __init__(self, columns: int, rows: int) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)

    def feed(self, data: bytes) -> None:
        # The emulator has no faint text: it becomes grey.
        self._stream.feed(_SGR.sub(_with_grey, data))

    def lines(self) -> tuple[str, ...]:
        """The lines as SVG, without the empty ones at the end."""
        lines = [self._line(row) for row in range(self.screen.lines)]
        while lines and not lines[-1]:
            lines.pop()
        return tuple(lines)

    def _line(self, row: int) -> str:
        parts, column, cells = [], 0, self.screen.buffer[row]
        while column < self.screen.columns:
            style, start, text = _style(cells[column]), column, ""
            while column < self.screen.columns and _style(cells[column]) == style:
                text += cells[column].data
                column += 1
            parts.append(_run(start, text, *style))
        return "".join(parts)


def _with_grey(sequence: re.Match[bytes]) -> bytes:
    codes = sequence.group(1).split(b";")
    if codes[0] in (b"38", b"48") or b"2" not in codes:
        return re.sub(rb"\x1b\[22m", b"\x1b[22;39m", sequence.group())
    return b"\x1b[" + b";".join(b"90" if code == b"2" else code for code in codes) + b"m"


def _style(cell: pyte.screens.Char) -> tuple[str, str, bool]:
    front, back = _colour(cell.fg, _FOREGROUND), _colour(cell.bg, "")
    if cell.reverse:
        front, back = back or _BACKGROUND, front
    return front, back, bool(cell.bold)


def _colour(name: str, default: str) -> str:
    return default if name == "default" else _COLOURS.get(name, f"#{name}")


def _run(start: int, text: str, front: str, back: str, bold: bool) -> str:
    x, width = round(PADDING + start * WIDTH, 1), round(len(text) * WIDTH, 1)
    box = f'<rect x="{x}" y="3" width="{width}" height="{HEIGHT}" fill="{back}"/>' if back else ""
    if not text.strip():
        return box
    blank = len(text) - len(text.lstrip())
    x, text = round(x + blank * WIDTH, 1), text.strip()
    look = (f' fill="{front}"' if front != _FOREGROUND else "") + (' font-weight="bold"' if bold else "")
    length = f' textLength="{round(len(text) * WIDTH, 1)}"' if len(text) > 1 else ""
    return f'{box}<text x="{x}" y="{HEIGHT - 2}"{length}{look}>{escape(text, quote=False)}</text>'


def picture(frames: Sequence[Frame], columns: int, title: str) -> str:
    """An SVG of the frames; of one alone, a still picture."""
    rows = max(len(frame.lines) for frame in frames)
    width, height = round(columns * WIDTH + 2 * PADDING), BAR + rows * HEIGHT + PADDING
    numbers: dict[str, int] = {}
    for line in (line for frame in frames for line in frame.lines if line):
        numbers.setdefault(line, len(numbers))
    definitions = "".join(f'<g id="l{number}">{line}</g>\n' for line, number in numbers.items())
    films = "".join(_film(place, frame, numbers, height) for place, frame in enumerate(frames))
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>{escape(title)}</title>
<style>
text {{ font: {SIZE}px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre }}
{_animation(frames, height)}</style>
<defs><clipPath id="screen"><rect y="{BAR - 4}" width="{width}" height="{height - BAR}"/></clipPath>
{definitions}</defs>
<rect width="{width}" height="{height}" rx="8" fill="{_BACKGROUND}"/>
<circle cx="20" cy="16" r="5" fill="#ff5f57"/><circle cx="38" cy="16" r="5" fill="#febc2e"/>
<circle cx="56" cy="16" r="5" fill="#28c840"/>
<g clip-path="url(#screen)" fill="{_FOREGROUND}"><g id="film">
{films}</g></g>
</svg>
"""


def _film(place: int, frame: Frame, numbers: dict[str, int], height: int) -> str:
    uses = [f'<use href="#l{numbers[line]}" y="{row * HEIGHT}"/>' for row, line in enumerate(frame.lines) if line]
    return f'<g transform="translate(0 {place * height + BAR - 4})">{"".join(uses)}</g>\n'


def _animation(frames: Sequence[Frame], height: int) -> str:
    """Each frame lies one picture below the one before; a frame is shown by moving all of them up."""
    if len(frames) == 1:
        return ""
    seconds = frames[-1].at + HOLD
    steps = "".join(
        f"{frame.at / seconds:.2%} {{ transform: translateY({-place * height}px) }}\n"
        for place, frame in enumerate(frames)
    )
    last = f"translateY({-(len(frames) - 1) * height}px)"
    return f"""\
#film {{ transform: {last}; animation: play {seconds:.1f}s step-end {FIRST - seconds:.1f}s infinite }}
@keyframes play {{
{steps}100% {{ transform: {last} }}
}}
@media (prefers-reduced-motion: reduce) {{ #film {{ animation: none }} }}
"""
