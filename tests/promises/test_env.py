"""env: jobs have the environment that the manifest declares."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
from support.attempts import evil
from support.cli import Pexec
from support.runs import last_run

GIVEN = {"PEXEC_RUN_ID", "PEXEC_RUN_DIR", "PEXEC_JOB", "PEXEC_ATTEMPT", "PEXEC_TMPDIR"}
MINE = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/home/me",
    "LANG": "C.UTF-8",
    "LC_TIME": "C",
    "TZ": "UTC",
    "CI_JOB": "7",
    "CI_TOKEN": "hunter2-token",
    "DEPLOY": "hunter3-token",
    "ODD": "two\nlines = 'x'",
}


def environments(pexec: Pexec, jobs: dict[str, str], head: str = "") -> dict[str, dict[str, str]]:
    """The environment of each job if that of pexec is just `MINE`; `jobs` are keys of workflows."""
    show = (
        "import json, os, sys; values = dict(os.environ); "
        "json.dump({k: v[::-1] for k, v in values.items()}, open(sys.argv[1], 'w'))"
    )
    pexec.file("show.py", show)
    workflows = "".join(
        f"  {name}: {{argv: [/usr/bin/env, python3, show.py, {name}.json]{keys}}}\n" for name, keys in jobs.items()
    )
    pexec.file("pexec.yaml", f"version: 1\n{head}workflows:\n{workflows}")
    pexec.environ = dict(MINE)
    said = pexec.run("apply", "--output", "quiet")
    assert said.exit_code == 0, said
    return {
        name: {key: value[::-1] for key, value in json.loads((pexec.folder / f"{name}.json").read_text()).items()}
        for name in jobs
    }


def own(environment: dict[str, str]) -> dict[str, str]:
    """Without what pexec adds, and what the startup of Python adds in the C locale: that of the job which looks."""
    return {name: value for name, value in environment.items() if name not in GIVEN | {"LC_CTYPE"}}


def test_each_policy_passes_on_what_it_names(pexec: Pexec) -> None:
    found = environments(
        pexec,
        {
            "all": "",
            "minimal": ", env_inherit: minimal",
            "listed": ", env_inherit: [PATH, 'CI_*']",
            "none": ", env_inherit: [], env: {PATH: '/usr/bin:/bin'}",
            "over": ", env: {LANG: C, EXTRA: '3'}",
        },
    )
    assert own(found["all"]) == MINE
    assert own(found["minimal"]) == {name: MINE[name] for name in ("PATH", "HOME", "LANG", "LC_TIME", "TZ")}
    assert own(found["listed"]) == {name: MINE[name] for name in ("PATH", "CI_JOB", "CI_TOKEN")}
    assert own(found["none"]) == {"PATH": "/usr/bin:/bin"}
    assert own(found["over"]) == {**MINE, "LANG": "C", "EXTRA": "3"}


def test_pexecs_own_variables_override_all_others(pexec: Pexec) -> None:
    found = environments(pexec, {"a": ", env: {PEXEC_JOB: other, PEXEC_TMPDIR: /}"})["a"]
    run = last_run(pexec.folder)
    assert {name: found[name] for name in GIVEN - {"PEXEC_TMPDIR"}} == {
        "PEXEC_RUN_ID": run.path.name,
        "PEXEC_RUN_DIR": str(run.path),
        "PEXEC_JOB": "a",
        "PEXEC_ATTEMPT": "1",
    }
    assert Path(found["PEXEC_TMPDIR"]).parent == run.path / "tmp"


@pytest.mark.parametrize("policy", ["", ", env_inherit: minimal", ", env_inherit: ['*']"])
def test_a_job_has_the_secrets_that_it_names_and_no_others(pexec: Pexec, policy: str) -> None:
    found = environments(
        pexec,
        {
            "both": f", secrets: [DEPLOY, TOKEN]{policy}",
            "one": f", secrets: TOKEN{policy}",
            "none": policy,
            "own": f"{policy}, env: {{DEPLOY: dry-run}}",
        },
        "secrets: {DEPLOY: {env: DEPLOY}, TOKEN: {env: CI_TOKEN}}\n",
    )
    kept = {
        job: {name: value for name, value in environment.items() if name in ("DEPLOY", "TOKEN", "CI_TOKEN")}
        for job, environment in found.items()
    }
    assert kept == {
        "both": {"DEPLOY": "hunter3-token", "TOKEN": "hunter2-token"},
        "one": {"TOKEN": "hunter2-token"},
        "none": {},
        "own": {"DEPLOY": "dry-run"},
    }


def test_secrets_also_reach_a_second_attempt_and_a_file(pexec: Pexec) -> None:
    script = "#!/bin/sh\necho ${#TOKEN} $PEXEC_ATTEMPT\n[ $PEXEC_ATTEMPT = 2 ]\n"
    pexec.file("script", script)
    (pexec.folder / "script").chmod(0o755)
    pexec.file(
        "pexec.yaml",
        "version: 1\nsecrets: {TOKEN: {env: CI_TOKEN}}\nworkflows:\n"
        "  a: {file: script, secrets: TOKEN, retry: {max_attempts: 2, delay: 0}}\n",
    )
    assert pexec.env(CI_TOKEN="hunter2-token").run("apply").exit_code == 0
    run = last_run(pexec.folder).check()
    assert (run.log("a", 1), run.log("a", 2)) == (b"13 1\n", b"13 2\n")


@pytest.mark.parametrize("output", ["quiet", "plain"])
def test_a_job_inherits_nothing_of_a_careless_caller(pexec: Pexec, output: str) -> None:
    show = ", ".join(evil("inheritance.py"))
    pexec.file("pexec.yaml", f"version: 1\nworkflows: {{a: {{argv: [{show}]}}}}\n")
    careless = 'trap "" HUP QUIT USR2; exec 7</dev/null 9>/dev/null; umask 027; exec "$@"'
    command = ["sh", "-c", careless, "sh", *pexec.program, "apply", "--output", output]
    process = pexec.start_as(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert process.wait(60) == 0
    seen = json.loads(last_run(pexec.folder).check().log("a"))
    assert (seen["descriptors"], seen["stdin"], len(set(seen["output"]))) == ([0, 1, 2], "/dev/null", 1)
    assert (int(seen["blocked"], 16), seen["tty"], seen["session"], seen["umask"]) == (0, False, True, 0o027)
    # The interpreter itself ignores two, and the C library reserves two for its threads.
    own = {signal.SIGPIPE, signal.SIGXFSZ, 32, 33}
    assert int(seen["ignored"], 16) & ~sum(1 << (number - 1) for number in own) == 0
