"""The keys of `outputs`: what a job writes to `$PEXEC_OUTPUT_FILE`, and what those that need it get."""

from __future__ import annotations

import json

import pytest
from support.cli import Pexec
from support.runs import Run, last_run

VALUES = r"""version: 1
workflows:
  version:
    run: |
      test -f "$PEXEC_OUTPUT_FILE" && ! test -s "$PEXEC_OUTPUT_FILE"
      echo "number=it's \$HOME; rm -rf x" >> "$PEXEC_OUTPUT_FILE"
      printf 'notes<<END\none\ntwo\nEND\n' >> "$PEXEC_OUTPUT_FILE"
      echo 'shards=["a", "b c"]' >> "$PEXEC_OUTPUT_FILE"
      echo 'surprise=1' >> "$PEXEC_OUTPUT_FILE"
    outputs:
      number: {description: "What git calls this state."}
      notes: {type: text}
      shards: {type: json}
      count: {type: number, default: 3}
      stable: {type: boolean, default: false}
  build:
    needs: version
    run: |
      printf '<%s>' ${{ needs.version.outputs.number }} ${{ needs.version.outputs.notes | json }}
      printf '<%s>' ${{ needs.version.outputs.shards }} ${{ needs.version.outputs.count | raw }}
  words:
    needs: version
    argv:
      - sh
      - -c
      - printf "<%s>" "$@" "$N"
      - x
      - ${{ needs.version.outputs.notes }}
      - a${{ needs.version.outputs.stable }}
    env: {N: "${{ needs.version.outputs.number }}"}
  other:
    run: echo "${PEXEC_OUTPUT_FILE-unset}"
"""


def applied(pexec: Pexec, manifest: str, *, exit_code: int = 0) -> Run:
    """The run of a manifest, which `pexec verify` has checked."""
    assert pexec.file("pexec.yaml", manifest).run("apply", "--output", "quiet").exit_code == exit_code
    assert pexec.run("verify").exit_code == 0
    return last_run(pexec.folder).check()


def failing(pexec: Pexec, run: str, declared: str = "{number: {}}", more: str = "") -> Run:
    """A run whose only job, `a`, fails for its outputs."""
    return applied(
        pexec, f"version: 1\nworkflows:\n  a:\n    run: {json.dumps(run)}\n    outputs: {declared}\n{more}", exit_code=1
    )


def test_a_job_hands_its_values_to_those_that_need_it(pexec: Pexec) -> None:
    run = applied(pexec.env(PEXEC_OUTPUT_FILE="/of/another/pexec"), VALUES)
    assert run.log("build") == b'<it\'s $HOME; rm -rf x><"one\\ntwo"><["a", "b c"]><3>'
    assert run.log("words") == b"<one\ntwo><afalse><it's $HOME; rm -rf x>"
    assert run.log("other") == b"unset\n"
    (ended,) = run.named("attempt.finished", job="version")
    assert ended["outputs"] == {
        "number": "it's $HOME; rm -rf x",
        "notes": "one\ntwo",
        "shards": '["a", "b c"]',
        "count": "3",
        "stable": "false",
    }
    assert run.jobs["version"]["outputs"]["notes"] == {"value": "one\ntwo", "bytes": 7}
    assert run.jobs["version"]["undeclared_outputs"] == ["surprise"]
    assert "outputs" not in run.jobs["build"]


def test_the_plan_shows_values_by_name_and_what_each_job_hands_on(pexec: Pexec) -> None:
    shown = pexec.file("pexec.yaml", VALUES).run("plan").stdout
    assert "printf '<%s>' <version.number> <version.notes>" in shown
    assert "outputs number, notes, shards, count, stable" in shown
    job = json.loads(pexec.run("plan", "--format", "json").stdout)["jobs"][0]
    assert job["outputs"]["number"] == {"description": "What git calls this state."}
    assert job["outputs"]["count"] == {"type": "number", "default": "3"}


