"""Values of secrets are found before any job, reach only the jobs that name them, and are never shown."""

from __future__ import annotations

import copy
import logging
import os
import pickle
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.attempts import Desk, survivors

from orchestrator.engine.states import Verdict
from orchestrator.errors import ExitCode, RefusedError
from orchestrator.execute.secrets.masking import MaskedJournal, masked_journal, masked_plan, texts_left_as_they_are
from orchestrator.execute.secrets.secret_values import NO_SECRETS, Secrets, SecretValue, SourceError, resolve
from orchestrator.execute.supervisor.capture import output_of
from orchestrator.plan.model import JobSpec, Plan, PlannedJob, Policy
from orchestrator.plan.secret_source import SecretSource

TOKEN = b"hunter2-token"
ENVIRON = {b"CI_TOKEN": TOKEN, b"EMPTY": b"", b"SHORT": b"abc", b"FIVE": b"12345", b"BYTES": b"\xff\xfe\xfd\xfc\n"}


def no_command(command: tuple[str, ...]) -> bytes:
    raise AssertionError(f"{command} was run")


def resolved(sources: Mapping[str, SecretSource], base_dir: Path = Path("/nowhere")) -> Secrets:
    return resolve(sources, str(base_dir), ENVIRON, no_command)


def kept(**values: str) -> Secrets:
    return Secrets({name: SecretValue(value.encode()) for name, value in values.items()}, values)


# Finding them.


def test_a_variable_is_taken_as_it_is(tmp_path: Path) -> None:
    secrets = resolved({"A": SecretSource(env="CI_TOKEN"), "B": SecretSource(env="BYTES")})
    assert secrets.environment(("A", "B")) == {b"A": TOKEN, b"B": ENVIRON[b"BYTES"]}
    assert secrets.environment(()) == {}
    assert secrets.variables == {b"A", b"B", b"CI_TOKEN", b"BYTES"}


def test_the_line_end_at_the_end_of_a_file_is_no_part_of_the_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "unix").write_bytes(b"two\nlines\n")
    (tmp_path / "windows").write_bytes(b"value\r\n")
    (tmp_path / "link").symlink_to("unix")
    monkeypatch.setenv("HOME", str(tmp_path))
    files = {"A": "unix", "B": "windows", "C": "~/unix", "D": str(tmp_path / "link")}
    secrets = resolved({name: SecretSource(file=file) for name, file in files.items()}, tmp_path)
    two = b"two\nlines"
    assert secrets.environment(files) == {b"A": two, b"B": b"value", b"C": two, b"D": two}


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (SecretSource(env="NONE"), "the environment variable `NONE` is not set"),
        (SecretSource(env="EMPTY"), "the environment variable `EMPTY` is empty"),
        (SecretSource(env="SHORT"), "the environment variable `SHORT` is shorter than 4 bytes"),
        (SecretSource(file="missing"), "`missing` cannot be read: no such file or directory"),
        (SecretSource(file="."), "`.` cannot be read: is a directory"),
        (SecretSource(file="pipe"), "`pipe` is not a regular file"),
        (SecretSource(file="/dev/zero"), "`/dev/zero` is not a regular file"),
        (SecretSource(file="empty"), "`empty` is empty"),
        (SecretSource(file="zero"), "`zero` has a zero byte, which no environment variable can hold"),
        (SecretSource(file="large"), "`large` is longer than 100 KiB, too much for a variable"),
    ],
)
def test_a_secret_without_a_usable_value_is_refused_by_name_and_source(
    tmp_path: Path, source: SecretSource, why: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").write_bytes(b"\n")
    (tmp_path / "zero").write_bytes(b"hunter2\0")
    (tmp_path / "large").write_bytes(b"hunter2" * 20_000)
    with pytest.raises(RefusedError) as refused:
        resolved({"A": SecretSource(env="CI_TOKEN"), "X": source}, tmp_path)
    assert refused.value.message == f"the secret `X` cannot be used: {why}"
    assert refused.value.exit_code == ExitCode.REFUSED
    assert refused.value.__cause__ is None


def test_what_no_job_of_the_run_needs_may_be_missing_but_is_kept_secret_if_it_is_there() -> None:
    secrets = resolved(
        {
            "A": SecretSource(env="CI_TOKEN", needed=False),
            "B": SecretSource(env="NONE", needed=False),
            "C": SecretSource(command=("vault",), needed=False),
        }
    )
    assert secrets.masked("hunter2-token") == "***"
    assert secrets.variables == {b"A", b"B", b"C", b"CI_TOKEN", b"NONE"}


def test_a_short_value_is_a_warning_and_a_shorter_one_is_taken_only_if_that_is_allowed() -> None:
    secrets = resolved({"A": SecretSource(env="FIVE"), "B": SecretSource(env="SHORT", allow_short=True)})
    assert [message for message, _ in secrets.warnings()] == [
        "the secret `A` is shorter than 6 bytes",
        "the secret `B` is shorter than 6 bytes",
    ]
    assert secrets.masked("abc 12345") == "*** ***"


# Programs that print them.


def test_what_a_program_prints_is_the_value_and_what_it_complains_of_is_not(desk: Desk) -> None:
    command = ("sh", "-c", 'echo "token of $(pwd)"; echo complaint >&2')
    assert output_of(command, str(desk.work), desk.supervisor) == f"token of {desk.work}\n".encode()
    secrets = resolve(
        {"A": SecretSource(command=command)}, "", {}, lambda words: output_of(words, str(desk.work), desk.supervisor)
    )
    assert secrets.environment(("A",)) == {b"A": f"token of {desk.work}".encode()}


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("sh", "-c", "echo hunter2; exit 3"), "`sh` ended with exit code 3"),
        (("sh", "-c", "kill -9 $$"), "`sh` was killed"),
        (("no-such-program",), "`no-such-program` was not found"),
        (("/etc/passwd",), "`/etc/passwd` cannot be executed"),
    ],
)
def test_a_program_that_fails_gives_no_value(desk: Desk, command: tuple[str, ...], why: str) -> None:
    with pytest.raises(SourceError) as refused:
        output_of(command, str(desk.work), desk.supervisor)
    assert str(refused.value) == why


