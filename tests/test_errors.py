"""Every refusal and every failure of the machine has a code that `pexec explain` knows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from orchestrator.diagnostics.model import CODES

PACKAGE = Path(__file__).parents[1] / "orchestrator"
KINDS = {"RefusedError": "PX4", "NoPlanError": "PX4", "EnvironmentFailedError": "PX3"}
CALLS = [
    pytest.param(call.func.id, call, id=f"{path.relative_to(PACKAGE)}:{call.lineno}")
    for path in sorted(PACKAGE.rglob("*.py"))
    for call in ast.walk(ast.parse(path.read_text()))
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in KINDS
]


def test_there_are_refusals_and_failures() -> None:
    assert len(CALLS) > 25


@pytest.mark.parametrize(("kind", "call"), CALLS)
def test_it_has_a_code_of_its_kind(kind: str, call: ast.Call) -> None:
    codes = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
    assert codes, 'say which one it is: `code="PX4.."`, of the table in diagnostics.py'
    (code,) = codes
    if ast.unparse(code) == "code":
        return  # chosen where the reason was found
    assert isinstance(code, ast.Constant)
    assert code.value in CODES
    assert str(code.value).startswith((KINDS[kind], "PX310", "PX314", "PX318")), (
        "what is not installed or safe is refused"
    )
