"""How many CPUs there are to use: quotas of control groups of both versions, at every level, and affinity."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from orchestrator.usable_cpus import usable_cpus


class FakeHost:
    """What /proc and /sys/fs/cgroup have for a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "proc").mkdir()
        self.mounts: list[str] = ["22 1 0:20 / / rw - ext4 /dev/vda rw"]
        self.memberships: list[str] = []

    def v2(self, member_of: str, root: str = "/", place: str = "unified") -> FakeHost:
        self.mounts.append(f"30 22 0:30 {root} {self._escaped(place)} rw shared:9 - cgroup2 cgroup rw,nsdelegate")
        self.memberships.append(f"0::{member_of}")
        return self

    def v1(self, member_of: str, root: str = "/", names: str = "cpu,cpuacct", place: str = "cpu") -> FakeHost:
        self.mounts.append(f"31 22 0:31 {root} {self._escaped(place)} rw - cgroup cgroup rw,{names}")
        self.memberships.append(f"4:{names}:{member_of}")
        return self

    def _escaped(self, place: str) -> str:
        return str(self.folder / place).replace(" ", "\\040")

    def file(self, path: str, text: str) -> FakeHost:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text + "\n")
        return self

    def cpus(self, affinity: int) -> int:
        self.file("proc/cgroup", "\n".join(self.memberships)).file("proc/mountinfo", "\n".join(self.mounts))
        return usable_cpus(str(self.folder / "proc"), affinity)


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path)


@pytest.mark.parametrize(
    ("quota", "affinity", "cpus"),
    [
        ("max 100000", 8, 8),
        ("100000 100000", 8, 1),
        ("150000 100000", 8, 2),
        ("1000 100000", 8, 1),
        ("400000 100000", 8, 4),
        ("400001 100000", 8, 5),
        ("400000 100000", 2, 2),
        ("50000 20000", 8, 3),
        ("max", 8, 8),
        ("", 8, 8),
        ("what is this", 8, 8),
        ("0 100000", 8, 8),
        ("100000 0", 8, 8),
    ],
)
def test_a_quota_of_version_2_is_rounded_up(host: FakeHost, quota: str, affinity: int, cpus: int) -> None:
    assert host.v2("/job").file("unified/job/cpu.max", quota).cpus(affinity) == cpus


@pytest.mark.parametrize(
    ("quota", "period", "cpus"),
    [
        ("-1", "100000", 8),
        ("100000", "100000", 1),
        ("250000", "100000", 3),
        ("5000", "100000", 1),
        ("20000", "5000", 4),
    ],
)
def test_a_quota_of_version_1_is_rounded_up(host: FakeHost, quota: str, period: str, cpus: int) -> None:
    host.v1("/docker/1").file("cpu/docker/1/cpu.cfs_quota_us", quota).file("cpu/docker/1/cpu.cfs_period_us", period)
    assert host.cpus(8) == cpus


def test_the_smallest_quota_of_all_levels_applies(host: FakeHost) -> None:
    host.v2("/a/b/c").file("unified/a/cpu.max", "300000 100000").file("unified/a/b/cpu.max", "500000 100000")
    assert host.file("unified/a/b/c/cpu.max", "max 100000").cpus(8) == 3
    assert host.file("unified/cpu.max", "200000 100000").cpus(8) == 2


def test_in_a_container_the_group_is_where_it_is_mounted(host: FakeHost) -> None:
    # With a namespace of groups, and without: there the path is that of the machine, and so is the root of the mount.
    assert host.v2("/").file("unified/cpu.max", "100000 100000").cpus(8) == 1
    host.v1("/docker/1", root="/docker/1", place="cpu own").file("cpu own/cpu.cfs_period_us", "100000")
    assert host.file("unified/cpu.max", "max").file("cpu own/cpu.cfs_quota_us", "200000").cpus(8) == 2


def test_both_versions_at_once(host: FakeHost) -> None:
    host.v2("/a").v1("/b").file("cpu/b/cpu.cfs_quota_us", "300000").file("cpu/b/cpu.cfs_period_us", "100000")
    assert host.cpus(8) == 3
    assert host.file("unified/a/cpu.max", "200000 100000").cpus(8) == 2


def test_without_control_groups_the_affinity_counts(host: FakeHost, tmp_path: Path) -> None:
    assert host.cpus(3) == 3
    assert usable_cpus(str(tmp_path / "nothing"), 5) == 5
    assert 1 <= usable_cpus() <= len(os.sched_getaffinity(0))


@pytest.fixture
def real_group() -> Iterator[Path]:
    """A group of this machine with a quota of one CPU."""
    files = {
        "/sys/fs/cgroup/cpu": (("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "100000")),
        "/sys/fs/cgroup": (("cpu.max", "100000 100000"),),
    }
    for parent, settings in files.items():
        group = Path(parent) / f"pexec-test-{os.getpid()}"
        try:
            group.mkdir()
            for name, value in settings:
                (group / name).write_text(value)
        except OSError:
            with suppress(OSError):
                group.rmdir()
            continue
        yield group
        group.rmdir()
        return
    pytest.skip("this user cannot make a control group with a quota here")


def test_auto_and_shares_respect_a_real_quota(real_group: Path, tmp_path: Path) -> None:
    enter = f'echo $$ > {real_group}/cgroup.procs && exec "$@"'
    for slots, expected in (("auto", "1"), ("300%", "3"), ("50%", "1")):
        (tmp_path / "pexec.yaml").write_text(
            f"version: 1\npolicy: {{max_parallel_jobs: {slots}}}\nworkflows: {{a: {{run: 'true'}}}}\n"
        )
        command = ["sh", "-c", enter, "sh", sys.executable, "-m", "orchestrator", "plan"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
        assert ["max_parallel_jobs", expected] in [line.split()[:2] for line in done.stdout.splitlines()]
