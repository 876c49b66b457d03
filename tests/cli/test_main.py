"""The exit codes, the reporting of errors, and the help."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from support.cli import Pexec

from orchestrator import __version__
from orchestrator.cli import main
from orchestrator.cli.main import COMMANDS
from orchestrator.console.streams import hide_from_streams
from orchestrator.execute.secrets.secret_values import Secrets, SecretValue

HELP = """\
pexec runs the workflows of a manifest in parallel, each as soon as its
dependencies have ended.

usage: pexec [-C DIR] COMMAND [...]

commands:
  init        write a commented example manifest
  apply, run  check, plan and run a manifest
  resume      continue a run after a crash, an interrupt or a failure
  cancel      cancel a run, or some of its jobs, from another terminal
  validate    check manifests and report every error, without running anything
  plan        show what `apply` would run, in which order and under which
              limits
  list        list what can be run, with descriptions, tags and parameters
  graph       draw the dependency graph, optionally with the outcome of a run
  discover    generate a manifest from existing scripts and Markdown runbooks
  runs        list all runs
  status      show the progress of a run, once or until it ends
  logs        print the output of jobs
  report      print a run's report (Markdown, HTML, JSON, JUnit)
  ui          show runs in a browser, live, with trends over runs
  verify      check a run's journal against its plan, its results and its logs
  archive     pack a run into one file
  prune       remove old runs
  cache       show, prune or clear the stored results of jobs
  doctor      check what this machine supports, or a cluster
  explain     explain a diagnostic code, with an example and its fix
  schema      print a JSON Schema: of manifests, plans, results or events
  completion  print a shell completion script

options:
  -C, --directory DIR  change to this directory first
  -h, --help           show this help or, after a command, its help
  -V, --version        show the version

Unless a manifest is named, pexec uses the pexec.yaml or pexec.yml in this
directory or the nearest parent directory, up to the repository's root.

exit codes: 0 success, 1 a job failed, 2 usage error, 3 invalid manifest or
plan, 4 refused, 5 environment error, 70 bug in pexec, 124 the run's deadline
passed, 129, 130, 131, 143 ended by a signal
"""


@pytest.mark.parametrize("word", ["--help", "-h", "help"])
def test_help_goes_to_stdout(pexec: Pexec, word: str) -> None:
    pexec.run(word).said(stdout=HELP)


@pytest.mark.parametrize("columns", [70, 80, 200])
def test_the_help_is_as_wide_as_the_terminal(pexec: Pexec, columns: int) -> None:
    lines = pexec.env(COLUMNS=str(columns)).run("--help").stdout.splitlines()
    assert max(map(len, lines)) <= columns
    assert " ".join(" ".join(lines).split()) == " ".join(HELP.split())


def test_without_a_command_the_help_is_shown_and_the_usage_is_wrong(pexec: Pexec) -> None:
    pexec.run().said(exit_code=2, stderr=HELP)


@pytest.mark.parametrize("word", ["--version", "-V", "version"])
def test_the_version(pexec: Pexec, word: str) -> None:
    pexec.run(word).said(stdout=f"pexec {__version__}\n")
    pexec.run(word, "--more").said(stdout=f"pexec {__version__}\n")


def test_an_unknown_command_is_reported_with_a_suggestion(pexec: Pexec) -> None:
    pexec.run("aply").said(
        exit_code=2,
        stderr="error: unknown command `aply`\n  = help: did you mean `apply`? see `pexec --help`\n",
    )
    pexec.run("x\x1b[2J").said(exit_code=2, stderr="error: unknown command `x␛[2J`\n  = help: see `pexec --help`\n")
    pexec.run("--zebra").said(exit_code=2, stderr="error: unknown flag `--zebra`\n  = help: see `pexec --help`\n")


def test_an_unknown_flag_is_reported_with_a_suggestion(pexec: Pexec) -> None:
    pexec.run("plan", "--max-paralel-jobs=3").said(
        exit_code=2,
        stderr="error: unknown flag `--max-paralel-jobs`\n"
        "  = help: did you mean `--max-parallel-jobs`? see `pexec plan --help`\n",
    )


def test_flags_are_not_abbreviated(pexec: Pexec) -> None:
    pexec.run("plan", "--max", "3").said(
        exit_code=2,
        stderr="error: unknown flag `--max`\n  = help: did you mean `--max-parallel-jobs`? see `pexec plan --help`\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "-j", "0"], "argument -j/--jobs/--max-parallel-jobs: expected a positive integer, `auto`, or a share "
         "of the CPUs such as `150%`, found `0`"),
        (["plan", "--fail-fast=maybe"], "argument --fail-fast: expected `false`, `drain` or `true`, found `maybe`"),
        (["plan", "--only"], "argument --only: expected one argument"),
        (["plan", "--format", "xml"], "argument --format: expected one of `text`, `json`, found `xml`"),
        (["schema", "plan", "events"], "unexpected argument `events`"),
    ],
)  # fmt: skip
def test_a_usage_error_refers_to_the_help(pexec: Pexec, arguments: list[str], message: str) -> None:
    pexec.run(*arguments).said(exit_code=2, stderr=f"error: {message}\n  = help: see `pexec {arguments[0]} --help`\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_help(pexec: Pexec, command: str) -> None:
    said = pexec.run(command, "--help")
    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout.startswith(f"usage: pexec {command} ")


PLANTED = """
import sys, types
from orchestrator.cli import main
module = types.ModuleType("orchestrator.cli.commands.planted")
module.add_arguments = lambda parser: parser.add_argument("words", nargs="*")
def run(arguments):
    {body}
