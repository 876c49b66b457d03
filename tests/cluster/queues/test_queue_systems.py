"""What the programs of queueing systems print, in their documented forms, and what is made of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import pytest

from orchestrator.cluster.queues import queue_system
from orchestrator.cluster.queues.by_name import SYSTEMS
from orchestrator.cluster.queues.cancelling import cancel
from orchestrator.cluster.queues.queue_system import Said, UnreadableError, run_program
from orchestrator.manifest.queue_keys import QUEUES as KEYS
from orchestrator.plan.policy_parts import QUEUES, QueuePolicy

JOBS = ("12", "13")
PBS = """\
Job Id: 12.head
    Job_Name = pexec-worker
    job_state = Q
    comment = Not Running: Insufficient amount of resource: ncpus (R: 64 A: 0
\t T: 8)
    Resource_List.walltime = 01:00:00

Job Id: 13.head
    job_state = R
"""
SGE = """\
job-ID  prior   name       user         state submit/start at     queue                          slots ja-task-ID
-----------------------------------------------------------------------------------------------------------------
     12 0.55500 pexec-work root         qw    12/01/2026 02:00:00                                    2
     13 0.55500 pexec-work root         r     12/01/2026 02:00:00 main.q@node                        2
     77 0.55500 other      root         r     12/01/2026 02:00:00 main.q@node                        2
