"""The site: every page of `docs` is on it, pages made from the program are complete, and pictures are made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from check_built_site import errors
from generated_pages import IN_THE_MANUAL, command_page, events_page, manifest_page, pages, section_page
from schema_tables import key_table, type_text

from orchestrator.cli.main import COMMANDS
from orchestrator.manifest.schema import manifest_schema

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CONFIGURATION = (DOCS / "site/mkdocs.yml").read_text()


def test_every_page_is_in_the_navigation() -> None:
    """`mkdocs build` requires it too, where it is installed."""
    entries = re.findall(r"^ +- (?:.+: )?(\S+(?:\.md|/))$", CONFIGURATION, re.MULTILINE)
    directories = tuple(entry for entry in entries if entry.endswith("/"))
    written = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert {page for page in written if not page.startswith(directories)} - set(entries) == set()
    from_the_root = {"CHANGELOG.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md"}
    made = dict(pages()).keys() | from_the_root
    assert {entry for entry in entries if not entry.endswith("/")} - written - made == set()


def test_the_site_uses_no_font_of_a_server_and_checks_all_links() -> None:
    assert re.search(r"^  font: false", CONFIGURATION, re.MULTILINE)
    assert re.search(r"^strict: true$", CONFIGURATION, re.MULTILINE)
    assert CONFIGURATION.count(": warn") == 7


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_a_command_has_each_of_its_flags_with_its_help(name: str) -> None:
    page = command_page(COMMANDS[name])
    assert page.startswith(f"# pexec {name}\n")
    assert f"```text\npexec {name}" in page
    rows = re.findall(r"^\| (`.+`) \| (.+) \|$", page, re.MULTILINE)
    assert all(text.strip() for _, text in rows)
    assert "| `-h" not in page


def test_the_page_of_apply_is_what_its_help_says() -> None:
    page = command_page(COMMANDS["apply"])
    assert "`-j N`" in page
    assert re.search(r"^pexec apply test --jobs 8 +# run `test`", page, re.MULTILINE)
    assert "`pexec run` is the same command." in page
    assert "| `--fail-fast[=drain]` | cancel the run at the first failure" in page
    assert "`150%`" in page


def test_links_of_commands_lead_to_sections_of_the_manual() -> None:
    assert set(IN_THE_MANUAL) <= set(COMMANDS)
    headings = {
        heading.lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", (DOCS / "manual.md").read_text(), re.MULTILINE)
    }
    assert {anchor for links in IN_THE_MANUAL.values() for _, anchor in links} <= headings


def test_the_page_of_the_manifest_has_every_key() -> None:
    page, schema = manifest_page(), manifest_schema()
    for section in (schema, *schema["$defs"].values()):
        for key, value in section["properties"].items():
            assert f"| `{key}`" in page
            assert " ".join(value["description"].split()) in page, key


def test_every_event_has_a_section() -> None:
    page = events_page()
    assert {"run.started", "attempt.finished", "kill.sent"} <= set(re.findall(r"^## (.+)$", page, re.MULTILINE))


def test_a_section_that_becomes_a_page_keeps_its_links() -> None:
    assert "](../manual.md#output)" in section_page("manual.md", "Exit codes")
    with pytest.raises(ValueError, match="no section `Nothing`"):
        section_page("manual.md", "Nothing")


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "string"}, "text"),
        ({"type": ["integer", "null"], "minimum": 0, "maximum": 255}, "integer, 0 to 255 or `null`"),
        ({"enum": [False, "drain", True]}, "`false`, `drain` or `true`"),
        ({"type": "array", "items": {"$ref": "#/$defs/Need"}}, "list of: [Need](#need)"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "mapping of text to: text"),
    ],
)
def test_the_type_of_a_value_is_in_words(schema: dict[str, object], text: str) -> None:
    assert type_text(schema) == text


def test_examples_are_valid_yaml_in_a_cell_of_a_table() -> None:
    schema = {"properties": {"retry": {"type": "object", "examples": [{"delay": "2s", "on": ["a|b", "3.12"]}]}}}
    assert '`retry: {delay: 2s, on: ["a\\|b", "3.12"]}`' in key_table(schema, examples=True)


def test_what_a_page_loads_over_the_network_or_does_not_exist_is_reported(tmp_path: Path) -> None:
    (tmp_path / "style.css").write_text("a { background: url(missing.png) }")
    (tmp_path / "index.html").write_text(
        '<link rel="stylesheet" href="style.css"><link rel="canonical" href="https://example.org/">'
        '<script src="https://example.org/a.js"></script><a href="https://example.org">a</a>'
        '<img src="data:image/png;base64,AA=="><style>@import "//example.org/b.css";</style><p class="mermaid">'
    )
    assert errors(tmp_path) == [
        "index.html: loads https://example.org/a.js over the network",
        "index.html: loads //example.org/b.css over the network",
        "index.html: has a `mermaid` diagram",
        "style.css: loads missing.png, which does not exist",
    ]
    assert errors(tmp_path / "nothing") == [f"{tmp_path / 'nothing'} has no pages"]


def test_every_picture_is_made_by_a_script_and_is_small() -> None:
    scripts = "".join((DOCS / "site" / name).read_text() for name in ("recording.py", "screenshots.py"))
    pictures = sorted((DOCS / "pictures").iterdir())
    assert {picture.name for picture in pictures} == set(re.findall(r'"([\w-]+\.(?:svg|webp))"', scripts))
    assert sum(picture.stat().st_size for picture in pictures) < 300_000


def test_a_recording_shows_what_the_terminal_has_shown(tmp_path: Path) -> None:
    pytest.importorskip("pyte", reason="pyte is not installed: pip install -e '.[docs]'")
    from terminal_picture import Emulator, Frame, picture

    emulator = Emulator(40, 5)
    emulator.feed(b"\x1b[32mgood\x1b[0m \x1b[2mfaint\x1b[22m <&>\r\nold line\r\x1b[Knew line\r\n")
    first = emulator.lines()
    emulator.feed(b"\x1b[1;31mbad\x1b[0m")
    still = picture([Frame(0, emulator.lines())], 40, "a <title>")
    assert "<title>a &lt;title&gt;</title>" in still
    assert '#3fb950">good</text>' in still
    assert '#8b949e">faint</text>' in still
    assert ">&lt;&amp;&gt;</text>" in still
    assert "old line" not in still
    assert 'font-weight="bold">bad</text>' in still
    assert "@keyframes" not in still
    film = picture([Frame(0, first), Frame(1.5, emulator.lines())], 40, "two frames")
    assert film.count("new line") == 1, "equal lines are stored once"
    assert "animation: play 6.5s step-end -4.0s infinite" in film
    assert "prefers-reduced-motion" in film
