"""inherited: the text of a manifest reaches jobs, names of files and logs as UTF-8, in every locale."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cli import Pexec
from support.runs import last_run
from support.shared import made_once

MANIFEST = """\
version: 1
policy: {max_parallel_jobs: 1, order: declared}
defaults: {shell: [sh, -eu]}
workflows:
  text: {run: 'printf é | od -An -tx1'}
  variable: {env: {V: "é"}, run: 'printf "$V" | od -An -tx1'}
  word: {argv: [sh, -c, 'printf %s "$1" | od -An -tx1', x, "é"]}
  file: {file: prüfung.sh, args: ["é"]}
  runbook: {file: book.md}
  place: {working_dir: größe, run: 'echo x > "résultat.txt"; basename "$PWD" | od -An -tx1'}
  long: {run: ": XXX; printf é | od -An -tx1"}
  snow: {run: 'printf ☃ | od -An -tx1'}
  m: {matrix: {house: ["изба"]}, run: 'printf ${{ matrix.house }} | od -An -tx1'}
  sandboxed: {isolation: sandbox, writes: [größe/out], run: 'echo x > "größe/out/é"; printf é | od -An -tx1'}
  inherits: {run: 'printf "$GIVEN" | od -An -tx1'}
"""
E = "c3a9"
SEEN = {
    **dict.fromkeys(("text", "variable", "word", "file", "runbook", "long", "sandboxed"), E),
    "place": "größe\n".encode().hex(),
    "snow": "☃".encode().hex(),
    "m[house=изба]": "изба".encode().hex(),
    "inherits": "e9",  # the bytes that the caller gave, whatever they mean
}
LOCALES = {
    "UTF-8": {"LC_ALL": "C.UTF-8"},
    "C": {"LC_ALL": "C"},
    "POSIX": {"LANG": "POSIX"},
    "none": {},
    "C, and Python's own ways out of it switched off": {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    },
    "unknown": {"LC_ALL": "xx_YY.KOI8-R"},
    "ISO-8859-1": {"LC_ALL": "en_US.ISO-8859-1"},
    "ISO-8859-15": {"LANG": "de_DE.ISO-8859-15"},
    "EUC-JP": {"LC_CTYPE": "ja_JP.EUC-JP"},
    "GB18030": {"LANG": "zh_CN.GB18030"},
}


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory with those of the locales above that the C library of this machine does not have."""
    made = made_once(tmp_path_factory, "locales", make_locales)
    readable = Path(tempfile.mkdtemp(prefix="pexec-locales-"))  # that of pytest is closed to other users
    readable.chmod(0o755)
    shutil.copytree(made, readable, dirs_exist_ok=True)
    yield readable
    shutil.rmtree(readable)


def make_locales(directory: Path) -> None:
    directory.chmod(0o755)
    if shutil.which("localedef"):
        for name in ("en_US.ISO-8859-1", "de_DE.ISO-8859-15", "ja_JP.EUC-JP", "zh_CN.GB18030"):
            source, _, encoding = name.partition(".")
            command = ["localedef", "-f", encoding, "-i", source, str(directory / name)]
            subprocess.run(command, capture_output=True, check=False)


def in_locale(pexec: Pexec, name: str, locales: Path) -> Pexec:
    variables = LOCALES[name]
    wanted = [value for value in variables.values() if "." in value and value[0] in "edjz"]
    if wanted and not (locales / wanted[0]).is_dir():
        pytest.skip(f"there is no `localedef`, or it has no source of {wanted[0]}")
    for variable in [each for each in pexec.environ if each.startswith(("LC_", "LANG"))]:
        del pexec.environ[variable]
    return pexec.env({**variables, "LOCPATH": str(locales)} if wanted else variables)


@pytest.mark.parametrize("name", LOCALES)
def test_jobs_get_the_bytes_of_the_manifest(pexec: Pexec, name: str, locales: Path) -> None:
    in_locale(pexec, name, locales)
    pexec.file("pexec.yaml", MANIFEST.replace("XXX", "x" * 150_000))
    pexec.file("book.md", "# Book\n\n```sh\nprintf é | od -An -tx1\n```\n")
    pexec.file("prüfung.sh", 'printf %s "$1" | od -An -tx1\n')
    pexec.file("größe/out/keep", "")
    command = ["env", b"GIVEN=\xe9", *pexec.program, "apply", "--output", "quiet"]
    process = pexec.start_as(command, stderr=subprocess.PIPE)  # type: ignore[arg-type]
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr.decode(errors="replace")
    run = last_run(pexec.folder).check()
    assert {job: run.log(job).replace(b" ", b"").replace(b"\n", b"").decode() for job in run.jobs} == SEEN
    assert (pexec.folder / "größe/résultat.txt").exists()
    assert (pexec.folder / "größe/out/é").exists()


@pytest.mark.parametrize("name", ["C", "ISO-8859-1", "GB18030"])
def test_arguments_are_the_callers_bytes_and_data_is_utf_8(pexec: Pexec, name: str, locales: Path) -> None:
    in_locale(pexec, name, locales)
    pexec.file("prüfung.yaml", "version: 1\nname: Prüfung\nworkflows: {a: {run: 'true'}}\n")
    assert pexec.run("validate", "prüfung.yaml").stdout == "prüfung.yaml: valid, 1 job in 1 level\n"
    assert json.loads(pexec.run("plan", "--format", "json", "prüfung.yaml").stdout)["name"] == "Prüfung"
    assert pexec.run("apply", "prüfung.yaml", "a", "--output", "quiet").exit_code == 0
    assert "Prüfung" in pexec.run("runs").stdout
    assert "Prüfung" in pexec.run("report", "--format", "html").stdout


def test_a_terminal_gets_the_encoding_of_its_locale(pexec: Pexec, locales: Path) -> None:
    in_locale(pexec, "ISO-8859-1", locales)
    pexec.file("pexec.yaml", "version: 1\nname: Prüfung ☃\nworkflows: {a: {run: 'true'}}\n")
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    ours, theirs = pty.openpty()
    process = pexec.start("runs", stdout=theirs)
    os.close(theirs)
    assert process.wait(60) == 0
    shown = os.read(ours, 4096)
    os.close(ours)
    assert b"Pr\xfcfung \\u2603" in shown


def test_a_program_that_imports_pexec_in_another_encoding_is_refused(pexec: Pexec, locales: Path) -> None:
    in_locale(pexec, "ISO-8859-1", locales)
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'true'}}\n")
    run = "import orchestrator as pexec; pexec.run(pexec.make_plan('pexec.yaml'))"
    done = subprocess.run(
        [sys.executable, "-c", run], cwd=pexec.folder, env=pexec.environ, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert b"encodes the names of files as iso8859-1, but manifests are UTF-8" in done.stderr