module.run = run
sys.modules[module.__name__] = module
main.COMMANDS["planted"] = main.Subcommand("planted", "fail")
sys.exit(main.run(sys.argv[1:]))
"""


def planted(body: str, *words: str) -> subprocess.CompletedProcess[str]:
    """How a command ends that does `body`."""
    program = PLANTED.format(body=body)
    return subprocess.run(
        [sys.executable, "-c", program, "planted", *words], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_bug_of_ours_is_70_with_a_report_ready_to_paste() -> None:
    done = planted("raise ZeroDivisionError('\\x1b[2Jboom')", "with space")
    assert (done.returncode, done.stdout) == (70, "")
    assert re.fullmatch(
        r"""error: this is a bug in pexec, not in your manifest; please report it with all of the following

pexec:   \d+\.\d+\.\d+
python:  3\.\d+\.\d+\S* \(CPython, \S+\)
system:  Linux-.*
command: pexec planted 'with space'

Traceback \(most recent call last\):
(  .*\n)+ZeroDivisionError: ␛\[2Jboom
""",
        done.stderr,
    ), done.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [("UsageError", 2), ("RefusedError", 4), ("EnvironmentFailedError", 5)],
)
def test_an_error_that_can_be_explained_has_its_own_exit_code(error: str, code: int) -> None:
    done = planted(f"from orchestrator import errors; raise errors.{error}('no `x`', help='try `y`')")
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == "error: no `x`\n  = help: try `y`\n"


def test_an_interrupt_is_130_without_a_traceback() -> None:
    done = planted("raise KeyboardInterrupt")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_the_code_of_a_command_is_the_code_of_the_program() -> None:
    assert planted("return 124").returncode == 124


def test_arguments_and_flags_may_come_in_any_order(pexec: Pexec) -> None:
    pexec.file("ci/pexec.yaml", "version: 1\nworkflows: {a: {run: 'true'}, b: {run: 'true'}}\n")
    first = pexec.run("plan", "ci/pexec.yaml", "a", "-j", "3")
    assert first.exit_code == 0
    assert pexec.run("plan", "-j", "3", "ci/pexec.yaml", "a") == first
    assert pexec.run("plan", "ci/pexec.yaml", "-j3", "a") == first


def test_fail_fast_does_not_swallow_the_job_behind_it(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'true'}, b: {run: 'true'}}\n")
    said = pexec.run("plan", "--fail-fast", "a")
    assert said.exit_code == 0
    assert "  fail_fast          true  (from --fail-fast)\n" in said.stdout
    assert "left out\n  b: not selected\n" in said.stdout


def test_an_interrupt_while_the_program_is_still_being_imported_ends_quietly() -> None:
    # What a library evaluates as text marks the interpreter, which would then end by the signal.
    program = (
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'orchestrator.cli.main': exec('raise KeyboardInterrupt')\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.argv = ['pexec', 'apply']\n"
        "from orchestrator.__main__ import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_the_report_of_a_bug_hides_secrets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(argv: object) -> int:
        hide_from_streams(Secrets({"A": SecretValue(b"hunter2-token")}).masked)
        raise RuntimeError("what came was hunter2-token")

    monkeypatch.setattr(main, "_dispatch", fail)
    assert main.run(["apply", "--set", "x=hunter2-token"]) == 70
    said = capsys.readouterr().err
    assert "RuntimeError: what came was ***" in said
    assert "hunter2" not in said
