"""A file of another tool given as a manifest is named as such, in one diagnostic."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.manifests import loaded

FILES = {
    "GitHub Actions workflow": [
        "name: ci\non: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps: [{run: make}]\n",
        "on: {push: {branches: [main]}}\njobs:\n  test: {uses: ./.github/workflows/test.yml}\n",
    ],
    "GitLab CI file": [
        "stages: [test]\ntest:\n  stage: test\n  script:\n    - make\n",
        "image: python\n.base: &base\n  before_script: [x]\ntest:\n  <<: *base\n  script: make\n",
        "default: {image: x}\ntest:\n  script: [!reference [.base, script]]\n",
    ],
    "Taskfile": [
        "version: '3'\ntasks:\n  build:\n    cmds:\n      - make\n",
        "version: '3'\ntasks:\n  build: make\n  all: [make, make test]\n",
        "version: '3'\nvars: &v {A: b}\ntasks:\n  build:\n    vars: {<<: *v}\n    cmds: [make]\n",
    ],
    "package.json": ['{"name": "x", "version": "1.0.0", "scripts": {"build": "tsc"}}\n'],
    "makefile": [
        "build: main.o\n\tcc -o $@ $<\n\ntest: build\n\t./test\n",
        "CC ?= gcc\n.PHONY: all\nall: $(OBJECTS)\n%.o: %.c\n\t$(CC) -c $<\n",
        "# the usual\nlint:\n\n\truff check\n",
    ],
    "Compose file": [
        "services:\n  db:\n    image: postgres\n",
        "version: '3.8'\nservices: {web: {build: .}}\n",
        "x-base: &base {restart: always}\nservices:\n  db:\n    <<: *base\n    image: postgres\n",
        "services:\n  db:\n    image: postgres\n    ports: !reset []\n",
    ],
}
CASES = [(what, text) for what, texts in FILES.items() for text in texts]


@pytest.mark.parametrize(("what", "text"), CASES)
def test_it_is_named_once_with_the_keys_to_use_and_the_recipe(what: str, text: str) -> None:
    (found,) = loaded(text.encode()).diagnostics
    assert (found.code, found.message) == ("PX123", f"this is a {what}, not a pexec manifest")
    guide = re.search(r'"([\w ]+)" under "Migrating" in pexec\'s documentation translates a whole file', found.help)
    assert guide is not None
    headings = re.findall(r"^## (.+)$", (Path(__file__).parents[3] / "docs/migrating.md").read_text(), re.MULTILINE)
    assert guide[1] in headings


def test_json_is_recognized_too() -> None:
    data = {"services": {"db": {"image": "postgres"}}}
    (found,) = loaded(json.dumps(data).encode(), "x.json").diagnostics
    assert found.code == "PX123"


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        # manifests with mistakes, not files of another tool
        ("version: 1\njobs: {a: {run: x}}\n", ["PX110"]),
        ("version: 1\ntasks: {a: {run: x}}\n", ["PX110"]),
        ("version: 1\na: {script: x}\n", ["PX111", "PX110"]),
        ("version: 1\nworkflows: {a: {run: x}}\nservices: {db: {image: x}}\n", ["PX110"]),
        ("version: 1\nworkflows: {a: {script: x}}\njobs: {b: {steps: []}}\n", ["PX110", "PX110"]),
        ("version: 1\nworkflows:\n  a: &a {run: x}\n  b: {<<: *a}\nservices:\n  db:\n    image: x\n", ["PX110"]),
        ("services: [a]\n", ["PX110", "PX111", "PX111"]),
        ("jobs: 3\n", ["PX110", "PX111"]),
        ("workflows:\n  a:\n\trun: x\n", ["PX102"]),
        ("a:\n\trun: x\n", ["PX102"]),
        ("a:\n\t- x\n", ["PX102"]),
        ("version: 1\nworkflows:\n  a: [\nb:\n\tx\n", ["PX102"]),
        ("version: 1\nscripts: {a: x}\nworkflows: {a: {run: x}}\n", ["PX110"]),
        ("tasks: {a: 3}\n", ["PX110", "PX111"]),
        ("a: {<<: b}\n", ["PX124"]),
    ],
)
def test_a_manifest_with_mistakes_is_still_a_manifest(text: str, codes: list[str]) -> None:
    assert [one.code for one in loaded(text.encode()).diagnostics] == codes