def test_a_program_that_hangs_is_ended_with_all_that_it_started(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.execute.supervisor.capture.SECONDS", 0.3)
    attempt = desk.prepare(argv=("sh", "-c", "echo hunter2; sleep 50 & sleep 50; : {mark}"))
    assert attempt.spec.spec.argv is not None
    with pytest.raises(SourceError, match="`sh` did not end within 0 s"):
        output_of(attempt.spec.spec.argv, str(desk.work), desk.supervisor)
    assert survivors(attempt.mark) == set()


def test_a_program_that_never_stops_printing_takes_no_memory(desk: Desk) -> None:
    printed = output_of(("sh", "-c", "yes | head -c 30000000"), str(desk.work), desk.supervisor)
    assert len(printed) == (1 << 20) + 1


# Keeping them.


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r}".format, "%s".__mod__, lambda value: f"{[value]}"])
def test_no_way_to_print_a_secret_shows_it(show: object) -> None:
    assert callable(show)
    assert show(SecretValue(TOKEN)) in ("***", "[***]")
    assert "hunter2" not in show(kept(A="hunter2-token"))


@pytest.mark.parametrize("leave", [pickle.dumps, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("thing", [SecretValue(TOKEN), kept(A="hunter2-token")])
def test_a_secret_does_not_leave_the_process(leave: object, thing: object) -> None:
    assert callable(leave)
    with pytest.raises(TypeError, match="secrets are not pickled"):
        leave(thing)


def test_secrets_are_not_compared_and_are_no_keys() -> None:
    with pytest.raises(TypeError, match="not compared"):
        assert SecretValue(TOKEN) == SecretValue(TOKEN)
    with pytest.raises(TypeError, match="unhashable"):
        {SecretValue(TOKEN)}


def test_a_log_record_of_a_secret_does_not_show_it(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("any").warning("%s %r", SecretValue(TOKEN), kept(A="hunter2-token"))
    assert "hunter2" not in caplog.text


# Giving them to jobs, and taking them out of what these print.


def keep(desk: Desk, **values: str) -> None:
    desk.supervisor.keep(kept(**values))


def test_a_job_has_the_secrets_that_it_names_and_no_job_has_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("A", "B", "C", "CI_A"):
        monkeypatch.setenv(name, f"inherited-{name}")
    with Desk(tmp_path) as desk:
        sources = {"A": SecretSource(env="CI_A"), "B": SecretSource(env="B")}
        desk.supervisor.keep(resolve(sources, "", os.environb, no_command))
        script = 'for name in A B C CI_A; do eval "echo $name \\${$name-unset} | tr a-z n-za-m"; done'
        logs = [desk.run(run=script, secrets=names).log.decode().split() for names in ((), ("A",), ("A", "B"))]
        rotated = [dict(zip(log[::2], log[1::2], strict=True)) for log in logs]
    unset, of_a, of_b, of_c = "hafrg", "vaurevgrq-CI_A", "vaurevgrq-B", "vaurevgrq-C"
    assert rotated == [
        {"A": unset, "B": unset, "C": of_c, "CI_A": unset},
        {"A": of_a, "B": unset, "C": of_c, "CI_A": unset},
        {"A": of_a, "B": of_b, "C": of_c, "CI_A": unset},
    ]


def test_a_secret_goes_before_what_the_manifest_sets(desk: Desk) -> None:
    keep(desk, A="hunter2-token")
    attempt = desk.run(run="echo ${#A}", env={"A": "other"}, secrets=("A",))
    assert attempt.log == b"13\n"


def test_every_job_is_covered_also_one_that_names_no_secret(desk: Desk) -> None:
    keep(desk, A="hunter2-token")
    attempt = desk.run(run="echo 'it is hunter2-token!'; echo hunter2-token >&2; printf hunter2-tok")
    assert attempt.log == b"it is ***!\n***\nhunter2-tok"
    assert attempt.result.log_bytes == len(attempt.log)
    assert attempt.result.verdict is Verdict.SUCCEEDED


def test_what_is_shown_live_is_what_the_log_has(desk: Desk) -> None:
    keep(desk, A="hunter2-token")
    attempt = desk.run(run="printf hunter2; sleep 0.2; printf -- -token; echo .; printf hunter2", pump=True)
    assert attempt.log == b"".join(attempt.chunks) == b"***.\nhunter2"


def test_output_passes_while_the_job_runs(desk: Desk) -> None:
    keep(desk, A="hunter2-token")
    attempt = desk.start(run="echo ready; sleep 600")
    attempt.wait_for_output(b"ready\n")
    desk.supervisor.warden.kill(attempt.spec.serial, force=True)
    assert attempt.result.verdict is Verdict.KILLED


@pytest.mark.parametrize("stop", ["timeout", "kill", "crash of the warden"])
def test_what_was_held_back_is_not_lost_however_the_job_ends(desk: Desk, stop: str) -> None:
    keep(desk, A="hunter2-token")
    attempt = desk.submit(desk.prepare(run="printf 'ready\\nhunter2'; sleep 600", timeout=5.0))
    attempt.wait_for_output(b"ready\n")
    if stop == "kill":
        desk.supervisor.warden.kill(attempt.spec.serial, force=True)
    elif stop == "crash of the warden":
        assert desk.supervisor.warden._warden is not None
        os.kill(desk.supervisor.warden._warden.pid, signal.SIGKILL)
    verdict = {"timeout": Verdict.TIMED_OUT, "kill": Verdict.KILLED}.get(stop, Verdict.LOST)
    assert attempt.result.verdict is verdict
    assert attempt.log == b"ready\nhunter2"


def test_no_process_that_holds_a_secret_leaves_its_memory_in_a_file(tmp_path: Path) -> None:
    program = (
        "import os, resource, sys; from support.attempts import Desk, the_warden_below; from pathlib import Path\n"
        "from orchestrator.execute.secrets.secret_values import SecretValue, Secrets\n"
        "limit = lambda pid: resource.prlimit(pid, resource.RLIMIT_CORE)[0]\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (4096, resource.getrlimit(resource.RLIMIT_CORE)[1]))\n"
        "with Desk(Path(sys.argv[1])) as desk:\n"
        "    warden = the_warden_below(os.getpid())\n"
        "    print(limit(0))\n"  # that of the warden becomes 0 in any case, soon
        "    desk.supervisor.keep(Secrets({'A': SecretValue(b'hunter2-token')}))\n"
        "    print(limit(0), limit(warden), desk.run(run='ulimit -c').log)\n"
    )
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip("core dumps are forbidden here anyway")
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == b"4096\n0 0 b'0\\n'\n"


# What pexec itself writes.


class _Journal:
    def __init__(self) -> None:
        self.emitted: list[Mapping[str, object]] = []

    def emit(self, event: str, at: float, **fields: object) -> Mapping[str, object]:
        self.emitted.append({"event": event, **fields})
        return self.emitted[-1]

    def flush(self) -> None:
        self.emitted.append({"flushed": True})


def test_no_sentence_in_the_journal_holds_a_secret_and_names_stay() -> None:
    journal = _Journal()
    masked = MaskedJournal(journal, kept(A="hunter2-token"))
    record = masked.emit("job.finished", 1.0, job="hunter2-token", reason="`hunter2-token` was not found", attempts=1)
    masked.emit("degraded", 1.0, what="hunter2-token", why="aHVudGVyMi10b2tlbg==")
    masked.flush()
    assert record == {"event": "job.finished", "job": "hunter2-token", "reason": "`***` was not found", "attempts": 1}
    assert journal.emitted == [record, {"event": "degraded", "what": "***", "why": "***=="}, {"flushed": True}]


def test_without_secrets_nothing_is_wrapped() -> None:
    journal = _Journal()
    assert masked_journal(journal, NO_SECRETS) is journal
    assert not NO_SECRETS
    assert NO_SECRETS.redactor() is None


def plan(**spec: object) -> Plan:
    job = PlannedJob(index=0, id="a", workflow="a", spec=JobSpec(**spec), digest="hunter2-token")  # type: ignore[arg-type]
    sources = {"A": SecretSource(command=("echo", "hunter2-token"))}
    return Plan("name", "pexec.yaml", "/", Policy(), (job,), secrets=sources if "run" in spec else {})


def test_a_plan_that_quotes_a_secret_is_written_without_it_and_says_so() -> None:
    secrets = kept(A="hunter2-token")
    written = masked_plan(plan(run="x 'hunter2-token'", env={"B": "hunter2-token"}), secrets)
    assert written.jobs[0].spec == JobSpec(run="x '***'", env={"B": "***"}, masked=True)
    assert written.secrets == {"A": SecretSource(command=("echo", "***"))}
    assert written.jobs[0].digest == "hunter2-token"
    for words in ({"argv": ("x", "hunter2-token")}, {"file": "x", "args": ("hunter2-token",)}):
        assert "hunter2" not in repr(masked_plan(plan(**words), secrets).jobs[0].spec)


def test_any_other_plan_is_written_as_it_is() -> None:
    clean = plan(argv=("true",))
    assert masked_plan(clean, kept(A="hunter2-token")) is clean
    assert masked_plan(clean, NO_SECRETS) is clean


def test_the_texts_that_cannot_be_masked_are_those_of_the_manifest_that_are_no_commands() -> None:
    job = PlannedJob(
        index=0, id="id", workflow="workflow", level=0,
        spec=JobSpec(argv=("x", "y"), env={"NAME": "z"}, working_dir="place", writes=("out",)),
        description="text", tags=("tag",), matrix={"axis": 12345678, "other": "value"}, pools=(("pool", 3),),
        digest="d",
    )  # fmt: skip
    source = {"A": SecretSource(command=("vault",)), "B": SecretSource(file="key")}
    whole = Plan("name", "pexec.yaml", "/base", Policy(), (job,), secrets=source, params={"p": "given"}, digest="d")
    assert texts_left_as_they_are(whole) - {"", "3"} == {
        "name", "pexec.yaml", "/base", "id", "workflow", "NAME", "place", "out", "tag", "axis", "12345678", "other",
        "value", "pool", "A", "B", "key", "p", "given",
    }  # fmt: skip
