"""The scripts of a package.json to workflows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.discovery import place

from orchestrator.discovery.package_scripts import read_package


def runs(path: str, **package: object) -> dict[str, str]:
    found = read_package(path, json.dumps({"scripts": {"test": "vitest"}, **package}))
    assert found.is_usable, found.diagnostics
    return {one.name: one.run for one in found.workflows}


def test_every_script_is_manual_and_hooks_belong_to_their_script() -> None:
    scripts = {"prebuild": "a", "build": "b", "postbuild": "c", "press": "d", "dev": "vite", "t:watch": "e\n"}
    found = read_package("package.json", json.dumps({"scripts": scripts}))
    assert [(one.name, one.run, one.description, one.endless) for one in found.workflows] == [
        ("build", "npm run build", "b", False),
        ("press", "npm run press", "d", False),
        ("dev", "npm run dev", "vite", True),
        ("t_watch", "npm run t:watch", "", True),
    ]
    assert all(one.manual for one in found.workflows)


@pytest.mark.parametrize(
    ("lock_file", "manager"),
    [("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("bun.lock", "bun"), ("package-lock.json", "npm")],
)
def test_the_manager_is_the_declared_one_or_that_of_the_lock_file(tmp_path: Path, lock_file: str, manager: str) -> None:
    path = str(tmp_path / "package.json")
    (tmp_path / lock_file).touch()
    assert runs(path) == {"test": f"{manager} run test"}
    assert runs(path, packageManager="yarn@4.1.0") == {"test": "yarn run test"}
    assert runs(path, packageManager="other@1") == {"test": f"{manager} run test"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "PX125 p.json:1:1+1 `p.json` has no scripts"),
        ("[]", "PX125 p.json:1:1+1 `p.json` has no scripts"),
        ('{"scripts": {}}', "PX125 p.json:1:1+1 `p.json` has no scripts"),
        ('{"scripts": {"a": 1}}', "PX125 p.json:1:14+3 the script `a` is not text"),
        (
            '{"scripts": {"a:b": "x", "a/b": "y"}}',
            "PX125 p.json:1:26+5 the scripts `a:b` and `a/b` would have the same name, `a_b`",
        ),
        ('{"scripts": ', "PX106 p.json:1:13+1 expected a value"),
    ],
)
def test_another_package_is_refused_at_its_place(text: str, expected: str) -> None:
    found = read_package("p.json", text)
    assert not found.is_usable
    assert [f"{one.code} {place(one.span)} {one.message}" for one in found.diagnostics] == [expected]
