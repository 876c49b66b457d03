"""New inputs for the reader, made of manifests of the repository: bytes, words, lines or the tree of one changed, or
two crossed. The same number makes the same inputs.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from support.manifests import sections

from orchestrator.manifest.section import keys_of

ROOT = Path(__file__).parents[2]
MAX_BYTES = 40_000  # of one input: what is large is tried by tests/manifest/test_bombs.py
_SIGNS = [bytes([n]) for n in b"{}[]:,&*!|>'\"%@`#-?~<=\t\r\n \0\x07\x1b\x7f\x80\xff"]
_SIGNS += [sign.encode() for sign in "\u0085\u2028\ufeff\u0301\u200b\U0001f600\u202e世"]
_SIGNS += [
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b": ",
    b"- ",
    b"? ",
    b"...\n",
    b"---\n",
    b"<<: *a\n",
    b"%YAML 1.1\n---\n",
]
_WORDS = """
    a b build test 0 -1 1 4.5 .5 1. 3.10 012 0o17 0x1F 1e400 -0.0 .nan .inf 9999999999999999999999 null ~ true no on
    2024-01-01 1:30 5m 5min PT5M P1Y -5s 1h-1m 0.1s none 512MiB 1EiB 2gigs auto 150% 0% drain critical_path declared
    *a &a !!str !x "" '' {} [] [[]] {a:} | >- "\\ud800" "\\0" "\\x1b[31m" ${{params.x}} "${{ matrix.x }}"
    "${{ run.dir | raw }}" "${{" "$${{ x }}" "${{ secrets.TOKEN }}" '${{ job.id }}' "$TOKEN" "<<EOF" "'${{params.x}}'"
    (a+)+b [0-9]+ ( * release-* {glob:a*} {not:{}} {any:[]} {exit:[75]} always failure manual minimal PATH C_*
    /dev/null /dev/stdin / . .. ../a a.md a.sh a\x00b dir pexec.yaml lib.yaml loop.yaml tag:x a[x=1] a.b -x _ é 世界
""".split()  # noqa: SIM905 - a hundred quoted words are no easier to read
_WORD = re.compile(rb"[^\s{}\[\],:#'\"]+")


@lru_cache(maxsize=1)
def seeds() -> list[bytes]:
    """Manifests of the repository: the example, those that everybody refuses, those of the documents and of tests."""
    found = [(ROOT / "pexec.yaml.example").read_bytes()]
    found += [path.read_bytes() for path in sorted((ROOT / "tests/manifest/bad").iterdir()) if path.is_file()]
    for page in sorted(ROOT.glob("docs/*.md")) + sorted(ROOT.glob("orchestrator/diagnostics/explanations/*.md")):
        fences = re.findall(r"^```ya?ml[^\n]*\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
        found += [text.encode() for text in fences if "workflows" in text]
    trees = [tree for tree in map(_tree, found) if isinstance(tree, dict)]
    return found + [json.dumps(tree).encode() for tree in trees]


class Mutator:
    """Makes new inputs of seeds, the same ones for the same number."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._seeds = seeds()
        self._trees = [tree for tree in map(_tree, self._seeds) if isinstance(tree, dict)]
        self._keys = sorted({key for section in sections() for key in keys_of(section)})
        ways: list[Callable[[], bytes]] = [self._bytes, self._words, self._lines, self._branches, self._crossing]
        self._ways = ways

    def next(self) -> bytes:
        return self.chance.choice(self._ways)()[:MAX_BYTES]

    def _bytes(self, of: bytes | None = None) -> bytes:
        data = bytearray(self.chance.choice(self._seeds) if of is None else of)
        for _ in range(self.chance.choice([1, 1, 1, 2, 4, 16])):
            at = self.chance.randrange(len(data) + 1)
            end = min(len(data), at + self.chance.choice([1, 1, 2, 8, 64]))
            match self.chance.randrange(6):
                case 0 if data:
                    data[min(at, len(data) - 1)] ^= 1 << self.chance.randrange(8)
                case 1:
                    data[at:end] = self.chance.choice(_SIGNS)
                case 2:
                    data[at:at] = self.chance.choice(_SIGNS) * self.chance.choice([1, 1, 2, 50, 500])
                case 3:
                    del data[at:end]
                case 4:
                    data[at:at] = data[at:end] * self.chance.choice([1, 2, 100])
                case _:
                    del data[at:]
        return bytes(data)

    def _words(self) -> bytes:
        data = self.chance.choice(self._seeds)
        words = list(_WORD.finditer(data))
        chosen = self.chance.sample(words, min(len(words), self.chance.choice([1, 1, 2, 5])))
        for found in sorted(chosen, key=lambda found: found.start(), reverse=True):
            word = self.chance.choice(self._keys if self.chance.random() < 0.3 else _WORDS)
            data = data[: found.start()] + word.encode() + data[found.end() :]
        return data

    def _lines(self) -> bytes:
        lines = self.chance.choice(self._seeds).splitlines(keepends=True) or [b""]
        for _ in range(self.chance.choice([1, 1, 2, 4])):
            at, other = self.chance.randrange(len(lines)), self.chance.randrange(len(lines))
            match self.chance.randrange(5):
                case 0:
                    lines[at:at] = [lines[other]]
                case 1 if len(lines) > 1:
                    del lines[at]
                case 2:
                    lines[at], lines[other] = lines[other], lines[at]
                case 3:
                    lines[at] = self.chance.choice([b" ", b"  ", b"\t", b"- "]) + lines[at]
                case _:
                    lines[at] = lines[at].lstrip(b" ")
        return self.chance.choice([b"", b"\r"]).join([b"", *lines]) if self.chance.random() < 0.05 else b"".join(lines)

    def _branches(self) -> bytes:
        tree = json.loads(json.dumps(self.chance.choice(self._trees)))
        for _ in range(self.chance.choice([1, 1, 2, 3])):
            holder, key = self.chance.choice(list(_places(tree)) or [(tree, "version")])
            match self.chance.randrange(4):
                case 0 if isinstance(holder, dict):
                    holder[self.chance.choice(self._keys + _WORDS)] = holder.pop(key)
                case 1 if isinstance(holder, dict):
                    holder[self.chance.choice(self._keys)] = self._value()
                case 2:
                    other, there = self.chance.choice(list(_places(self.chance.choice(self._trees))) or [(tree, key)])
                    holder[key] = other[there]
                case _:
                    holder[key] = self._value()
        return json.dumps(tree, ensure_ascii=self.chance.random() < 0.5).encode(errors="replace")

    def _crossing(self) -> bytes:
        one, other = self.chance.choice(self._seeds), self.chance.choice(self._seeds)
        at, there = self.chance.randrange(len(one) + 1), self.chance.randrange(len(other) + 1)
        data = one[:at] + other[there : there + self.chance.choice([10, 100, 1_000])] + one[at:]
        return self._bytes(data) if self.chance.random() < 0.5 else data

    def _value(self, depth: int = 0) -> Any:
        match self.chance.randrange(8 if depth < 3 else 5):
            case 0 | 1 | 2:
                return self.chance.choice(_WORDS)
            case 3:
                return self.chance.choice([0, 1, -1, 2**63, 1.5, 1e308, float("nan"), True, False, None])
            case 4:
                return "".join(
                    self.chance.choices(["a", "${{", "}}", "'", '"', "\n", "\0", "\u0301", "\ud800", " "], k=9)
                )
            case 5 | 6:
                return [self._value(depth + 1) for _ in range(self.chance.randrange(4))]
        return {
            self.chance.choice(self._keys + _WORDS): self._value(depth + 1) for _ in range(self.chance.randrange(4))
        }


def _tree(data: bytes) -> object:
    try:
        return json.loads(json.dumps(YAML(typ="safe", pure=False).load(data.decode()), default=str))
    except (YAMLError, ValueError, TypeError, RecursionError):
        return None


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in steps:
        yield tree, key
        yield from _places(value)
