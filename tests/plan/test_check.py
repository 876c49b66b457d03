"""What is wrong with a manifest, with every place; each test compares all that is told."""

from __future__ import annotations

import textwrap

import pytest
from support.planning import file_facts, picture, planned

from orchestrator.diagnostics.model import Severity
from orchestrator.manifest.file_facts import FileFacts, RunbookProblem
from orchestrator.plan import workflow_edges


def told(text: str, files: dict[str, FileFacts] | None = None) -> str:
    return "\n".join(picture(diagnostic) for diagnostic in planned(text, files=files).diagnostics)


def dedented(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


def test_a_cycle_is_reported_with_each_edge_at_its_place_and_the_edge_that_closes_it() -> None:
    assert told(
        """
        workflows:
          fetch:
            run: fetch
            needs: test
          build:
            run: build
            needs: [fetch]
          test:
            run: test
            needs: [build]
        """
    ) == dedented(
        """
        error[PX201]: circular dependency: `fetch` -> `test` -> `build` -> `fetch`
          at 5:12+4
          5:12+4: `fetch` needs `test`
          11:13+5: `test` needs `build`
          8:13+5: `build` needs `fetch`
          = remove one of these edges; `fetch -> test` is the only one that closes the cycle
        """
    )


def test_two_jobs_that_wait_for_each_other_by_needs_and_after_are_a_cycle() -> None:
    assert told(
        """
        workflows:
          lint: {run: lint, after: [test]}
          test: {run: test, needs: [lint]}
        """
    ) == dedented(
        """
        error[PX201]: circular dependency: `lint` -> `test` -> `lint`
          at 3:29+4
          3:29+4: `lint` comes after `test`
          4:29+4: `test` needs `lint`
          = remove one of these edges, for example `test -> lint`
        """
    )


def test_each_cyclic_component_is_reported_once_with_its_shortest_cycle() -> None:
    assert told(
        """
        workflows:
          a: {run: a, needs: [b]}
          b: {run: b, needs: [c]}
          c: {run: c, needs: [a, b]}
          x: {run: x, needs: [y, a]}
          y: {run: y, needs: [x]}
        """
    ) == dedented(
        """
        error[PX201]: circular dependency: `b` -> `c` -> `b`
          at 4:23+1
          4:23+1: `b` needs `c`
          5:26+1: `c` needs `b`
          = remove one of these edges, for example `c -> b`; there are more cycles through these workflows
        error[PX201]: circular dependency: `x` -> `y` -> `x`
          at 6:23+1
          6:23+1: `x` needs `y`
          7:23+1: `y` needs `x`
          = remove one of these edges, for example `y -> x`
        """
    )


def test_a_long_cycle_is_named_by_its_ends_and_listed_whole_in_the_notes() -> None:
    jobs = "".join(f"  j{n}: {{run: j, needs: [j{(n + 1) % 50}]}}\n" for n in range(50))
    (diagnostic,) = planned(f"workflows:\n{jobs}").diagnostics
    assert diagnostic.message == (
        "circular dependency: `j0` -> `j1` -> `j2` -> `j3` -> `j4` -> `j5` -> `j6` -> `j7` -> `j8` -> `j9`"
        " -> ... (31 more) ..."
        " -> `j41` -> `j42` -> `j43` -> `j44` -> `j45` -> `j46` -> `j47` -> `j48` -> `j49` -> `j0`"
    )
    assert len(diagnostic.notes) == 50


def test_an_unknown_need_is_reported_with_what_was_probably_meant() -> None:
    assert told(
        """
        workflows:
          build: {run: build}
          built: {run: built}
          test:
            run: test
            needs: [biuld]
            after: [deploy]
        """
    ) == dedented(
        """
        error[PX202]: unknown workflow `biuld` in `needs` of `test`
          at 7:13+5
          7:13+5: no such workflow
          = did you mean `build`?
        error[PX202]: unknown workflow `deploy` in `after` of `test`
          at 8:13+6
          8:13+6: no such workflow
          = expected one of `build`, `built`
        """
    )


def test_a_job_that_needs_itself_is_reported_and_other_cycles_through_it_as_well() -> None:
    assert told(
        """
        workflows:
          a: {run: a, needs: [a, b]}
          b: {run: b, needs: [a]}
        """
    ) == dedented(
        """
        error[PX207]: `a` waits for itself
          at 3:23+1
          3:23+1: `a` needs `a`
          = remove it from `needs`
        error[PX201]: circular dependency: `a` -> `b` -> `a`
          at 3:26+1
          3:26+1: `a` needs `b`
          4:23+1: `b` needs `a`
          = remove one of these edges, for example `b -> a`
        """
    )


def test_a_need_that_is_named_twice_is_a_warning_and_counts_once() -> None:
    result = planned(
        """
        workflows:
          a: {run: a}
          b: {run: b}
          c:
            run: c
            needs: [a, b, a]
            after: [b]
        """
    )
    assert "\n".join(map(picture, result.diagnostics)) == dedented(
        """
        warning[PX208]: `c` names `a` twice in `needs`
          at 7:19+1
          7:19+1: named again
          7:13+1: first named here
          = remove one of the two
        warning[PX208]: `c` names `b` twice, in `needs` and in `after`
          at 8:13+1
          8:13+1: named again
          7:16+1: first named here
          = remove it from `after`: a job waits for everything that it needs
        """
    )
    assert result.plan is not None
    assert (result.plan.jobs[2].needs, result.plan.jobs[2].after) == ((0, 1), ())


def test_a_demand_on_a_pool_that_can_never_be_met_is_reported_with_the_pool() -> None:
    assert told(
        """
        policy:
          pools: {gpu: 2, database: 1}
        workflows:
          train: {run: train, pools: {gpu: 3}}
          store: {run: store, pools: {databse: 1}}
          serve: {run: serve, pools: {port: 1, gpu: 2}}
        """
    ) == dedented(
        """
        error[PX203]: `train` needs 3 units of pool `gpu`, which has only 2
          at 5:36+1
          5:36+1: needs 3
          3:16+1: has 2
          = it could never start; request fewer units, or enlarge the pool
        error[PX204]: unknown pool `databse` in `store`
          at 6:31+7
          6:31+7: no such pool
          = did you mean `database`?
        error[PX204]: unknown pool `port` in `serve`
          at 7:31+4
          7:31+4: no such pool
          = declare it with its size under `policy.pools`
        """
    )


def test_files_that_are_missing_or_cannot_be_run_are_reported() -> None:
    files = {
        "here.sh": file_facts(),
        "tool": file_facts("executable"),
        "folder": file_facts("directory"),
        "secret": file_facts("unreadable"),
    }
    assert told(
        """
        workflows:
          fine: {file: here.sh}
          tool: {file: tool}
          lost: {file: gone.sh}
          dir: {file: folder}
          hidden: {file: secret}
        """,
        files,
    ) == dedented(
        """
        error[PX205]: `lost` runs `gone.sh`, which does not exist
          at 5:16+7
          5:16+7: no such file
          = paths are relative to the manifest's directory
        error[PX206]: `dir` cannot run `folder`: it is a directory
          at 6:15+6
          6:15+6: is a directory
        error[PX206]: `hidden` cannot run `secret`: it cannot be read, or is not a regular file
          at 7:18+6
          7:18+6: cannot be read, or is not a regular file
        """
    )


def test_all_errors_are_reported_in_one_pass_in_the_order_of_the_file() -> None:
    result = planned(
        """
        workflows:
          a: {file: gone.sh, needs: [b]}
          b: {run: b, needs: [a, nobody], pools: {none: 1}}
          c: {run: c, needs: [c]}
        """
    )
    assert [diagnostic.code for diagnostic in result.diagnostics] == ["PX205", "PX201", "PX202", "PX204", "PX207"]
    assert all(diagnostic.severity is Severity.ERROR for diagnostic in result.diagnostics)
    assert result.plan is None


def test_an_error_knows_its_path_in_the_data() -> None:
    (diagnostic,) = planned("workflows: {a: {run: a, needs: nobody}}").diagnostics
    assert diagnostic.path == ("workflows", "a", "needs", 0)


@pytest.mark.parametrize(
    ("key", "code"), [("needs: [a]", "PX207"), ("needs: [a, a]", "PX208"), ("needs: [x]", "PX202")]
)
def test_errors_of_one_code_are_limited_and_the_last_one_says_how_many_there_are(
    key: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow_edges, "MAX_REPORTED", 1)
    lines = [f"  {name}: {{run: x, {key.replace('[a]', f'[{name}]')}}}" for name in ("b", "c", "d")]
    found = planned("workflows:\n  a: {run: x}\n" + "\n".join(lines))
    reported = [one for one in found.diagnostics if one.code == code]
    assert [note.message for note in reported[-1].notes][-1] == "and 2 more like these"
    assert len(reported) == 1


def test_a_problem_of_a_whole_runbook_has_no_line() -> None:
    files = {"a.md": file_facts("runbook", problem=RunbookProblem("it is not UTF-8 text", help="save it as UTF-8"))}
    (found,) = planned("workflows: {a: {file: a.md}}", files=files).diagnostics
    assert found.message == "`a` cannot run the runbook `a.md`: it is not UTF-8 text"
    assert [note.message for note in found.notes] == ["this runbook"]


def test_a_problem_on_a_line_of_a_runbook_is_shown_there() -> None:
    files = {"a.md": file_facts("runbook", problem=RunbookProblem("a shell block is never closed", line=7))}
    (found,) = planned("workflows: {a: {file: a.md}}", files=files).diagnostics
    assert [(note.message, note.span and note.span.line) for note in found.notes] == [
        ("this runbook", 2),
        ("the block opens here", 7),
    ]