@pytest.mark.parametrize(
    ("run", "declared", "reason"),
    [
        ("true", "{number: {}}", "the output `number` was not set: nothing in `$PEXEC_OUTPUT_FILE` names it"),
        ("echo n=x >> $PEXEC_OUTPUT_FILE", "{n: {type: number}}", "the output `n` is not a number, as JSON writes it"),
        ("echo hello >> $PEXEC_OUTPUT_FILE", "{n: {}}", "cannot be read: line 1 is not `name=value`: `hello`"),
        ("head -c 1048577 /dev/zero > $PEXEC_OUTPUT_FILE", "{n: {}}", "is larger than 1 MiB"),
        ("rm $PEXEC_OUTPUT_FILE", "{n: {default: x}}", "the file of its output values was removed"),
        ("ln -sf /etc/passwd $PEXEC_OUTPUT_FILE", "{n: {}}", "is not a regular file any more"),
        ("rm $PEXEC_OUTPUT_FILE; mkfifo $PEXEC_OUTPUT_FILE", "{n: {}}", "is not a regular file any more"),
        ("rm $PEXEC_OUTPUT_FILE; mkdir $PEXEC_OUTPUT_FILE", "{n: {}}", "is not a regular file any more"),
    ],
    ids=range(8),
)
def test_values_that_are_not_as_declared_fail_the_job(pexec: Pexec, run: str, declared: str, reason: str) -> None:
    result = failing(pexec, run, declared)
    assert reason in result.reason("a")
    assert (result.jobs["a"]["status"], result.jobs["a"]["exit_code"]) == ("FAILED", 0)
    assert "outputs" not in result.jobs["a"]


def test_a_job_is_retried_for_its_values_by_failed_and_each_attempt_begins_with_an_empty_file(pexec: Pexec) -> None:
    run = (
        '[ $PEXEC_ATTEMPT = 2 ] || { echo old=1 >> "$PEXEC_OUTPUT_FILE"; exit; }; echo number=2 >> "$PEXEC_OUTPUT_FILE"'
    )
    retry = "    retry: {max_attempts: 2, delay: 0s, on: [WHEN]}\n"
    declared = "{number: {}, old: {default: none}}"
    text = f"version: 1\nworkflows:\n  a:\n    run: {json.dumps(run)}\n    outputs: {declared}\n"
    again = applied(pexec, text + retry.replace("WHEN", "failed"))
    assert again.jobs["a"]["outputs"] == {"number": {"value": "2", "bytes": 1}, "old": {"value": "none", "bytes": 4}}
    once = failing(pexec, run, more=retry.replace("WHEN", "{exit: [1, 2]}"))
    assert once.jobs["a"]["attempts"] == 1


def test_a_secret_is_no_value_in_any_spelling(pexec: Pexec) -> None:
    manifest = """version: 1
secrets: {TOKEN: {env: TOKEN}}
workflows:
  a:
    secrets: TOKEN
    run: echo "n=SPELLED" >> "$PEXEC_OUTPUT_FILE"
    outputs: {n: {}}
"""
    pexec.env(TOKEN="tk-4f9aK2xx")
    for spelled in ("id $TOKEN", "$(printf %s $TOKEN | base64)"):
        run = applied(pexec, manifest.replace("SPELLED", spelled), exit_code=1)
        assert run.reason("a") == "the output `n` contains a secret, which values never do: they are kept in files"
        assert b"tk-4f9aK2xx" not in (run.path / "events.jsonl").read_bytes()


def test_a_job_without_the_value_that_it_uses_fails_before_it_starts(pexec: Pexec) -> None:
    manifest = """version: 1
workflows:
  version: {run: exit 3, outputs: {number: {}, note: {default: none}}}
  report:
    needs: version
    when: always
    retry: {max_attempts: 3, delay: 0s}
    run: touch started; echo ${{ needs.version.outputs.number }}
  note:
    needs: version
    when: always
    run: echo ${{ needs.version.outputs.note }} ${{ needs.version.outputs.number | json }}
"""
    run = applied(pexec, manifest, exit_code=1)
    assert run.reason("report") == "the output `number` that it uses has no value: `version` failed"
    assert (run.jobs["report"]["status"], run.jobs["report"]["attempts"]) == ("FAILED", 0)
    assert not (pexec.folder / "started").exists()
    assert run.log("note") == b"none null\n"
    for form in ("md", "html", "junit"):
        assert "has no value" in pexec.run("report", "--format", form).stdout