"""
REASON = "scheduling info:            cannot run in queue because it is disabled\n"


def looked(system: str, *answers: Said) -> Mapping[str, str]:
    left = list(answers)
    return SYSTEMS[system].look(JOBS, lambda *command: left.pop(0))


@pytest.mark.parametrize(
    ("system", "answers", "states"),
    [
        (
            "slurm",
            [Said(0, "12 PENDING (BeginTime)\n13 RUNNING None\n", "")],
            {"12": "PENDING (BeginTime)", "13": "RUNNING"},
        ),
        ("slurm", [Said(0, "12_[1-3] PENDING Resources\n", "")], {"12": "PENDING (Resources)"}),
        ("slurm", [Said(0, "13 COMPLETING\n", "")], {"13": "COMPLETING"}),
        ("slurm", [Said(1, "", "slurm_load_jobs error: Invalid job id specified\n")], {}),
        (
            "pbs",
            [Said(0, PBS, "")],
            {"12": "Q (Not Running: Insufficient amount of resource: ncpus (R: 64 A: 0 T: 8)", "13": "R"},
        ),
        ("pbs", [Said(153, "", "qstat: Unknown Job Id 12.head\nqstat: Unknown Job Id 13.head\n")], {}),
        ("pbs", [Said(35, PBS[: PBS.index("Job Id: 13")], "qstat: 13.head Job has finished, use -x\n")], None),
        ("pbs", [Said(0, PBS.replace("= R\n", "= F\n"), "")], None),
        (
            "lsf",
            [Said(0, "12^PEND^New job is waiting for scheduling\n13^RUN^-\n", "")],
            {"12": "PEND (New job is waiting for scheduling)", "13": "RUN"},
        ),
        ("lsf", [Said(0, "12^DONE^-\n13^EXIT^-\n", "")], {}),
        ("lsf", [Said(255, "12^RUN^-\n", "Job <13> is not found\n")], {"12": "RUN"}),
        (
            "sge",
            [Said(0, SGE, ""), Said(0, REASON, "")],
            {"12": "qw (cannot run in queue because it is disabled)", "13": "r"},
        ),
        ("sge", [Said(0, SGE, ""), Said(1, "", "no such job")], {"12": "qw", "13": "r"}),
        ("sge", [Said(0, "", "")], {}),
    ],
)
def test_jobs_that_have_not_ended_are_known_with_state_and_reason(
    system: str, answers: list[Said], states: Mapping[str, str] | None
) -> None:
    found = looked(system, *answers)
    assert set(found) == {"12"} if states is None else found == states


@pytest.mark.parametrize(
    ("system", "answer", "words"),
    [
        ("slurm", Said(0, "12 PENDING None\nwhat is this\n", ""), "`squeue` printed `what is this`"),
        ("slurm", Said(0, "12\n", ""), "`squeue` printed `12`"),
        ("slurm", Said(1, "", "slurm_load_jobs error: Unable to contact\n"), "exit code 1: slurm_load_jobs error"),
        ("pbs", Said(0, "what is this\n", ""), "`qstat` printed `what is this`"),
        ("pbs", Said(111, "", "Connection refused\nqstat: cannot connect to server 12\n"), "Connection refused"),
        ("lsf", Said(0, "what is this\n", ""), "`bjobs` printed `what is this`"),
        ("lsf", Said(255, "", "LSF is down. Please wait ...\n"), "LSF is down"),
        ("sge", Said(0, "what is this\n", ""), "`qstat` printed `what is this`"),
        ("sge", Said(1, "", "error: commlib error: got select error\n"), "commlib error"),
    ],
)
def test_of_an_answer_that_is_not_understood_nothing_is_concluded(system: str, answer: Said, words: str) -> None:
    with pytest.raises(UnreadableError) as raised:
        looked(system, answer)
    assert words in str(raised.value)


def test_a_program_that_is_missing_or_hangs_is_an_answer_that_is_not_understood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UnreadableError, match="`no-such-program` cannot be started: no such file or directory"):
        run_program("no-such-program")
    assert run_program(sys.executable, "-c", "print('one'); exit(3)") == Said(3, "one\n", "")
    monkeypatch.setattr(queue_system, "_CALL_SECONDS", 0.2)
    with pytest.raises(UnreadableError, match="has not answered for 0s"):
        run_program(sys.executable, "-c", "import time; time.sleep(60)")


def test_each_system_is_asked_in_its_own_words() -> None:
    asked = QueuePolicy("main", 4 << 30, 5400.0, "a1", None, ("-x",))
    said = {name: system.options(asked, 4, "/run/workers") for name, system in SYSTEMS.items()}
    assert {name: options["walltime"] for name, options in said.items()} == {
        "slurm": "1:30:00",
        "pbs": "1:30:00",
        "lsf": "1:30",
        "sge": "1:30:00",
    }
    assert {name: options.get("account") or options.get("project") for name, options in said.items()} == dict.fromkeys(
        SYSTEMS, "a1"
    )
    assert all(options["job_extra_directives"][-1] == "-x" for options in said.values())
    assert said["pbs"]["resource_spec"] == "select=1:ncpus=4:mem=4194304kb"
    assert "-l h_vmem=1048576K" in said["sge"]["job_extra_directives"]
    least = {name: system.options(QueuePolicy(), 4, "/run/workers") for name, system in SYSTEMS.items()}
    assert all(options["walltime"] is None for options in least.values())
    assert least["pbs"]["resource_spec"] == "select=1:ncpus=4"
    assert least["sge"]["job_extra_directives"] == ["-notify", "-S /bin/sh", "-e /run/workers/", "-o /run/workers/"]
    assert (least["slurm"]["job_directives_skip"], least["lsf"]["job_directives_skip"]) == (("--mem=",), ("#BSUB -M ",))


def test_what_workers_print_is_written_into_the_run_directory_whatever_its_path_is() -> None:
    path = '/it\'s "100%J" \\ here'
    said = {name: system.options(QueuePolicy(), 1, path)["job_extra_directives"] for name, system in SYSTEMS.items()}
    quoted = '"/it\'s \\"100%J\\" \\\\ here'
    assert said["slurm"] == [
        f'{it}/pexec-worker-%J.{end}"'
        for it, end in ((f"-e {quoted.replace('%', '%%')}", "err"), (f"-o {quoted.replace('%', '%%')}", "out"))
    ]
    assert said["pbs"] == [f'-e {quoted}/"', f'-o {quoted}/"']
    assert said["lsf"] == [f'-e {quoted}/pexec-worker-%J.err"', f'-o {quoted}/pexec-worker-%J.out"']
    assert f'-e {quoted}/"' in said["sge"]


def test_the_fields_of_a_plan_are_called_as_the_keys_of_a_manifest() -> None:
    assert KEYS == QUEUES == tuple(SYSTEMS)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([Said(0, "", "")], ""),
        ([Said(1, "", "Invalid job id"), Said(1, "", "Invalid job id")], ""),
        ([Said(1, "", "busy"), Said(0, "13 RUNNING None", ""), Said(0, "", "")], ""),
        ([Said(1, "", "busy"), Said(0, "13 RUNNING None", "")] * 3, "`scancel 13` fails"),
        ([Said(1, "", "down"), Said(1, "", "down")] * 3, "`scancel 12 13` cancels them"),
    ],
)
def test_jobs_are_cancelled_until_they_are_gone_or_it_is_known_why_not(
    answers: list[Said], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.cluster.queues.cancelling._AGAIN_SECONDS", 0.0)
    left = list(answers)
    said = cancel(SYSTEMS["slurm"], JOBS, lambda *command: left.pop(0))
    assert (said.endswith(why) if why else said == why, left) == (True, [])
