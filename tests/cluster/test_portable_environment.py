"""What jobs on another machine inherit of pexec's environment."""

from __future__ import annotations

from orchestrator.cluster.portable_environment import least, on_worker, portable

CLIENT = {
    b"HOME": b"/home/you",
    b"PATH": b"/usr/bin",
    b"MINE": b"1",
    b"TMPDIR": b"/scratch",
    b"HOSTNAME": b"login",
    b"SLURM_JOB_ID": b"7",
    b"PBS_JOBID": b"7",
    b"LSB_JOBID": b"7",
    b"SGE_TASK_ID": b"7",
    b"NSLOTS": b"7",
    b"SSH_AUTH_SOCK": b"/tmp/agent",
    b"XDG_RUNTIME_DIR": b"/run/user/1",
    b"CUDA_VISIBLE_DEVICES": b"0",
}
PORTABLE = {b"HOME": b"/home/you", b"PATH": b"/usr/bin", b"MINE": b"1"}


def test_what_belongs_to_a_machine_stays_there() -> None:
    assert portable(CLIENT) == PORTABLE


def test_without_encryption_only_the_minimum_and_what_is_named_is_sent() -> None:
    assert least(CLIENT, []) == {b"HOME": b"/home/you", b"PATH": b"/usr/bin"}
    assert least(CLIENT, ["MI*", "TMPDIR"]) == PORTABLE


def test_a_worker_adds_what_belongs_to_its_machine_and_nothing_else() -> None:
    own = {b"TMPDIR": b"/local", b"SLURM_JOB_ID": b"8", b"OMP_NUM_THREADS": b"1", b"PATH": b"/opt"}
    assert on_worker(PORTABLE, own) == {**PORTABLE, b"TMPDIR": b"/local", b"SLURM_JOB_ID": b"8"}
