"""Which files of a repository differ from those of a revision, as `git` itself says."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from msgspec import Struct

from orchestrator.cache.ignore_rules import NAME as GITIGNORE
from orchestrator.console.text import quote, visible
from orchestrator.errors import EnvironmentFailedError, UsageError

_SECONDS = 120
_SUBMODULE, _LINK = "160000", "120000"  # modes
_SKIPPED = "S"  # the tag of what is not in a sparse checkout
# Whatever the user's configuration is: all times count, and paths are those from the root.
_SETTINGS = ("-c", "core.trustctime=true", "-c", "core.checkStat=default", "-c", "diff.relative=false")
# Set while Git runs a hook, perhaps of another repository than that of the manifest.
_OF_ANOTHER_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")


class GitChanges(Struct, frozen=True):
    """Paths relative to the root of the repository: those that were changed, added or removed since the commit, or are
    not tracked; and all that are tracked now. `moved` were added or removed. `directories` are submodules, repositories
    that are not tracked, and links, that were changed: anything below may have changed. `links` are all links."""

    commit: str
    changed: tuple[str, ...]
    tracked: frozenset[str]
    moved: frozenset[str] = frozenset()
    directories: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


def git_changes(root: str, revision: str) -> GitChanges:
    """The changes since a revision. `root` is the root of the repository. Raises UsageError if there is no such
    revision, and EnvironmentFailedError if `git` cannot be run."""
    if not os.path.lexists(os.path.join(root, ".git")):
        raise UsageError("`--since` requires a Git repository", help="the manifest is in none")
    commit = _commit(root, revision)
    changed, moved, directories = _differences(root, commit)
    tracked, links, hidden = _tracked(root)
    # What the user's own files ignore counts: a job does not know them.
    untracked = _paths(root, ["ls-files", "--others", f"--exclude-per-directory={GITIGNORE}", "-z"])
    for path in untracked:
        if path.endswith("/"):
            directories.add(path.rstrip("/"))
        elif os.path.islink(os.path.join(root, path)):
            directories.add(path)
            links.append(path)
    untracked = [path.rstrip("/") for path in untracked]
    return GitChanges(
        commit,
        tuple(sorted({*changed, *hidden, *untracked})),
        frozenset(tracked),
        frozenset({*moved, *untracked}),
        tuple(sorted(directories)),
        tuple(sorted(links)),
    )


def ignored_files(root: str) -> list[str]:
    """The files that are not tracked because `.gitignore` files name them."""
    return _paths(root, ["ls-files", "--others", "--ignored", f"--exclude-per-directory={GITIGNORE}", "-z"])


def _commit(root: str, revision: str) -> str:
    commit = _git(root, ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]).strip()
    if commit and revision:
        return commit.decode()
    shallow = _git(root, ["rev-parse", "--is-shallow-repository"]).strip() == b"true"
    help_text = "`git log` shows revisions"
    if shallow:
        help_text = "this is a shallow clone, which lacks most of them: `git fetch --unshallow`, or fetch the revision"
    raise UsageError(f"{quote(revision)} is not a revision of the repository", help=help_text)


def _differences(root: str, commit: str) -> tuple[list[str], list[str], set[str]]:
    """What was changed; what of it was added or removed; what is or was a submodule or a link."""
    options = ["--raw", "--no-renames", "--no-ext-diff", "--ignore-submodules=none"]
    fields = _paths(root, ["diff", *options, "-z", commit, "--"])
    changed, moved, directories = list[str](), list[str](), set[str]()
    for facts, path in zip(fields[::2], fields[1::2], strict=True):
        old, new, _, _, status = facts.removeprefix(":").split(" ")
        changed.append(path)
        if status not in ("M", "T"):
            moved.append(path)
        if {old, new} & {_SUBMODULE, _LINK}:
            directories.add(path)
    return changed, moved, directories


def _tracked(root: str) -> tuple[list[str], list[str], list[str]]:
    """What is tracked; what of it is a link; and what Git was told not to look at, which may have changed."""
    tracked, links, hidden = list[str](), list[str](), list[str]()
    for line in _paths(root, ["ls-files", "-v", "--stage", "-z"]):
        facts, _, path = line.partition("\t")
        tag, mode = facts.split(" ")[:2]
        tracked.append(path)
        if mode == _LINK:
            links.append(path)
        if tag.islower() or (tag == _SKIPPED and os.path.lexists(os.path.join(root, path))):
            hidden.append(path)
    return tracked, links, hidden


def _paths(root: str, arguments: Sequence[str]) -> list[str]:
    return [os.fsdecode(path) for path in _git(root, arguments, may_fail=False).split(b"\0") if path]


def _git(root: str, arguments: Sequence[str], *, may_fail: bool = True) -> bytes:
    """What `git` prints. It may fail only without a message, and prints nothing then."""
    environ = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_REPOSITORY}
    try:
        done = subprocess.run(
            ["git", *_SETTINGS, "-C", root, *arguments],
            env={**environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
        )
    except FileNotFoundError:
        raise EnvironmentFailedError("`--since` requires `git`, which was not found", code="PX301") from None
    except (subprocess.TimeoutExpired, OSError, ValueError) as error:
        if isinstance(error, ValueError):  # a NUL in the revision
            return b""
        why = f"did not end within {_SECONDS} s" if isinstance(error, subprocess.TimeoutExpired) else "cannot be run"
        raise EnvironmentFailedError(f"`git {arguments[0]}` {why}", code="PX301") from None
    if done.returncode == 0:
        return done.stdout
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    if may_fail and not lines:
        return b""
    why = visible(next((line for line in lines if line.startswith("fatal:")), lines[-1] if lines else "no message"))
    raise EnvironmentFailedError(f"`git {arguments[0]}` failed: {why}", code="PX301")
