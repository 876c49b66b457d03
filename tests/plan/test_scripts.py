"""Which scripts a job starts, by its text alone, and how they change digests."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.dags import plan_of

from orchestrator.plan.model import JobSpec, ShellBlock
from orchestrator.plan.scripts import MOST_SCRIPTS, script_paths, with_script_digests

SEEN = {
    "./fetch.sh": ["fetch.sh"],
    "ci/fetch.sh --fast": ["ci/fetch.sh"],
    "'./fetch.sh'": ["fetch.sh"],
    "FAST=1 ./fetch.sh && ./load.sh | ./sort.sh": ["fetch.sh", "load.sh", "sort.sh"],
    "if ! ./a.sh; then ./b.sh; else ./c.sh; fi": ["a.sh", "b.sh", "c.sh"],
    "bash ci/x.sh": ["ci/x.sh"],
    "bash -euo pipefail x.sh y.sh": ["x.sh"],
    "/bin/sh -x ./x.sh": ["x.sh"],
    "python3.12 -W ignore tools/load.py data.csv": ["tools/load.py"],
    "exec nohup ./serve.sh &": ["serve.sh"],
    "timeout -k 5s 1.5m ./x.sh; nice -n 5 bash y.sh; sudo ./z.sh": ["x.sh", "y.sh", "z.sh"],
    "sudo env A=1 nice nohup ./x.sh": ["x.sh"],
    "A=1 nohup timeout 5 ./x.sh | xargs -n 1 ./y.sh": ["x.sh", "y.sh"],
    "timeout 5 cat data/x.csv; timeout 5; nice": [],
    ". ./env.sh; source lib/x.sh": ["env.sh", "lib/x.sh"],
    "(./x.sh) # ./y.sh": ["x.sh"],
    "./x.sh ./data.csv > out/result.txt": ["x.sh"],
    "./long.sh \\\n  --option\n./next.sh": ["long.sh", "next.sh"],
    "cat <<END | ./x.sh\n./y.sh\nEND": [],
    "./before.sh; cd sub; ./after.sh": ["before.sh"],
    "bash -c './x.sh'": [],
    "python3 -m http.server": [],
    "bash": [],
    "bash $SCRIPT": [],
    "bash -x": [],
    "$TOOLS/x.sh": [],
    "/usr/local/bin/tool": [],
    "../other/x.sh": [],
    "~/x.sh": [],
    "echo ./x.sh": [],
    "make all": [],
}


@pytest.mark.parametrize("text", SEEN)
def test_a_plain_path_in_front_of_a_command_is_a_script(text: str) -> None:
    assert list(script_paths(JobSpec(run=text))) == SEEN[text]


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        (JobSpec(argv=("./my tool.sh", "x/y")), ["my tool.sh"]),
        (JobSpec(argv=("python3", "load.py")), ["load.py"]),
        (JobSpec(argv=("grep", "-q", "a/b")), []),
        (JobSpec(argv=("./x.sh",), working_dir="sub"), ["sub/x.sh"]),
        (JobSpec(argv=("../x.sh",), working_dir="sub"), ["x.sh"]),
        (JobSpec(argv=("./x.sh",), working_dir="/tmp"), []),
        (JobSpec(run="./x.sh", shell=("python3", "-c")), []),
        (JobSpec(run="true", shell=("./in-container.sh", "-c")), ["in-container.sh"]),
        (JobSpec(run="./x.sh", shell=("sh", "ci/wrap.sh")), ["ci/wrap.sh", "x.sh"]),
        (JobSpec(run="true", shell=("env", "A=1", "python3", "wrap")), ["wrap"]),
        (JobSpec(run="true", shell=("env", "A=1")), []),
        (JobSpec(run="true", shell=("ci/wrap",), working_dir="sub"), ["sub/ci/wrap"]),
        (JobSpec(run="true", shell=("bash", "-euo", "pipefail", "-c")), []),
        (JobSpec(file="x.sh"), []),
        (JobSpec(file="x.sh", shell=("./wrap.sh",)), ["wrap.sh"]),
        (JobSpec(file="x.md", blocks=(ShellBlock(1, "./a.sh"), ShellBlock(9, "./b.sh"))), ["a.sh", "b.sh"]),
        (JobSpec(file="x.md", blocks=(ShellBlock(1, "./a.sh"),), shell=("fish",)), []),
    ],
)
def test_where_paths_start_from_and_what_reads_them(spec: JobSpec, paths: list[str]) -> None:
    assert list(script_paths(spec)) == paths


def test_not_more_scripts_than_can_be_useful() -> None:
    assert len(script_paths(JobSpec(run="\n".join(f"./{number}.sh" for number in range(2000))))) == MOST_SCRIPTS


def test_scripts_change_the_digests_of_their_job_and_its_dependents_only() -> None:
    plan = plan_of([[], [0], [1], []])
    plan = replace(plan, jobs=tuple(replace(job, digest=f"{job.index:032x}") for job in plan.jobs))
    scripts: list[dict[str, str]] = [{}, {"x.sh": "1"}, {}, {}]
    first = with_script_digests(plan, scripts)
    second = with_script_digests(plan, [{}, {"x.sh": "2"}, {}, {}])
    changes = [
        [one.digest != other.digest for one, other in zip(before.jobs, after.jobs, strict=True)]
        for before, after in ((plan, first), (first, second), (first, with_script_digests(first, scripts)))
    ]
    assert changes == [[False, True, True, False], [False, True, True, False], [False] * 4]
    assert len({plan.digest, first.digest, second.digest}) == 3