def test_a_value_above_128_kib_fails_who_passes_it_on_but_not_the_text_of_a_shell(pexec: Pexec) -> None:
    manifest = """version: 1
workflows:
  big:
    run: |
      printf 'x=%s\\n' "$(head -c 140000 /dev/zero | tr '\\0' x)" > "$PEXEC_OUTPUT_FILE"
    outputs: {x: {}}
  argument: {needs: big, argv: [echo, "${{ needs.big.outputs.x }}"]}
  variable: {needs: big, run: 'true', env: {X: "${{ needs.big.outputs.x }}"}}
  text: {needs: big, run: 'x=${{ needs.big.outputs.x }}; echo ${#x}'}
"""
    run = applied(pexec, manifest, exit_code=1)
    for job in ("argument", "variable"):
        assert run.reason(job) == "the output `x` of `big` is too long for an argument or a variable: 140,000 bytes"
    assert run.log("text") == b"140000\n"
    shown = run.jobs["big"]["outputs"]["x"]
    assert (len(shown["value"]), shown["bytes"]) == (4096, 140_000)


CHANGING = """version: 1
workflows:
  version:
    run: echo "number=$(date +%s%N)" >> "$PEXEC_OUTPUT_FILE"
    outputs: {number: {}}
  build:
    needs: version
    run: echo ${{ needs.version.outputs.number }}; test -e good
"""


def test_a_resume_hands_on_the_values_of_successes_in_the_same_run_and_in_a_new_one(pexec: Pexec) -> None:
    first = applied(pexec, CHANGING, exit_code=1)
    number = first.named("attempt.finished", job="version")[0]["outputs"]["number"]
    assert pexec.run("resume", "--output", "quiet").exit_code == 1
    assert last_run(pexec.folder).log("build", 2).decode().strip() == number
    pexec.file("pexec.yaml", CHANGING.replace("test -e", "test -f")).file("good", "")
    assert pexec.run("resume", "--output", "quiet").exit_code == 0
    assert pexec.run("verify").exit_code == 0
    second = last_run(pexec.folder)
    assert second.path != first.path
    assert second.named("job.adopted")[0]["outputs"] == {"number": number}
    assert second.jobs["version"]["outputs"]["number"]["value"] == number
    assert second.log("build").decode().strip() == number


def test_values_of_included_manifests_are_named_as_their_own_manifest_names_them(pexec: Pexec) -> None:
    pexec.file("lib/pexec.yaml", CHANGING.replace("; test -e good", ""))
    run = applied(
        pexec,
        "version: 1\ninclude: [{file: lib/pexec.yaml, prefix: lib}]\nworkflows:\n"
        "  own: {needs: lib.version, run: 'echo ${{ needs.lib.version.outputs.number }}'}\n",
    )
    assert run.log("own") == run.log("lib.build") != b""


def test_the_values_of_a_matrix_come_as_an_array_or_one_by_one(pexec: Pexec) -> None:
    manifest = """version: 1
workflows:
  test:
    matrix: {n: [1, 2, 3]}
    run: echo square=$((${{ matrix.n }} * ${{ matrix.n }})) >> "$PEXEC_OUTPUT_FILE"
    outputs: {square: {type: number}}
  each:
    matrix: {n: [3, 1]}
    needs: [{workflow: test, matrix: {n: "${{ matrix.n }}"}}]
    run: echo ${{ needs.test.outputs.square }}
  all: {needs: test, run: 'echo ${{ needs.test.outputs.square | json }}'}
"""
    run = applied(pexec, manifest)
    assert run.log("all") == b"[1,4,9]\n"
    assert (run.log("each[n=3]"), run.log("each[n=1]")) == (b"9\n", b"1\n")


def test_a_sandboxed_job_writes_its_values_too(pexec: Pexec) -> None:
    manifest = CHANGING.replace("; test -e good", "").replace("    outputs", "    isolation: sandbox\n    outputs")
    assert applied(pexec, manifest).log("build") != b""


