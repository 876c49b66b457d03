"""secrets: a declared secret and its listed encodings appear in no file, on no screen and in no argument vector."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import time
import urllib.parse
from pathlib import Path

import pytest
from support.cli import Pexec
from support.runs import last_run, runs
from support.users import USERS, pexec_of

TOKEN = "tk-\"Zq8'vN$3 x\\m/Yw+7&é"
VAULT = "s.vault-Kx92LmQpT4"
KEY_LINES = ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7", "VJTUt9Us8cKjMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3S"]
KEY = "\n".join(["-----BEGIN PRIVATE KEY-----", *KEY_LINES, "-----END PRIVATE KEY-----", ""])

MANIFEST = """\
version: 1
secrets:
  TOKEN: {env: CI_TOKEN}
  VAULT: {command: [sh, vault.sh]}
  KEY: {file: signing.key}
defaults: {shell: [sh, -eu]}
workflows:
  leak: {secrets: [TOKEN, VAULT, KEY], run: python3 leak.py}
  slowly: {secrets: [TOKEN, VAULT], run: python3 leak.py slowly}
  stolen: {run: "cat signing.key; env; cat /proc/$PPID/environ 2>/dev/null || true"}
  missing: {secrets: TOKEN, file: never.sh}
  fails: {secrets: VAULT, retry: {max_attempts: 2, delay: 0}, run: 'echo "$VAULT"; exit 3'}
"""
WAYS = 11
# Prints every secret it has in every form, to both streams, split anywhere; `slowly` with a pause inside each.
LEAK = """\
import base64, json, os, sys, time, urllib.parse
for number, name in enumerate(("TOKEN", "VAULT", "KEY")):
    if name not in os.environ:
        continue
    value = os.environ[name]
    data = value.encode()
    for text in (
        value, json.dumps(value), urllib.parse.quote(value), urllib.parse.quote_plus(value), data.hex(),
        base64.b64encode(data).decode(), base64.b64encode(b"x" + data).decode(), base64.b64encode(data + b"!").decode(),
        base64.urlsafe_b64encode(data).decode(), data.hex().upper(), value.replace("'", "'\\\\''"),
    ):
        half = len(text) // 2
        for part in (text[:half], text[half:]) if "slowly" in sys.argv else (text,):
            os.write(1 + number % 2, part.encode())
            time.sleep(0.01 if "slowly" in sys.argv else 0)
        os.write(1 + number % 2, b" <- " + name.encode() + b"\\n")
