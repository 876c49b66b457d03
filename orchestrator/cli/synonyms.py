"""What other tools call the commands and flags of pexec. Looked up before similar spellings: `clean` is not `plan`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

SYNONYMS: Mapping[str, str] = {
    **dict.fromkeys(("start", "up", "exec", "execute", "launch"), "apply"),
    **dict.fromkeys(("check", "lint"), "validate"),
    **dict.fromkeys(("dry-run", "dryrun"), "plan"),
    **dict.fromkeys(("ls", "tasks", "jobs", "targets", "recipes", "workflows"), "list"),
    **dict.fromkeys(("tree", "dag", "dot"), "graph"),
    **dict.fromkeys(("stop", "kill", "abort", "down"), "cancel"),
    **dict.fromkeys(("new", "create"), "init"),
    **dict.fromkeys(("rm", "remove", "delete", "clean", "gc"), "prune"),
    **dict.fromkeys(("show", "info"), "status"),
    "watch": "status --watch",
    **dict.fromkeys(("ps", "history"), "runs"),
    **dict.fromkeys(("log", "output", "tail", "cat"), "logs"),
    **dict.fromkeys(("retry", "rerun", "restart", "continue"), "resume"),
    **dict.fromkeys(("import", "convert", "migrate"), "discover"),
    **dict.fromkeys(("fsck", "audit"), "verify"),
    **dict.fromkeys(("pack", "export"), "archive"),
    **dict.fromkeys(("completions", "autocomplete"), "completion"),
    **dict.fromkeys(("error", "errors"), "explain"),
}
"""Word -> the command for it, perhaps with a flag. The words are no commands."""

FLAG_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("--parallel", "--parallelism", "--workers", "--threads", "--concurrency", "-p"), ("--jobs",)),
    **dict.fromkeys(("--max-workers", "--max-jobs", "--max-concurrency", "--cores"), ("--jobs",)),
    **dict.fromkeys(("--dryrun", "--dry", "--just-print", "--recon", "--no-exec", "--simulate"), ("--dry-run",)),
    **dict.fromkeys(("--silent", "-s"), ("--quiet",)),
    **dict.fromkeys(("--continue", "--no-fail-fast", "--continue-on-error", "--keep-on"), ("--keep-going",)),
    **dict.fromkeys(("--failfast", "--exitfirst", "-x", "--bail", "--stop-on-error"), ("--fail-fast",)),
    **dict.fromkeys(("--param", "--var", "--arg", "--define", "-D", "-e", "--input"), ("--set",)),
    **dict.fromkeys(("--target", "--include", "--filter", "-t", "--tags", "--tag", "--select"), ("--only",)),
    **dict.fromkeys(("--exclude", "--except", "--ignore", "--skip-tags", "--deselect"), ("--skip",)),
    **dict.fromkeys(("--manifest", "--config", "--makefile", "--taskfile", "--justfile"), ("--file",)),
    **dict.fromkeys(("--cwd", "--chdir", "--working-dir", "--working-directory", "--dir"), ("--directory",)),
    "--watch": ("--follow",),
    "--lines": ("--tail", "--last"),
    "--last": ("--tail",),
    "--tail": ("--last",),
    **dict.fromkeys(("--json", "--output-format", "--out-format", "-o"), ("--format",)),
    **dict.fromkeys(("--run-id", "--id"), ("--run",)),
    **dict.fromkeys(("-B", "--always-make", "--rerun"), ("--force",)),
    **dict.fromkeys(("--only-failed", "--last-failed", "--lf", "--failures"), ("--failed",)),
    **dict.fromkeys(("--runs-dir", "--root"), ("--run-root",)),
}
"""Unknown flag -> the flags for it, of which a command may have one."""


_OF_RUNS = ("apply", "plan", "resume")

FLAG_ADVICE: Mapping[str, tuple[tuple[str, ...], str]] = {
    **dict.fromkeys(
        ("--watch", "-w"),
        (_OF_RUNS, "pexec does not watch files; let watchexec or entr start it, and `pexec status --watch` show a run"),
    ),
}
"""Flag of other tools -> the commands that have nothing like it, and why."""


def command_called(word: str) -> str:
    """The command for a word of another tool, perhaps with a flag; empty if there is none."""
    return SYNONYMS.get(word, "")


def flag_advice(command: str, flag: str) -> str:
    """Why a command has no such flag, which those of other tools have; empty for other flags."""
    commands, why = FLAG_ADVICE.get(flag, ((), ""))
    return why if command in commands else ""


def flag_called(flag: str, known: Collection[str]) -> str:
    """The one of the `known` flags for a flag of another tool; empty if there is none."""
    return next((name for name in FLAG_SYNONYMS.get(flag, ()) if name in known), "")
