"""README and the pages of docs/: links lead somewhere, commands are what the parser takes, the README stays short."""

import re
import subprocess
import sys

import pytest
import typer
import yaml

from seq2seq.base.version import VERSION
from seq2seq.cli.main import app
from seq2seq.cli.option_tables import HEADER, PLACE, build_table, fill_tables
from seq2seq.recipe.reference import build_schema
from tests.documents import FENCE, NAMES, PAGES, ROOT, list_all_commands, parse

LINK = re.compile(r"\]\(([^)\s]+)\)")
README_BYTES = 10_000


COMMANDS = [
    (name, command)
    for name, page in zip(NAMES, PAGES, strict=True)
    for command in list_all_commands(page.read_text())
    if command.startswith("seq2seq ")
]


def test_readme_is_short():
    assert len((ROOT / "README.md").read_bytes()) <= README_BYTES


def to_anchor(heading: str) -> str:
    """GitHub's name for a heading: lower case, without punctuation, with hyphens. 'GPU, or not' -> 'gpu-or-not'"""
    words = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).strip().lower())
    return words.replace(" ", "-")


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_files_and_headings(name):
    page = ROOT / name
    broken = []
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            broken.append(link)
        elif anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            if anchor not in map(to_anchor, headings):
                broken.append(link)
    assert broken == []


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("docs/")])
def test_tables_of_options_are_those_of_the_code(name):
    page = (ROOT / name).read_text()
    assert fill_tables(page) == page  # else: python -m seq2seq.cli.option_tables docs


def test_every_command_and_section_has_its_table():
    pages = "".join((ROOT / name).read_text() for name in NAMES)
    filled = {place[2] for place in PLACE.finditer(pages)}
    sections = {f"recipe {name}" for name, part in build_schema()["properties"].items() if "$ref" in part}
    assert sections - {"recipe source"} <= filled  # that of sources has one option, which the reference tells of
    commands = set()
    for name, command in typer.main.get_command(app).commands.items():
        inner = getattr(command, "commands", None)
        commands |= {name} if inner is None else {f"{name} {one}" for one in inner}
    without_options = {name for name in commands if build_table(name) == HEADER}
    assert commands - without_options <= filled


def test_pages_show_commands():
    assert len(COMMANDS) > 40  # else the search above finds none


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_commands_are_what_the_parser_takes(name, command):
    parse(command)


@pytest.mark.slow
def test_pages_become_a_site(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path / "site"]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    index = (tmp_path / "site/index.html").read_text()
    assert "fonts.googleapis" not in index  # nothing is fetched from elsewhere


def test_citation_and_changes_know_the_version():
    assert str(yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]) == VERSION
    assert f"## {VERSION}" in (ROOT / "CHANGELOG.md").read_text()