CONDITIONS = """version: 1
workflows:
  version:
    run: echo "number=${NUMBER-v1}" >> "$PEXEC_OUTPUT_FILE"; exit ${CODE-0}
    outputs: {number: {default: none}}
  publish:
    needs: version
    if: {needs.version.outputs.number: {glob: "v*"}}
    run: echo published
  announce: {needs: publish, run: echo announced}
  rescue:
    needs: version
    when: always
    if: {not: {needs.version.status: succeeded}}
    run: echo rescued
"""


def test_an_if_asks_for_ends_and_values_of_needs_when_these_have_ended(pexec: Pexec) -> None:
    shown = pexec.file("pexec.yaml", CONDITIONS).run("plan").stdout
    assert "needs version; if needs.version.outputs.number is like v*" in shown
    run = applied(pexec, CONDITIONS)
    assert run.statuses == {
        "version": "succeeded",
        "publish": "succeeded",
        "announce": "succeeded",
        "rescue": "left_out",
    }
    run = applied(pexec.env(NUMBER="x1"), CONDITIONS)
    assert (run.statuses["publish"], run.statuses["announce"]) == ("left_out", "succeeded")
    assert run.reason("publish") == "`if`: `needs.version.outputs.number` is `x1`"
    assert run.jobs["publish"]["status"] == "LEFT_OUT"
    assert run.results["summary"]["left_out_jobs"] == 2
    assert (run.path / "status/publish.status").read_text() == "LEFT_OUT\n"
    run = applied(pexec.env(CODE="3"), CONDITIONS, exit_code=1)
    assert run.statuses == {
        "version": "failed",
        "publish": "skipped",
        "announce": "skipped",
        "rescue": "succeeded",
    }


def test_every_report_shows_a_job_that_its_if_left_out(pexec: Pexec) -> None:
    applied(pexec, CONDITIONS)
    junit = pexec.run("report", "--format", "junit").stdout
    assert '<skipped message="left out: its `if` does not hold" />' in junit
    assert "| `rescue` | left out |" in pexec.run("report", "--format", "md").stdout
    assert "left out" in pexec.run("report", "--format", "html").stdout
    assert "3 of 4 jobs succeeded, 1 left out" in pexec.run("status").stdout
    assert pexec.run("graph", "--format", "dot").exit_code == 0


def test_an_if_of_an_included_manifest_names_needs_as_its_own_manifest_does(pexec: Pexec) -> None:
    pexec.file("lib/pexec.yaml", CONDITIONS)
    run = applied(pexec, "version: 1\ninclude: [{file: lib/pexec.yaml, prefix: lib}]\n")
    assert run.statuses["lib.publish"] == "succeeded"
    assert run.statuses["lib.rescue"] == "left_out"
    run = applied(pexec.env(NUMBER="x"), "version: 1\ninclude: [{file: lib/pexec.yaml, prefix: lib}]\n")
    assert run.reason("lib.publish") == "`if`: `needs.lib.version.outputs.number` is `x`"


def test_a_resume_of_failed_jobs_decides_an_if_again(pexec: Pexec) -> None:
    failing = CONDITIONS + "  other: {run: test -e good}\n"
    assert applied(pexec, failing, exit_code=1).statuses["rescue"] == "left_out"
    assert pexec.file("good", "").run("resume", "--failed", "--output", "quiet").exit_code == 0
    assert last_run(pexec.folder).statuses["rescue"] == "left_out"
    assert pexec.run("verify").exit_code == 0


def test_status_shows_the_values_and_of_a_long_one_its_size(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml",
        "version: 1\nworkflows:\n  a:\n    run: |\n"
        '      echo number=v1.2 >> "$PEXEC_OUTPUT_FILE"\n'
        '      printf "long=%05000d\\n" 7 >> "$PEXEC_OUTPUT_FILE"\n'
        "    outputs: {number: {}, long: {}}\n",
    )
    assert pexec.run("apply").exit_code == 0
    shown = pexec.run("status").stdout
    assert "outputs\n  a.number  v1.2\n  a.long    " in shown
    assert "… (4.9 KiB)\n" in shown
    values = json.loads(pexec.run("status", "--format", "json").stdout)["outputs"]["a"]
    assert (values["number"], values["long"]["bytes"]) == ({"value": "v1.2", "bytes": 4}, 5000)
    assert len(values["long"]["value"]) == 4096
