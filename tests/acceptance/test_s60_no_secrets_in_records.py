"""S60: nothing that is written contains the value of a secret."""

from __future__ import annotations

import base64

from support.cli import Pexec
from support.runs import last_run

VALUE = "correct-horse-battery-staple"
MANIFEST = """\
version: 1
defaults: {shell: [sh, -eu]}
secrets: {TOKEN: {env: CI_TOKEN}}
workflows:
  a:
    run: |
      echo "token is $TOKEN"
      printf %s "$TOKEN" | base64
      exit 3
    secrets: [TOKEN]
  b: {run: 'env', when: always, needs: [a]}
  c: {run: "printf '#!/no/%s\\n' $TOKEN > odd; chmod +x odd", secrets: [TOKEN]}
  d: {argv: [./odd], needs: [c]}
"""


def test_no_file_of_a_run_and_no_output_contains_it(pexec: Pexec) -> None:
    said = pexec.file("pexec.yaml", MANIFEST).env(CI_TOKEN=VALUE).run("apply", "--output", "plain")
    run = last_run(pexec.folder).check()
    assert run.log("a").startswith(b"token is ***\n")
    assert run.reason("d") == "its interpreter `/no/***` cannot be run"
    forms = (VALUE.encode(), base64.b64encode(VALUE.encode())[4:-4])
    written = [path.read_bytes() for path in run.path.rglob("*") if path.is_file()]
    for content in (*written, said.stdout.encode(), said.stderr.encode()):
        assert not any(form in content for form in forms)
    assert len(written) > 8