"""


def forms(value: str) -> list[bytes]:
    data = value.rstrip("\n").encode()
    texts = [value.rstrip("\n"), json.dumps(value)[1:-1], urllib.parse.quote(data), urllib.parse.quote_plus(data)]
    cores = [base64.b64encode(b"." * shift + data)[4:-4] for shift in range(3)]
    return [*(text.encode() for text in texts), *cores, data.hex().encode(), data.hex().upper().encode()]


SOUGHT = [form for value in (TOKEN, VAULT, *KEY_LINES) for form in forms(value)]


def found(content: bytes) -> list[bytes]:
    return [form for form in SOUGHT if form in content]


def project(pexec: Pexec) -> Pexec:
    pexec.file("pexec.yaml", MANIFEST).file("leak.py", LEAK).file("signing.key", KEY)
    pexec.file("vault.sh", "echo complaint >&2; cat vault\n").file("vault", f"{VAULT}\n")
    return pexec.file("never.sh", "#!/no/such/interpreter\n").env(CI_TOKEN=TOKEN)


def watched(process: subprocess.Popen[bytes]) -> list[bytes]:
    """The secrets that are in any argument vector on this machine while the process runs."""
    seen: list[bytes] = []
    while process.poll() is None:
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    seen += found(Path(f"/proc/{name}/cmdline").read_bytes())
                except OSError:
                    continue
        time.sleep(0.01)
    return seen


@pytest.mark.parametrize(
    ("user", "output"), [*((user, "plain") for user in USERS), *(("ordinary", name) for name in ("grouped", "jsonl"))]
)
def test_no_secret_appears_anywhere(user: str, output: str) -> None:
    with pexec_of(user) as pexec:
        (project(pexec).folder / "never.sh").chmod(0o755)
        shown = [pexec.folder.parent / name for name in ("out", "err")]
        with shown[0].open("wb") as out, shown[1].open("wb") as err:
            process = pexec.start("apply", "--output", output, stdout=out, stderr=err)
            in_arguments = watched(process)
        assert process.returncode == 1, shown[1].read_text()
        run = last_run(pexec.folder).check()
        contents = {path: path.read_bytes() for path in (*shown, *run.path.parents[1].rglob("*")) if path.is_file()}
        assert {path: found(content) for path, content in contents.items() if found(content)} == {}
        assert in_arguments == []
        assert run.log("leak").count(b"***") == 3 * WAYS
        assert run.log("slowly").count(b"***") == 2 * WAYS
        assert b"BEGIN PRIVATE KEY" in run.log("stolen")
        assert run.log("fails", 2) == b"***\n"
        if output != "jsonl":
            assert contents[shown[0]].count(b"***") > 5 * WAYS


def test_a_secret_that_is_missing_stops_the_run_before_any_job(pexec: Pexec) -> None:
    text = "version: 1\nsecrets: {A: {env: NONE}}\nworkflows:\n  a: {run: touch ran}\n  b: {run: 'true', secrets: A}\n"
    pexec.file("pexec.yaml", text)
    pexec.run("apply").said(
        exit_code=4,
        stderr="error[PX401]: the secret `A` cannot be used: the environment variable `NONE` is not set\n"
        "  = help: set it, or leave out the jobs that need the secret\n",
    )
    assert not (pexec.folder / "ran").exists()
    assert runs(pexec.folder) == []
    assert pexec.run("apply", "a", "--output", "quiet").exit_code == 0


@pytest.mark.parametrize(("value", "code"), [("abc", 4), ("abcd", 0), ("abcdef", 0)])
def test_a_short_secret_is_refused_or_a_warning_and_never_shown(pexec: Pexec, value: str, code: int) -> None:
    text = "version: 1\nsecrets: {A: {env: VALUE}}\nworkflows: {a: {run: 'echo $A', secrets: A}}\n"
    said = pexec.file("pexec.yaml", text).env(VALUE=value).run("apply")
    assert said.exit_code == code
    assert value not in said.stdout + said.stderr
    assert ("shorter than 6 bytes" in said.stderr) is (value == "abcd")
    assert ("allow_short: true" in said.stderr) is (value == "abc")


def test_a_secret_in_the_manifest_is_reported_and_is_in_no_file_of_the_run(pexec: Pexec) -> None:
    text = "version: 1\nsecrets: {A: {env: VALUE}}\nworkflows: {a: {run: echo is hunter2-token}, b: {run: 'true'}}\n"
    said = pexec.file("pexec.yaml", text).env(VALUE="hunter2-token").run("apply")
    assert (said.exit_code, said.stdout) == (0, "a | is ***\n")
    assert said.stderr.startswith("warning: the manifest contains the value of a secret, in `a`\n")
    last_run(pexec.folder).check()
    files = [path for path in pexec.folder.parent.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
    assert files == [pexec.folder / "pexec.yaml"], "not even those that pexec keeps in the home directory"


def test_a_resumed_run_finds_its_secrets_again(pexec: Pexec) -> None:
    text = "version: 1\nsecrets: {A: {env: VALUE}}\nworkflows: {a: {run: 'echo $A; test -e ready', secrets: A}}\n"
    pexec.file("pexec.yaml", text).env(VALUE="hunter2-token")
    assert pexec.run("apply").exit_code == 1
    pexec.file("ready", "")
    del pexec.environ["VALUE"]
    said = pexec.run("resume")
    assert said.exit_code == 4
    assert "the environment variable `VALUE` is not set" in said.stderr
    said = pexec.env(VALUE="hunter3-token").run("resume")
    assert (said.exit_code, said.stdout) == (0, "a | ***\n")
    assert last_run(pexec.folder).check().log("a", 2) == b"***\n"


def test_a_run_from_standard_input_that_quoted_a_secret_is_not_repeated(pexec: Pexec) -> None:
    text = "version: 1\nsecrets: {A: {env: VALUE}}\nworkflows: {a: {run: echo hunter2-token; exit 3}}\n"
    assert pexec.env(VALUE="hunter2-token").run("apply", "-", stdin=text).exit_code == 1
    said = pexec.run("resume")
    assert said.exit_code == 4
    assert "the manifest contained the value of a secret, which is not stored with the run" in said.stderr


@pytest.mark.parametrize("way", ["flag", "variable"])
def test_a_secret_is_not_accepted_as_a_parameter_since_these_are_in_the_journal(pexec: Pexec, way: str) -> None:
    pexec.file(
        "pexec.yaml",
        "version: 1\nparams: {word: {default: none}}\nsecrets: {A: {env: VALUE}}\nworkflows: {a: {run: 'true'}}\n",
    )
    pexec.env(VALUE="hunter2-token")
    if way == "variable":
        pexec.env(PEXEC_PARAM_WORD="hunter2-token")
    said = pexec.run("apply", *(("--set", "word=x-hunter2-token") if way == "flag" else ()))
    said.said(
        exit_code=4,
        stderr="error[PX402]: a parameter has the value of the secret `A`, and parameters are written to the journal\n"
        '  = help: give the job `secrets: [A]` and use the variable `"$A"`\n',
    )
    assert runs(pexec.folder) == []


@pytest.mark.parametrize(
    "text",
    [
        "workflows: {hunter2-token: {run: 'true', secrets: A}}\n",
        "name: hunter2-token\nworkflows: {a: {run: 'true', secrets: A}}\n",
        "workflows: {a: {run: 'true', secrets: A, tags: [hunter2-token]}}\n",
        "workflows: {a: {run: 'true', secrets: A, matrix: {x: [hunter2-token]}}}\n",
        "policy: {pools: {hunter2-token: 1}}\nworkflows: {a: {run: 'true', secrets: A, pools: {hunter2-token: 1}}}\n",
    ],
    ids=["workflow", "name", "tag", "matrix", "pool"],
)
def test_a_secret_that_is_part_of_a_name_is_refused_since_names_are_in_every_file(pexec: Pexec, text: str) -> None:
    pexec.file("pexec.yaml", f"version: 1\nsecrets: {{A: {{env: VALUE}}}}\n{text}").env(VALUE="hunter2-token")
    said = pexec.run("apply")
    assert said.exit_code == 4
    assert "the manifest contains the value of the secret `A` where it cannot be masked" in said.stderr
    assert "hunter2" not in said.stdout + said.stderr
    assert runs(pexec.folder) == []


@pytest.mark.parametrize(
    ("value", "workflow"),
    [
        ("***-***", "{argv: [echo, hunter2-token, hunter3-token], env: {X: hunter2-token-hunter3-token}}"),
        ('", "***"', "{argv: [echo, one, hunter2-token], description: hunter2-token}"),
        ("success", "{run: 'true', when: success}"),
        ("timeout_seconds", "{run: 'true', timeout: 5}"),
    ],
    ids=["masks", "punctuation", "word", "key"],
)
def test_what_pexec_itself_writes_is_never_taken_for_a_secret_of_the_manifest(
    pexec: Pexec, value: str, workflow: str
) -> None:
    secrets = "{A: {env: A}, B: {env: B}, C: {env: VALUE}}"
    pexec.file("pexec.yaml", f"version: 1\nsecrets: {secrets}\nworkflows: {{a: {workflow}}}\n")
    said = pexec.env(A="hunter2-token", B="hunter3-token", VALUE=value).run("apply", "--output", "quiet")
    assert said.exit_code == 0, said.stderr


BROKEN = """\
import base64, json, os, subprocess
token = os.environ["TOKEN"].encode()
lines = base64.encodebytes(b"user:" + token * 3 + b":end").decode()
print(lines, lines.replace("\\n", "\\r\\n    "), json.dumps(lines), json.dumps(json.dumps({"auth": lines})), sep="\\n")
print(", ".join(f"0x{byte:02X}" for byte in token), "".join(f"\\\\x{byte:02x}" for byte in token))
print("".join(f"&#x{byte:X};" if byte % 2 else f"&#{byte};" for byte in token), token.hex(":"))
print("\\n".join(token.hex(" ")[start : start + 24] for start in range(0, 3 * len(token), 24)))
"""


def test_digits_that_are_broken_over_lines_are_in_no_file(pexec: Pexec) -> None:
    token = "tk_Kx92LmQpT4vWz8RbYc31hJ7dNfGs0aEuXo5iBq6"
    text = "version: 1\nsecrets: {TOKEN: {env: TOKEN}}\nworkflows: {a: {run: python3 broken.py, secrets: TOKEN}}\n"
    said = pexec.file("pexec.yaml", text).file("broken.py", BROKEN).env(TOKEN=token).run("apply")
    assert said.exit_code == 0, said.stderr
    log = last_run(pexec.folder).check().log("a")
    digits = re.sub(rb"\\+[rn]|[^A-Za-z0-9+/]", b"", log)
    for offset in range(3):
        assert base64.b64encode(b"." * offset + token.encode()[:12])[4:-4] not in digits
    assert token[:6].encode().hex() not in re.sub(r"0x|[^0-9a-f]", "", log.decode().lower())
    assert log.count(b"***") == 4 * 3 + 5


@pytest.mark.parametrize("command", ["report", "report --format html", "report --format json", "report --format junit"])
def test_no_report_of_a_run_shows_a_secret_that_the_manifest_quotes(pexec: Pexec, command: str) -> None:
    text = (
        "version: 1\nsecrets: {A: {env: VALUE}}\nworkflows:\n"
        "  a: {argv: [./hunter2-token], description: the hunter2-token, secrets: A}\n"
        "  b: {run: echo hunter2-token; exit 3, env: {X: hunter2-token}}\n"
    )
    assert pexec.file("pexec.yaml", text).env(VALUE="hunter2-token").run("apply").exit_code == 1
    said = pexec.run(*command.split())
    assert said.stdout
    assert "hunter2" not in said.stdout + said.stderr
    assert pexec.run("archive").exit_code == 0
    shown = pexec.run("logs").stdout + pexec.run("status").stdout + pexec.run("verify").stdout
    assert "hunter2" not in shown
    run = last_run(pexec.folder).check()
    assert not [path for path in run.path.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
