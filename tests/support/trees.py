"""Projects whose jobs read and make files, drawn; and their trees, to be compared."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st

SOURCES = ("s0", "s1", "s2")
WORDS = ("", "a", "b", "a b", "b c", "a b c")
KINDS = ("copy", "first", "count", "many", "program", "value")


@dataclass
class DrawnJob:
    """One job: how it makes its files, from which sources, and from which earlier jobs."""

    kind: str
    sources: list[str]
    needs: list[int]
    has_inputs: bool


@dataclass
class Project:
    """The jobs, the content of the sources (None: there is no such file), and a parameter."""

    jobs: list[DrawnJob]
    sources: dict[str, str | None]
    word: str = "x"
    salt: dict[int, str] = field(default_factory=dict)  # job -> a part of its command

    def manifest(self) -> str:
        """The text of its manifest."""
        lines = ["version: 1", "defaults: {shell: [sh, -eu]}", "policy: {max_parallel_jobs: 3}", "workflows:"]
        for number, job in enumerate(self.jobs):
            lines += [f"  j{number}:", *(f"    {line}" for line in self._workflow(number, job))]
        return "\n".join(lines) + "\n"

    def _workflow(self, number: int, job: DrawnJob) -> list[str]:
        out = f"out/{number}"
        if job.needs:
            yield_needs = ", ".join(f"j{need}" for need in job.needs)
            lines = [f"needs: [{yield_needs}]"]
        else:
            lines = []
        if job.has_inputs:
            sources = [f"{{path: src/{name}, optional: true}}" for name in job.sources]
            lines.append(f"inputs: [{', '.join(sources)}]")
        fresh = ", fresh: true" if job.has_inputs else ""
        lines.append(f"outputs: {{files: {{path: {out}/{fresh}}}, word: {{default: none}}}}")
        lines.append(f"env: {{WORD: {self.word}, SALT: '{self.salt.get(number, '')}'}}")
        read = " ".join([*(f"src/{name}" for name in job.sources), *(f"out/{need}/*" for need in job.needs)])
        lines.append("run: |")
        lines.append(f"  mkdir -p {out}")
        lines.append(f"  all=$(cat {read} /dev/null 2>/dev/null || true)")
        lines += [f"  {line}" for line in _COMMANDS[job.kind].format(out=out).splitlines()]
        for need in job.needs:
            if self.jobs[need].kind == "value":
                lines.append(f"  echo ${{{{ needs.j{need}.outputs.word }}}} > {out}/word-of-{need}")
        return lines


_COMMANDS = {
    "copy": 'printf "%s" "$all" > {out}/copy',
    "first": 'printf "%.1s" "$all" > {out}/first',  # early cutoff: many contents lead to the same file
    "count": 'echo "$all" | wc -w > {out}/count; echo "$WORD$SALT" > {out}/word',
    "many": """: > {out}/always
for one in $(printf "%s" "$all" | tr -cs a-z0-9 " "); do echo "$one" > {out}/"$one"; done""",
    "program": 'printf "#!/bin/sh\\necho %s\\n" "$WORD$SALT" > {out}/run; chmod +x {out}/run; ln -sf run {out}/link',
    "value": 'echo "word=$(printf "%s" "$all" | tr -cd a-z)" >> "$PEXEC_OUTPUT_FILE"; echo "$SALT" > {out}/salt',
}


@st.composite
def projects(draw: st.DrawFn) -> Project:
    """Up to five jobs."""
    jobs = [
        DrawnJob(
            draw(st.sampled_from(KINDS)),
            draw(st.lists(st.sampled_from(SOURCES), unique=True, max_size=2)),
            sorted(draw(st.lists(st.integers(0, number - 1), unique=True, max_size=2))) if number else [],
            draw(st.integers(0, 5)) > 0,
        )
        for number in range(draw(st.integers(1, 5)))
    ]
    return Project(jobs, {name: draw(st.sampled_from(WORDS)) for name in SOURCES})


Edit = tuple[str, int, int]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(("write", "write", "remove", "touch", "word", "salt", "lose", "lose_all", "spoil", "mode")),
        st.integers(0, 4),
        st.integers(0, 5),
    ),
    max_size=3,
)


def change(project: Project, root: Path, edit: Edit) -> None:
    """Do one edit to the project and to its directory. Twice with the same project: to each of its directories."""
    kind, which, how = edit
    source = root / "src" / SOURCES[which % len(SOURCES)]
    made = sorted((root / "out" / str(which % len(project.jobs))).glob("*"))
    match kind:
        case "write":
            source.write_text(WORDS[how])
        case "remove":
            source.unlink(missing_ok=True)
        case "touch" if source.exists():
            os.utime(source, ns=(10**18 + how, 10**18 + how))
        case "mode" if source.exists():
            source.chmod(0o755 if how % 2 else 0o644)
        case "word":
            project.word = f"w{how % 3}"
        case "salt":
            project.salt[which % len(project.jobs)] = f"s{how % 2}"
        case "lose" if made:
            made[how % len(made)].unlink()
        case "lose_all":
            shutil.rmtree(root / "out" / str(which % len(project.jobs)), ignore_errors=True)
        case "spoil" if made and not made[how % len(made)].is_symlink():
            made[how % len(made)].write_text("by hand\n")


def set_up(project: Project, root: Path) -> None:
    """A new directory with its sources; what is made is ignored by Git."""
    (root / "src").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / ".gitignore").write_text("out/\n")
    for name, content in project.sources.items():
        if content is not None:
            (root / "src" / name).write_text(content)


def tree(root: Path) -> dict[str, tuple[str, bytes]]:
    """Everything that is not pexec's: kind and mode, and the content of each file; empty directories."""
    found: dict[str, tuple[str, bytes]] = {}
    for directory, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in (".pexec", ".git")]
        if not folders and not names:
            found[os.path.relpath(directory, root)] = ("empty directory", b"")
        for name in (*names, *(one for one in folders if os.path.islink(os.path.join(directory, one)))):
            path = Path(directory) / name
            relative = str(path.relative_to(root))
            if path.is_symlink():
                found[relative] = ("link", os.fsencode(os.readlink(path)))
            elif not path.is_file():
                found[relative] = ("special", b"")
            else:
                found[relative] = (oct(stat.S_IMODE(path.stat().st_mode)), path.read_bytes())
    return found
