"""Which files of a repository differ from those of a revision, as `git` itself says."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from msgspec import Struct

from orchestrator.console.text import quote, visible
from orchestrator.errors import EnvironmentFailedError, UsageError

_SECONDS = 120


class GitChanges(Struct, frozen=True):
    """Paths relative to the root of the repository: those that were changed, added or removed since the commit, or are
    not tracked; and all that are tracked now."""

    commit: str
    changed: tuple[str, ...]
    tracked: frozenset[str]


def git_changes(root: str, revision: str) -> GitChanges:
    """The changes since a revision. `root` is the root of the repository. Raises UsageError if there is no such
    revision, and EnvironmentFailedError if `git` cannot be run."""
    if not os.path.lexists(os.path.join(root, ".git")):
        raise UsageError("`--since` requires a Git repository", help="the manifest is in none")
    commit = _git(root, ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]).strip()
    if not commit:
        raise UsageError(f"{quote(revision)} is not a revision of the repository", help="`git log` shows revisions")
    changed = _paths(root, ["diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", commit.decode(), "--"])
    untracked = _paths(root, ["ls-files", "--others", "--exclude-standard", "-z"])
    tracked = _paths(root, ["ls-files", "-z"])
    return GitChanges(commit.decode(), tuple(sorted({*changed, *untracked})), frozenset(tracked))


def _paths(root: str, arguments: Sequence[str]) -> list[str]:
    output = _git(root, arguments, must_succeed=True)
    return [os.fsdecode(path) for path in output.split(b"\0") if path]


def _git(root: str, arguments: Sequence[str], *, must_succeed: bool = False) -> bytes:
    """What `git` prints; without `must_succeed` it may fail, and print nothing."""
    environ = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "-C", root, *arguments],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
        )
    except FileNotFoundError:
        raise EnvironmentFailedError("`--since` requires `git`, which was not found", code="PX301") from None
    except subprocess.TimeoutExpired:
        raise EnvironmentFailedError(f"`git {arguments[0]}` did not end within {_SECONDS} s", code="PX301") from None
    if must_succeed and done.returncode:
        why = visible(done.stderr.decode(errors="replace").strip().splitlines()[-1:][0] if done.stderr.strip() else "")
        raise EnvironmentFailedError(f"`git {arguments[0]}` failed: {why}", code="PX301")
    return done.stdout if done.returncode == 0 else b""
