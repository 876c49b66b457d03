"""S32: no job starts before its needs have ended, and the limit of parallel jobs holds, according to the journal."""

from __future__ import annotations

import random

import pytest
from support.cli import Pexec
from support.crashes import judged
from support.runs import last_run


def workflows(jobs: int, chance: random.Random) -> str:
    """Jobs that need up to three others, in any order; some fail, some are retried, some share a pool."""
    lines = []
    for number in range(jobs):
        needs = sorted({f"j{chance.randrange(number)}" for _ in range(chance.randrange(4))} if number else set())
        keys = [f"needs: [{', '.join(needs)}]"] if needs else []
        keys += chance.choice([[], [], ["pools: {tape: 1}"], ["after: [j0]"] if number and "j0" not in needs else []])
        keys += chance.choice([[], [], ["when: always"], ["allow_failure: true"]])
        fails = chance.random() < 0.15
        keys += ["retry: {max_attempts: 2, delay: 10ms}"] if fails and chance.random() < 0.5 else []
        keys.append("run: exit 1" if fails else f"run: sleep 0.0{chance.randrange(5)}")
        lines.append(f"  j{number}: {{{', '.join(keys)}}}\n")
    chance.shuffle(lines)
    return "".join(lines)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("fail_fast", ["false", "drain"])
def test_for_any_workflows(pexec: Pexec, seed: int, fail_fast: str) -> None:
    chance = random.Random(seed)
    policy = f"policy: {{max_parallel_jobs: 3, pools: {{tape: 1}}, fail_fast: {fail_fast}}}"
    pexec.file(
        "pexec.yaml", f"version: 1\n{policy}\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n{workflows(40, chance)}"
    )
    assert pexec.run("apply", "--output", "quiet").exit_code in (0, 1)
    run = judged(last_run(pexec.folder))  # needs before starts, the limit, pools, `pexec verify`
    assert 2 <= run.most_at_once() <= 3 or fail_fast == "drain"
    assert pexec.run("verify").exit_code == 0
