"""What the README and the pages of docs/ show: commands, and blocks of Python and YAML, in the order of the page."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

from seq2seq.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("launch/*.md"), *ROOT.glob("recipes/*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# A fenced block, or one that is indented by four spaces: lines of commands, which go on where they are indented more.
BLOCK = re.compile(FENCE.pattern + r"|((?:^    \S[^\n]*\n(?:^     +\S[^\n]*\n)*)+)", re.MULTILINE | re.DOTALL)
# Commands in the text and in tables are those of other programs that start this project, or a file of it.
PROGRAMS = r"launch/|sbatch |torchrun |accelerate launch |python |pip |tensorboard |\.venv/bin/|mkdocs "
INLINE = re.compile(rf"`(?=[^`]* )((?:[A-Z_]+=\S+ )*(?:{PROGRAMS})[^`]+)`")


@dataclass(frozen=True)
class Block:
    """A block of a page; the language of commands is bash."""

    language: str
    text: str


def list_blocks(page: str) -> Iterator[Block]:
    """The blocks of a page; of one that shows a screen, the commands behind its prompts alone."""
    for found in BLOCK.finditer(page):
        language, text, indented = found.groups()
        if indented:
            yield Block("bash", indented)
        elif language:
            yield Block(language, text)
        else:
            yield Block("bash", "".join(re.findall(r"^\$ (.*\n)", text, re.MULTILINE)))


def list_commands(block: Block) -> list[str]:
    """The commands of a block, without comments; of Python, those that a docstring shows."""
    lines = [line.strip() for line in re.split(r"\n| && ", block.text.replace("\\\n", " "))]
    if block.language == "python":
        lines = [line for line in lines if line.startswith("seq2seq ")]
    elif block.language != "bash":
        return []
    commands = [re.sub(r"(?:^|\s+)#.*", "", line) for line in lines]
    return [re.sub(r"\s+", " ", command) for command in commands if command]


def list_commands_in_text(page: str) -> list[str]:
    """The commands that the text of a page and its tables name with their arguments."""
    return [re.sub(r"\s+", " ", command) for command in INLINE.findall(BLOCK.sub("", page))]


def list_all_commands(page: str) -> list[str]:
    in_blocks = [command for block in list_blocks(page) for command in list_commands(block)]
    return in_blocks + list_commands_in_text(page)


def parse(command: str) -> None:
    """Has the real parser take a command of this project, and runs nothing."""
    _, *arguments = shlex.split(command)
    inner = typer.main.get_command(app)
    context = None
    while isinstance(inner, typer.core.TyperGroup) and arguments:
        context = inner.make_context(inner.name, arguments, parent=context)
        _, inner, arguments = inner.resolve_command(context, [*context._protected_args, *context.args])
    if arguments or not isinstance(inner, typer.core.TyperGroup):
        inner.make_context(inner.name, arguments, parent=context)
