"""One command on its way to a process: the request, and what the warden opens and makes for it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .cgroup_moves import AttemptCgroups
    from .isolation_wrapper import Enclosure
    from .protocol import StartRequest


class SpawnTask:
    """What is to be started; `env` is its whole environment, `passed` the descriptors that came with the request.

    The other attributes are set while it is started: `log` and `log_directory`, the descriptors of its log and of the
    directory of that; `cgroups` that were made for it; `enclosure`, the processes around it.
    """

    __slots__ = ("cgroups", "enclosure", "env", "log", "log_directory", "passed", "request")

    def __init__(self, request: StartRequest, env: dict[bytes, bytes], passed: list[int]) -> None:
        self.request = request
        self.env = env
        self.passed = passed
        self.log: int | None = None
        self.log_directory: int | None = None
        self.cgroups: AttemptCgroups | None = None
        self.enclosure: Enclosure | None = None

    @property
    def rlimits(self) -> Sequence[tuple[int, int, int]]:
        """Triples of resource, soft and hard limit."""
        return () if self.request.limits is None else self.request.limits.rlimits

    @property
    def entrances(self) -> Sequence[int]:
        """The descriptors by which its process enters its control groups."""
        return () if self.cgroups is None else self.cgroups.entrances

    def discard(self, *, with_log: bool) -> None:
        """It was not started: close its log, which is removed `with_log`, and remove its control groups."""
        if self.log is not None:
            os.close(self.log)
            if with_log:
                os.unlink(self.request.log, dir_fd=self.log_directory)
        if self.cgroups is not None:
            self.cgroups.remove()
