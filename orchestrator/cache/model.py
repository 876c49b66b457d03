"""What is said about inputs, outputs and entries of the cache. Plain frozen data. Pure.

Paths are text relative to the manifest's directory, with `/` between components; bytes that are not UTF-8 are surrogate
escapes, as `os.fsdecode` makes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from msgspec import Struct, field

FILE, EXECUTABLE, LINK, DIRECTORY = b"f", b"x", b"l", b"d"
"""The first byte of what a `Listing` says about a file; its SHA-256 follows. A directory is an empty one in outputs."""

EMPTY_DIRECTORY = DIRECTORY + bytes(32)

DEFAULT_MAX_SIZE = 5 << 30  # bytes

ShouldStop = Callable[[], bool]
ProblemKind = Literal["missing", "empty", "special", "unreadable", "outside", "changing", "link", "invalid"]
RemoteMode = Literal["read", "write", "readwrite"]
Signature = tuple[int, int, int, int, int]
"""Device, inode, size, and the times of the last change of content and of metadata, in nanoseconds."""


def never() -> bool:
    """For who cannot be asked to stop."""
    return False


class Stopped(Exception):  # noqa: N818 - not an error
    """The caller asked for an end. What was begun left nothing behind that counts."""


class PathInput(Struct, frozen=True, omit_defaults=True):
    """An entry of `inputs`: a path or a pattern, below the repository's root; `!` in front excludes. The last entry
    that matches a file decides. `ignore`: what `.gitignore` files name is not among its files."""

    path: str
    ignore: bool = True
    optional: bool = False


class OutputPath(Struct, frozen=True, omit_defaults=True):
    """A path or a pattern of `outputs`. `fresh`: what an earlier success left there is removed before an attempt."""

    path: str
    fresh: bool = False
    optional: bool = False


class Place(Struct, frozen=True):
    """Absolute paths: the manifest's directory, and the repository's root, which is the same where there is none."""

    base_dir: str
    root: str


class RemoteSettings(Struct, frozen=True):
    """A store that several machines share: its URL, what is done with it, and the key with which entries are signed.
    Only in a directory (`file://`) may entries be signed with the key of the user."""

    url: str
    mode: RemoteMode = "read"
    key: bytes | None = None


class Problem(Struct, frozen=True):
    """What is wrong with an input or an output. `text` is a sentence without a full stop."""

    kind: ProblemKind
    path: str
    text: str
    help: str = ""


class Listing(Struct, frozen=True):
    """Files and their content. `files`: by path, `FILE`, `EXECUTABLE` or `LINK` and a SHA-256. `digest` covers them and
    nothing else. `signatures` are those that the files had when they were read. `by_pattern` has the sorted paths of
    each pattern of outputs. `has_followed`: some of the files are behind links to directories."""

    files: Mapping[str, bytes]
    digest: str
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    signatures: Mapping[str, Signature] = field(default_factory=dict)
    by_pattern: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    has_followed: bool = False


class NeedOutputs(Struct, frozen=True):
    """The declared outputs of a need, and the listing of them before the job ran."""

    declared: tuple[OutputPath, ...]
    listing: Listing


class OutputFile(Struct, frozen=True, omit_defaults=True):
    """A file of an entry: permissions, size and the SHA-256 of its content; or a link with its text; or an empty
    directory."""

    path: str
    mode: int = 0
    size: int = 0
    sha256: str = ""
    link: str = ""
    is_directory: bool = False

    @property
    def is_executable(self) -> bool:
        """Whether its owner may execute it."""
        return bool(self.mode & 0o100)


class Entry(Struct, frozen=True, omit_defaults=True):
    """A stored success. `values` are JSON texts by name. `log` is the SHA-256 of its masked log, empty if there is
    none; `listings` are digests of the listings of its inputs and of the files of its needs."""

    fingerprint: str
    job: str
    run_id: str
    seconds: float = 0.0
    outputs: tuple[OutputFile, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    log: str = ""
    log_size: int = 0
    listings: tuple[str, ...] = ()


class Kept(Struct, frozen=True):
    """All output files were there with the stored content."""


class Restored(Struct, frozen=True):
    """Output files that were copied from the store; `edited` of them had been changed by neither the job nor pexec, and
    `unclear` by these or by someone. `removed` are files of an earlier success that this one does not have."""

    files: tuple[str, ...]
    edited: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()


class NotRestored(Struct, frozen=True):
    """The entry cannot be used, so the job has to run. `reason` is a sentence without a full stop."""

    reason: str


class Saved(Struct, frozen=True):
    """The success was stored as `entry`: this many bytes of outputs and log, and how many of them were not in the store
    before."""

    entry: Entry
    size: int
    new: int


class NotSaved(Struct, frozen=True):
    """The success was not stored. `reason` is a sentence without a full stop, which names the first of `paths`."""

    reason: str
    paths: tuple[str, ...] = ()


class SecretSearch(Protocol):
    """Searches one stream for the secrets of the run."""

    def feed(self, chunk: bytes) -> bool:
        """Whether one was found so far."""

    def finish(self) -> bool:
        """Whether one was found, after the last chunk."""


def listing_of(
    files: Mapping[str, bytes],
    *,
    problems: tuple[Problem, ...] = (),
    warnings: tuple[Problem, ...] = (),
    signatures: Mapping[str, Signature] | None = None,
) -> Listing:
    """A listing with its digest."""
    digest = hashlib.sha256(encode_files(files)).hexdigest()
    return Listing(files, digest, problems, warnings, signatures or {})


def encode_files(files: Mapping[str, bytes]) -> bytes:
    """The files of a listing as bytes, the same whatever their order is."""
    return b"".join([files[path] + path.encode("utf-8", "surrogateescape") + b"\0" for path in sorted(files)])


def decode_files(data: bytes) -> dict[str, bytes]:
    """What `encode_files` made. Raises ValueError for anything else."""
    files: dict[str, bytes] = {}
    position = 0
    while position < len(data):
        end = data.index(b"\0", position + STATE_BYTES)
        path = data[position + STATE_BYTES : end].decode("utf-8", "surrogateescape")
        files[path] = data[position : position + STATE_BYTES]
        position = end + 1
    return files


STATE_BYTES = 33
EMPTY_LISTING = listing_of({})
