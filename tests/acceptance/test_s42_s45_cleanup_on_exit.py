"""S42, S45: whatever ends pexec, no process of its jobs survives; signals are handled before the first job."""

from __future__ import annotations

import signal

import pytest
from support.attempts import marked, new_mark, survivors, wait_until
from support.cli import Pexec
from support.runs import last_run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL])
def test_no_job_outlives_pexec(pexec: Pexec, number: signal.Signals) -> None:
    mark = new_mark()
    text = f"version: 1\nworkflows: {{a: {{run: \"sh -c 'sleep 30; : {mark}' & sh -c 'sleep 30; : {mark}'\"}}}}\n"
    process = pexec.file("pexec.yaml", text).start("apply", "--output", "quiet", stderr=-3)
    assert wait_until(lambda: marked(mark))
    process.send_signal(number)
    code = process.wait(60)
    assert code == (-9 if number is signal.SIGKILL else 128 + number)
    assert survivors(mark) == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_the_first_job_itself_sends_is_handled(pexec: Pexec, number: signal.Signals) -> None:
    # The job's parent is the warden, whose parent is pexec.
    find = "set -- $(cat /proc/$PPID/stat)"
    text = f"version: 1\nworkflows: {{a: {{shell: [sh, -eu], run: '{find}; kill -{number.name[3:]} $4; sleep 30'}}}}\n"
    assert pexec.file("pexec.yaml", text).run("apply", "--output", "quiet").exit_code == 128 + number
    run = last_run(pexec.folder).check()
    assert (run.statuses, run.results["execution_result"]) == ({"a": "cancelled"}, "CANCELLED")
