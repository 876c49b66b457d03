"""Examples of every command, for its help and its page: command lines, each with what it does."""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "init": (
        ("pexec init", "write pexec.yaml"),
        ("pexec init -o ci/pexec.yaml", "write another file"),
    ),
    "apply": (
        ("pexec apply", "run everything"),
        ("pexec apply test --jobs 8", "run `test` and what it needs, 8 jobs at once"),
        ("pexec apply --only tag:fast --keep-going", "run jobs by tag, despite failures"),
        ("pexec apply test -- -k slow", "pass arguments to the command of `test`"),
    ),
    "resume": (
        ("pexec resume", "continue the last run"),
        ("pexec resume --failed", "rerun what failed, and what depends on it"),
    ),
    "cancel": (
        ("pexec cancel", "cancel the run that is in progress"),
        ("pexec cancel test", "cancel one job; the others continue"),
    ),
    "validate": (
        ("pexec validate", "check the nearest manifest"),
        ("pexec validate ci/pexec.yaml --format github", "annotate the lines of a pull request"),
    ),
    "plan": (
        ("pexec plan", "show everything that would run"),
        ("pexec plan test --set channel=stable", "show one job and what it needs"),
        ("pexec plan --format json", "print the plan as data"),
    ),
    "list": (
        ("pexec list", "list jobs, parameters and tags"),
        ("pexec list --format json", "the same as data"),
    ),
    "graph": (
        ("pexec graph", "draw a tree of the jobs"),
        ("pexec graph --open", "open a picture in a browser"),
        ("pexec graph --format mermaid", "print a diagram for Markdown"),
        ("pexec graph --run --format dot", "draw the last run, for Graphviz"),
    ),
    "discover": (
        ("pexec discover ci/build.sh ci/deploy.md", "print a manifest that runs both"),
        ("pexec discover ci/build.sh -o new.yaml", "write it to a file"),
    ),
    "runs": (
        ("pexec runs --last 5", "list the newest runs"),
        ("pexec runs --format json", "list all runs as data"),
    ),
    "status": (
        ("pexec status", "show the last run"),
        ("pexec status --watch", "watch it until it ends"),
    ),
    "logs": (
        ("pexec logs", "print the output of the jobs that failed"),
        ("pexec logs test --tail 50", "print the last lines of one job"),
        ("pexec logs test --follow", "print them as they come"),
    ),
    "report": (
        ("pexec report", "print the last run as Markdown"),
        ("pexec report --format junit", "print it for a CI server"),
    ),
    "ui": (
        ("pexec ui", "print a URL, and serve the runs there until Ctrl-C"),
        ("pexec ui --open", "open it in a browser"),
        ("pexec ui --port 8470", "choose the port"),
    ),
    "verify": (
        ("pexec verify", "check the last run"),
        ("pexec verify --format json", "print violations as data"),
    ),
    "archive": (
        ("pexec archive", "pack the last run"),
        ("pexec archive -o run.tar.gz", "choose the file"),
    ),
    "prune": (
        ("pexec prune --keep 5 --dry-run", "show what would be removed"),
        ("pexec prune --keep 5", "keep the newest five runs"),
    ),
    "cache": (
        ("pexec cache", "show what is stored, by job"),
        ("pexec cache prune --max-size 1GiB", "remove what was not used for longest"),
        ("pexec cache clear", "remove all stored results"),
    ),
    "doctor": (
        ("pexec doctor", "show what works here, and how to get the rest"),
        ("pexec doctor --cluster pair", "try every worker of a cluster"),
        ("pexec doctor --format json", "the same as data"),
    ),
    "explain": (
        ("pexec explain PX201", "explain one diagnostic"),
        ("pexec explain", "list all codes"),
    ),
    "schema": (
        ("pexec schema", "print the schema of manifests, for an editor"),
        ("pexec schema events", "print the schema of the journal"),
    ),
    "completion": (
        ("pexec completion bash", "print the script for bash"),
        ("pexec completion fish", "print the script for fish"),
    ),
}


def examples_text(command: str) -> str:
    """The examples of a command as the end of its help; empty if it has none."""
    examples = EXAMPLES.get(command, ())
    width = max((len(line) for line, _ in examples), default=0)
    lines = [f"  {line:<{width}}  {what}\n" for line, what in examples]
    return "".join(["\nexamples:\n", *lines]) if lines else ""
