"""Runs pexec in terminals, and draws what appears on them: the pictures `docs/pictures/*.svg`.

    .venv/bin/python docs/site/recording.py             all of them
    .venv/bin/python docs/site/recording.py run.svg     only this one

The commands really run, so times and the order of lines differ each time.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from terminal_picture import Emulator, Frame, picture

HERE = Path(__file__).parent
PICTURES = HERE.parent / "pictures"
LONGEST = 60.0  # seconds that a command may take
BETWEEN = 0.12  # seconds between two frames
PROMPT = b"\x1b[1;32m$\x1b[0m "


@dataclass(frozen=True)
class Scene:
    """One picture: the command that is typed where `pexec.yaml` is `manifest`, after `before` has run there."""

    file: str
    title: str
    manifest: str
    command: str
    columns: int = 92
    rows: int = 24
    plays: bool = False
    before: str = ""


SCENES = (
    Scene(
        "run.svg",
        "A terminal: pexec apply runs ten jobs in parallel; one succeeds at its second attempt",
        "shop.yaml",
        "pexec apply",
        plays=True,
        before="pexec apply",  # so that it knows how long the jobs take
    ),
    Scene("failure.svg", "The end of a run in which a test has failed", "failing.yaml", "pexec apply", rows=40),
    Scene("resume.svg", "pexec resume, after the test was repaired", "failing.yaml", "pexec resume", rows=40,
          before="pexec apply; touch fixed"),
    Scene("plan.svg", "pexec plan shows what would run", "shop.yaml", "pexec plan", columns=96, rows=60),
    Scene("errors.svg", "pexec validate reports three mistakes, each at its line", "mistakes.yaml", "pexec validate",
          rows=40),
)  # fmt: skip


def record(scene: Scene) -> str:
    """The SVG of a scene."""
    emulator = Emulator(scene.columns, scene.rows)
    frames: list[Frame] = []

    def keep(at: float) -> None:
        lines = emulator.lines()
        if not frames or frames[-1].lines != lines:
            frames.append(Frame(round(at, 2), lines))

    emulator.feed(PROMPT)
    keep(0.0)
    typed = 0.6
    for letter in scene.command:
        emulator.feed(letter.encode())
        typed += 0.06
        keep(typed)
    emulator.feed(b"\r\n")
    typed += 0.3
    last = 0.0
    with tempfile.TemporaryDirectory() as root:
        # The names of these directories are on the pictures.
        directory = Path(root, "shop")
        directory.mkdir()
        shutil.copy(HERE / "recorded" / scene.manifest, directory / "pexec.yaml")
        shutil.copytree(HERE / "recorded/ci", directory / "ci")
        if scene.before:
            subprocess.run(["bash", "-c", scene.before], cwd=directory, env=_environment(root), timeout=LONGEST,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           check=False)  # fmt: skip
        for seconds, data in _output(scene, directory, root):
            if seconds - last >= BETWEEN:
                keep(typed + last)
                last = seconds
            emulator.feed(data.replace(root.encode(), b"/home/me"))
    emulator.feed(PROMPT)
    keep(typed + last + BETWEEN)
    return picture(frames if scene.plays else frames[-1:], scene.columns, scene.title)


def _environment(root: str) -> dict[str, str]:
    return {
        "HOME": root,
        "LANG": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TERM": "xterm-256color",
    }


def _output(scene: Scene, directory: Path, root: str) -> Iterator[tuple[float, bytes]]:
    """What the command writes to its terminal, with the seconds since its start."""
    start = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(directory)
        # The terminal is set up before the program asks for its size.
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", scene.rows, scene.columns, 0, 0))
        os.execvpe("bash", ["bash", "-c", f"exec {scene.command}"], _environment(root))
    try:
        while time.monotonic() - start < LONGEST:
            if not select.select([terminal], [], [], 0.05)[0]:
                yield time.monotonic() - start, b""
                continue
            try:
                data = os.read(terminal, 1 << 16)
            except OSError:  # the program has ended
                return
            if not data:
                return
            yield time.monotonic() - start, data
        os.kill(pid, signal.SIGKILL)
        raise TimeoutError(f"{scene.command} took longer than {LONGEST} s")
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for scene in SCENES:
        if not sys.argv[1:] or scene.file in sys.argv[1:]:
            (PICTURES / scene.file).write_text(record(scene))
            print(f"{scene.file}: {(PICTURES / scene.file).stat().st_size // 1024} KiB")
