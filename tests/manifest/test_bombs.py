"""Manifests made to hurt: each is refused at its place, in under 2 s of processor time and 300 MB."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

MAX_SECONDS = 2.0
MAX_MEGABYTES = 300

_LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20)
)
_MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 20)}]\n" for n in range(1, 15)
)
_HEAD = "version: 1\nworkflows:\n  a: {run: x}\n"

# The text, and how its one diagnostic begins: code, line:column.
BOMBS: dict[str, tuple[str | bytes, str]] = {
    "billion laughs": (_LAUGHS, "PX103 7:"),
    "merge keys": (_MERGES, "PX105 3:3"),
    "recursive alias": ("a: &a [*a]\n", "PX105 1:8"),
    "nested lists": ("[" * 5_000, "PX103 1:41"),
    "nested lists, megabytes": ("a: " + "[" * 8_000_000, "PX103 1:43"),
    "nested mappings": ("{a: " * 2_000_000, "PX103 1:161"),
    "nested block lists": ("- " * 4_000_000, "PX103 1:81"),
    "nested keys": ("? " * 4_000_000, "PX105 1:3"),
    "many items": ("[" + "a," * 4_000_000 + "]", "PX103 1:"),
    "many block items": ("- a\n" * 2_000_000, "PX103 1000000:"),
    "many entries": ("".join(f"k{n}: 1\n" for n in range(700_000)), "PX103 500000:"),
    "many lists": ("[" + "[]," * 2_600_000 + "]", "PX103 1:"),
    "a chain of aliases": ("".join(f"- &a{n} [{f'*a{n - 1}' if n else ''}]\n" for n in range(300_000)), "PX103 14"),
    "a huge file": (b"# remark\n" * 1_000_000, "PX103 1:1"),
    "a huge scalar": ("a: " + "x" * 8_000_000, "PX110 1:1"),
    "one word of megabytes": ("x" * 8_000_000, "PX112 1:1"),
    "a huge number": ("version: " + "9" * 8_000_000, "PX120 1:10"),
    "a huge duration": (_HEAD + "defaults: {timeout: '" + "9" * 8_000_000 + "'}", "PX114 4:21"),
    "a huge name": (_HEAD + "  " + "x" * 8_000_000 + ": {run: x}", "PX102 4:"),
    "unclosed quotes": ("a: '" + "x\n" * 4_000_000, "PX102 1:4"),
    "many anchors": ("[" + "".join(f"&a{n} x," for n in range(500_000)) + "]", "PX112 1:1"),
    "many unknown keys": (_HEAD + "".join(f"k{n}: 1\n" for n in range(450_000)), "PX110 4:1"),
    "many bad workflows": ("version: 1\nworkflows:\n" + "".join(f"  k{n}: 1\n" for n in range(450_000)), "PX112 3:"),
    "many bad needs": (_HEAD + "  b: {needs: [" + "1," * 900_000 + "]}\n", "PX117 4:"),
    "many bad variables": (_HEAD + "defaults: {env: {" + "".join(f"A{n}: 1," for n in range(450_000)) + "}}\n", "PX117 4:"),
    "many duplicates": (_HEAD + "  a: {run: x}\n" * 300_000, "PX104 4:3"),
    "tags": ("a: !!python/object/apply:os.system [x]\n", "PX105 1:4"),
    "several documents": ("a: 1\n" + "---\n" * 2_000_000, "PX105 2:1"),
    "a NUL": (b"a: 1\nb: \0\n", "PX101 2:4"),
    "bad UTF-8": (b"a: 1\nb\xc3\xa9: \xff\n", "PX101 2:5"),
    "a surrogate in UTF-8": (b"a: \xed\xa0\x80\n", "PX101 1:4"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "PX101 1:1"),
    "a byte order mark inside": ("a: 1\nb: x\ufeffy\n".encode(), "PX110 1:1"),
    "a duplicate key": ("a: {b: 1, b: 2}\n", "PX104 1:11"),
    "nested JSON": ('{"a": ' + "[" * 8_000_000, "PX103 1:46"),
}  # fmt: skip

_READER = """
import json, sys, time
from pathlib import Path
from orchestrator.manifest.load import load

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

load(sys.argv[1] + "/warm-up")
for path in sorted(Path(sys.argv[1]).iterdir()):
    started = time.process_time()
    found = load(str(path))
    first = found.diagnostics[0]
    at = f"{first.span.line}:{first.span.column}" if first.span else ""
    seconds = time.process_time() - started
    print(json.dumps([path.name, f"{first.code} {at}", seconds, len(found.diagnostics)]))
    Path("/proc/self/clear_refs").write_text("5")
    sys.stdout.flush()
print(json.dumps(peak()))
"""
