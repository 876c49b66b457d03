"""The keys of `policy`: rules for the run as a whole."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import field

from orchestrator.manifest.cluster_keys import LOCAL_CLUSTER
from orchestrator.manifest.container_types import FailFastWord
from orchestrator.manifest.field_types import (
    ByteSize,
    Limit,
    Name,
    NonBlank,
    Parallel,
    PositiveInteger,
    integer,
    number,
    scalar,
)
from orchestrator.manifest.scalars import NO_LIMIT, ScalarError
from orchestrator.manifest.section import Doc, Section
from orchestrator.manifest.value_errors import MissingKeyError, type_error

LOCAL = "file://"  # a remote store in a directory
_URL = r"^(file:///.*|(s3|gs|https?|ssh|sftp)://[^/].*)$"
_is_url = re.compile(_URL).match


def _remote_url(value: object) -> str:
    if type(value) is not str:
        raise type_error("a URL", value)
    if not _is_url(value):
        hint = (
            "write `file:///directory`, or a URL that begins with `s3://`, `gs://`, `http://`, `https://` or `ssh://`"
        )
        raise ScalarError("PX113", "is not the URL of a store", hint)
    return value


RemoteUrl = Annotated[str, scalar(_remote_url, {"type": "string", "pattern": _URL})]
RemoteMode = Literal["read", "write", "readwrite"]


class AdmissionKeys(Section, frozen=True):
    """Free resources that the machine must have before another job starts; one job may always run."""

    min_free_memory: Annotated[ByteSize, Doc("Memory that must be available when a job starts.", "512MiB")] = 0
    max_load: Annotated[
        float | None,
        number(0, 1_000_000, above=True),
        Doc("No job starts while the one-minute load average is this high.", 8.0),
    ] = None


class CiKeys(Section, frozen=True):
    """What the run does in a CI service."""

    pass_commands: Annotated[
        bool, Doc("Let workflow commands that jobs print, such as `::add-mask::`, reach the runner of GitHub.", True)
    ] = False


class CacheKeyKeys(Section, frozen=True):
    """The key with which results in a remote store are signed."""

    secret: Annotated[Name, Doc("Declared secret whose value is the key.", "CACHE_KEY")]


class CacheKeys(Section, frozen=True):
    """Where the results of jobs with `inputs` are stored, and how much of them."""

    dir: Annotated[NonBlank, Doc("Directory of the stored results, relative to the manifest.", "/var/cache/pexec")] = (
        ".pexec/cache"
    )
    max_size: Annotated[
        ByteSize, Doc("Total size of what is stored; what was not used for longest is removed first.", "20GiB")
    ] = 5 << 30
    remote: Annotated[
        RemoteUrl | None,
        Doc(
            "URL of a store that several machines share: `file://`, `s3://`, `gs://`, `http://`, `https://`, `ssh://`.",
            "s3://bucket/pexec",
            "file:///mnt/shared/pexec",
        ),
    ] = None
    mode: Annotated[RemoteMode, Doc("What is done with `remote`.", "readwrite")] = "read"
    key: Annotated[
        CacheKeyKeys | None,
        Doc("Key with which results in `remote` are signed; only `file://` does without.", {"secret": "CACHE_KEY"}),
    ] = None

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> ScalarError | None:
        """What belongs together."""
        remote = data.get("remote")
        if remote is None:
            useless = next((f"`{key}`" for key in ("mode", "key") if key in data), None)
            help_text = f"add `remote: URL`, or remove {useless}"
            return None if useless is None else MissingKeyError("PX111", "has no `remote`", help_text, "remote")
        if "key" not in data and isinstance(remote, str) and not remote.startswith(LOCAL):
            help_text = "add `key: {secret: NAME}`: what other machines stored counts only if it is signed"
            return MissingKeyError("PX111", "has no `key`", help_text, "key")
        return None


class PolicyKeys(Section, frozen=True):
    """Rules for the run as a whole."""

    max_parallel_jobs: Annotated[
        Parallel,
        Doc("Maximum number of parallel jobs: a number, `auto`, or a percentage of the CPUs.", 8, "auto", "150%"),
    ] = 4
    fail_fast: Annotated[
        FailFastWord,
        Doc(
            "After the first failure: false continues, `drain` starts no more jobs, true also stops those that run.",
            "drain",
        ),
    ] = False
    timeout: Annotated[Limit, Doc("Timeout of the whole run.", "2h", "none")] = NO_LIMIT
    order: Annotated[
        Literal["critical_path", "declared"], Doc("Which of several ready jobs starts first.", "declared")
    ] = "critical_path"
    pools: Annotated[
        dict[Name, PositiveInteger],
        Doc("Named resources that jobs share, each with its size.", {"gpu": 1, "database": 2}),
    ] = field(default_factory=dict)
    admission: Annotated[
        AdmissionKeys,
        Doc("What the machine must have free before a job starts.", {"min_free_memory": "512MiB", "max_load": 8.0}),
    ] = AdmissionKeys()
    durability: Annotated[
        Literal["process", "power"],
        Doc("What a recorded success survives: a crash of pexec, or also a power failure of the machine.", "power"),
    ] = "process"
    keep_runs: Annotated[
        int, integer(1, 1_000_000), Doc("Number of runs to keep; older ones are deleted when a run ends.", 50)
    ] = 20
    archive: Annotated[bool, Doc("Whether to pack each finished run into one file.", True)] = False
    cache: Annotated[
        CacheKeys,
        Doc("Where the results of jobs with `inputs` are stored.", {"max_size": "20GiB"}),
    ] = CacheKeys()
    cluster: Annotated[
        Name, Doc("Where the jobs run: one of `clusters`, or `local`, which is pexec's own process.", "local")
    ] = LOCAL_CLUSTER
    ci: Annotated[CiKeys, Doc("What the run does in a CI service.", {"pass_commands": True})] = CiKeys()
    given: frozenset[str] = frozenset()
