"""The forms of `inputs` and of `outputs`, and what is said of others."""

from __future__ import annotations

import pytest

from orchestrator.manifest.load import loads

REFUSED = {
    "{inputs: src/, run: x}": "write it as a list",
    "{inputs: [1], run: x}": "",
    "{inputs: [{path: a, env: B}], run: x}": "write two entries",
    "{inputs: [{optional: true}], run: x}": "write a path",
    "{inputs: [{command: [a], ignore: false}], run: x}": "",
    "{inputs: [{env: 'A B'}], run: x}": "the name of a variable",
    "{inputs: [{command: []}], run: x}": "write at least one entry",
    "{outputs: [], run: x}": "write at least one entry",
    "{outputs: x, run: x}": "",
    "{outputs: {a: {path: []}}, run: x}": "write at least one path",
    "{outputs: {a: {path: x, type: json}}, run: x}": "files have no type and no default",
    "{outputs: {a: {fresh: true}}, run: x}": "",
    "{outputs: {'1': {path: x}}, run: x}": "the name of an output",
    "{needs: b, outputs: [x]}": "",
    "{inputs: [''], run: x}": "write something, or remove the key",
}


@pytest.mark.parametrize("workflow", REFUSED)
def test_other_forms_are_refused_with_advice(workflow: str) -> None:
    loaded = loads(
        f"version: 1\nworkflows:\n  b: {{run: x}}\n  a: {workflow}\n".encode(), name="m", base_dir="/nonexistent"
    )
    (found,) = loaded.diagnostics
    assert REFUSED[workflow] in (found.help or "")


def test_each_form_is_read() -> None:
    text = """\
version: 1
workflows:
  a:
    run: x
    inputs: [a, {path: b, ignore: false, optional: true}, {env: C}, {command: [d]}]
    outputs: {a: {path: x}, b: {path: [y, z], fresh: true, optional: true}, c: {}}
  b: {run: x, outputs: [p, q]}
"""
    manifest = loads(text.encode(), name="m", base_dir="/nonexistent").manifest
    assert manifest is not None
    first, path, env, command = manifest.workflows["a"].inputs or ()
    assert (first, path.path, path.ignore, path.optional) == ("a", "b", False, True)  # type: ignore[union-attr]
    assert (env.env, command.command) == ("C", ("d",))  # type: ignore[union-attr]
    outputs = manifest.workflows["a"].outputs
    assert [outputs[name].path for name in outputs] == [("x",), ("y", "z"), ()]
    assert {name: one.path for name, one in manifest.workflows["b"].outputs.items()} == {"0": ("p",), "1": ("q",)}
