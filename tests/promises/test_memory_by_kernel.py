"""Where the kernel counts memory by control group (cgroup v2, delegated to pexec), it kills the whole job that uses too
much, and nothing else. On a kernel that the test starts: the machine's own may use its controllers elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.pythons import IS_FOR_ALL, PROGRAM_FOR_ALL, PYTHON
from support.small_kernel import SMALL_KERNEL, output_in_small_kernel

TAKE = f"{PYTHON} -I -S -c 'import time; block = bytearray({{mib}} << 20); block[::4096] = bytes(len(block) // 4096)"
MANIFEST = f"""\
version: 1
defaults: {{shell: [sh, -eu]}}
workflows:
  hidden: {{run: "{TAKE.format(mib=200)}' || true; echo went on", limits: {{memory: 64MiB}}}}
  tree: {{run: "for i in 1 2 3; do {TAKE.format(mib=40)}; time.sleep(60)' & done; wait", limits: {{memory: 64MiB}}}}
  fits: {{run: "{TAKE.format(mib=30)}'", limits: {{memory: 64MiB, processes: 9}}}}
  forks: {{run: "for i in 1 2 3 4 5 6; do sleep 1 & done; wait", limits: {{processes: 4}}}}
"""
# A group is delegated to the user as a service manager does it, and pexec is alone in it.
SCRIPT = """\
echo "+memory +pids" > /sys/fs/cgroup/cgroup.subtree_control
group=/sys/fs/cgroup/handed-out
mkdir $group /run/project /run/project/home
cat > /run/project/pexec.yaml <<'END'
{manifest}
END
chown -R {user}:{user} $group /run/project
(
    echo $(exec sh -c 'echo $PPID') > $group/cgroup.procs
    cd /run/project
    export HOME=/run/project/home PYTHONDONTWRITEBYTECODE=1
    exec setpriv --reuid={user} --regid={user} --clear-groups {pexec} apply -j 4 --output jsonl
)
find /sys/fs/cgroup -mindepth 1 -type d
"""


@pytest.mark.parametrize("user", [0, 61234], ids=["root", "ordinary"])
def test_the_kernel_kills_all_processes_of_a_job_that_uses_too_much_memory(
    tmp_path: Path, user: int, full: bool
) -> None:
    if not full:
        pytest.skip("long form: it starts a kernel")
    if SMALL_KERNEL is None or not IS_FOR_ALL:
        pytest.skip("`linux.uml` (Debian: user-mode-linux) is missing, or ordinary users cannot read the project")
    pexec = " ".join("'" + word.replace("'", "'\\''") + "'" for word in PROGRAM_FOR_ALL)
    said = output_in_small_kernel(tmp_path, SCRIPT.format(manifest=MANIFEST, user=user, pexec=pexec)).splitlines()
    events: list[dict[str, Any]] = [json.loads(line) for line in said if line.startswith("{")]
    ends = {event["job"]: event for event in events if event["event"] == "attempt.finished"}
    found = {job: (end["verdict"], end["reason"], end["enforced_by"]) for job, end in ends.items()}
    too_much = "used more than its memory limit of 64MiB"
    assert found == {
        "hidden": ("failed", too_much, {"memory": "cgroup"}),
        "tree": ("failed", too_much, {"memory": "cgroup"}),
        "fits": ("succeeded", "", {"memory": "cgroup", "processes": "cgroup"}),
        "forks": ("failed", "exit code 2", {"processes": "cgroup"}),
    }, said
    assert ends["hidden"]["log_bytes"] == 0, "the shell was killed too"
    assert [event for event in events if event["event"] == "degraded"] == []
    assert [line for line in said if line.startswith("/")] == ["/sys/fs/cgroup/handed-out"], "no group is left"
