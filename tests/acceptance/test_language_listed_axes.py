"""One job for each file, for each line of a file, and for each item of a JSON file; from outside."""

from __future__ import annotations

import json

from support.cli import Pexec, Said
from support.runs import last_run

MANIFEST = """version: 1
workflows:
  before: {run: echo before}
  convert:
    needs: before
    matrix: {file: {glob: "data/**/*.csv"}}
    run: echo ${{ matrix.file }} to ${{ matrix.file | dir }}/${{ matrix.file | stem }}.txt
  pack:
    matrix: {file: {glob: "data/**/*.csv"}}
    needs: {workflow: convert, matrix: {file: "${{ matrix.file }}"}}
    run: echo packed ${{ matrix.file | name }}
"""


def project(pexec: Pexec, manifest: str = MANIFEST, *names: str) -> Pexec:
    for name in names or ("data/b c.csv", "data/a.csv", "data/x/d.csv", "data/.hidden.csv", "data/notes.txt"):
        pexec.file(name, "")
    return pexec.file("pexec.yaml", manifest)


def jobs(said: Said) -> list[str]:
    assert said.exit_code == 0, said.stderr
    return [job["id"] for job in json.loads(said.stdout)["jobs"]]


def planned(pexec: Pexec, *arguments: str) -> list[str]:
    return jobs(pexec.run("plan", "--format", "json", *arguments))


def test_glob_makes_one_job_for_each_file_with_chains_and_parts_of_the_path(pexec: Pexec) -> None:
    project(pexec)
    assert planned(pexec) == [
        "before",
        *("convert[file=data/a.csv]", "convert[file=data/b c.csv]", "convert[file=data/x/d.csv]"),
        *("pack[file=data/a.csv]", "pack[file=data/b c.csv]", "pack[file=data/x/d.csv]"),
    ]
    said = pexec.run("apply", "--output", "grouped")
    assert said.exit_code == 0, said.stderr
    assert "data/b c.csv to data/b c.txt\n" in said.stdout
    assert "packed d.csv\n" in said.stdout
    plan = json.loads(pexec.run("plan", "--format", "json").stdout)
    needs = {job["id"]: job["needs"] for job in plan["jobs"]}
    assert needs["pack[file=data/b c.csv]"] == ["convert[file=data/b c.csv]"]
    assert "convert[file=data/x/d.csv]" in pexec.run("graph", "--format", "dot").stdout


def test_hidden_files_are_jobs_only_if_the_axis_says_so(pexec: Pexec) -> None:
    project(pexec, MANIFEST.replace('.csv"}', '.csv", hidden: true}'))
    assert "convert[file=data/.hidden.csv]" in planned(pexec)


def test_lines_makes_one_job_for_each_line(pexec: Pexec) -> None:
    pexec.file("shards.txt", "first\n\nsecond half\n")
    project(pexec, "version: 1\nworkflows:\n  t: {matrix: {s: {lines: shards.txt}}, run: 'echo ${{ matrix.s }}'}\n")
    assert planned(pexec) == ["t[s=first]", "t[s=second half]"]


def test_json_makes_one_job_for_each_item_of_the_list_at_a_pointer(pexec: Pexec) -> None:
    pexec.file("shards.json", '{"test": {"shards": ["a", 2, 3.10]}}')
    axis = "{json: shards.json, at: /test/shards}"
    project(pexec, f"version: 1\nworkflows:\n  t: {{matrix: {{s: {axis}}}, run: 'echo ${{{{ matrix.s }}}}'}}\n")
    assert planned(pexec) == ["t[s=a]", "t[s=2]", "t[s=3.10]"]


def test_nothing_to_list_is_an_error_unless_allow_empty_leaves_the_workflow_out(pexec: Pexec) -> None:
    project(pexec, MANIFEST.replace("**/*.csv", "*.nothing"))
    said = pexec.run("validate")
    assert said.exit_code == 3
    assert said.stderr.count("error[PX241]: no file matches `data/*.nothing`") == 2
    allowed = MANIFEST.replace('**/*.csv"', '*.nothing", allow_empty: true') + "  end: {needs: [pack], run: echo end}\n"
    project(pexec, allowed)
    assert pexec.run("validate").exit_code == 0
    assert "  convert: no file matches `data/*.nothing`\n" in pexec.run("plan").stdout
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    assert last_run(pexec.folder).check().statuses == {"before": "succeeded", "end": "succeeded"}


def test_a_file_of_an_included_manifest_is_listed_from_its_own_directory(pexec: Pexec) -> None:
    project(pexec, "version: 1\ninclude: [lib/pexec.yaml]\n", "lib/in/a.csv", "in/b.csv")
    pexec.file(
        "lib/pexec.yaml", "version: 1\nworkflows:\n  c: {matrix: {f: {glob: in/*}}, run: 'cat ${{ matrix.f }}'}\n"
    )
    assert planned(pexec) == ["c[f=in/a.csv]"]
    assert pexec.run("apply", "--output", "quiet").exit_code == 0


def test_resume_continues_with_the_same_files_and_reuses_what_is_the_same_among_others(pexec: Pexec) -> None:
    project(pexec, MANIFEST.replace("run: echo packed", "run: test -e go && echo packed"))
    assert pexec.run("apply", "--output", "quiet").exit_code == 1
    pexec.file("go", "")
    assert pexec.run("resume", "--output", "quiet").exit_code == 0
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    (pexec.folder / "go").unlink()
    assert pexec.run("apply", "--output", "quiet").exit_code == 1
    pexec.file("go", "").file("data/new.csv", "")
    said = pexec.run("resume", "--output", "plain")
    assert said.exit_code == 0, said.stderr
    run = last_run(pexec.folder).check()
    statuses = run.statuses
    assert len(statuses) == 9
    assert set(statuses.values()) == {"succeeded"}
    adopted = {event["job"] for event in run.named("job.adopted")}
    assert adopted == {"before", "convert[file=data/a.csv]", "convert[file=data/b c.csv]", "convert[file=data/x/d.csv]"}
