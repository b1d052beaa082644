"""What `init` found and wrote as a person reads it, 80 columns wide, the next thing to type last."""

import shlex
import textwrap
from collections.abc import Iterator

from rich.table import Table

from ...base.console import NARROW_WIDTH, build_table
from ...base.formats import format_count, format_seconds, format_share
from ...data.lengths import PERCENTILES, LengthSummary
from ...recipe.yaml_text import dump_yaml
from ...reports.markdown import show_on_one_line
from .figures import Beginning, SideFigures

SHOWN_SCRIPTS = 2
QUIET_SECTIONS = ("seed", "output", "data.train", "data.validation", "data.test", "data.columns")  # told elsewhere


def list_parts(beginning: Beginning) -> Iterator[str | Table]:
    """Everything, in the order in which it is to be printed."""
    yield from _list_file_lines(beginning)
    yield _build_lengths(beginning)
    yield from _list_text_lines(beginning)
    yield ""
    yield f"{beginning.path}:"
    for setting in beginning.settings:
        if setting.key not in QUIET_SECTIONS:
            value = dump_yaml(setting.value, flow=True)
            yield _wrap(f"{setting.key}: {value}" + (f" ({setting.why})" if setting.why else ""), "  ")
    if beginning.warnings:
        noun = "warning" if len(beginning.warnings) == 1 else "warnings"
        yield f"\n{len(beginning.warnings)} {noun}:"
    for number, warning in enumerate(beginning.warnings, 1):
        yield _wrap(f"{number}. {warning.about}: {warning.text}", "")
    yield from _list_closing_lines(beginning)


def _wrap(text: str, indent: str) -> str:
    return textwrap.fill(
        show_on_one_line(text),
        NARROW_WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _list_file_lines(beginning: Beginning) -> Iterator[str]:
    file = beginning.file
    form = f", cells {file.form}" if file.form else ""
    yield _wrap(f"{file.name}: {format_count(file.rows, 'pair')}{form}", "")
    columns = file.columns
    others = f" (also there: {', '.join(columns.others)})" if columns.others else ""
    sides = f"sources in {', '.join(columns.source)}, targets in {', '.join(columns.target)}"
    yield _wrap(f"{sides}, {columns.why}{others}", "  ")
    counts = [f"{format_count(file.sources, 'source')} that differ", f"{file.repeated.rows:,} pairs repeated"]
    counts.append(f"{format_count(file.left_out.rows, 'row')} without text left out")
    yield _wrap(", ".join(counts), "  ")
    if len(beginning.splits) > 1:
        rows = ", ".join(f"{split} {count:,}" for split, count in beginning.splits.items())
        yield _wrap(f"split by source, seed {beginning.recipe.seed}: {rows}", "  ")


def _build_lengths(beginning: Beginning) -> Table:
    rows = []
    sides = (
        ("source", beginning.file.source, beginning.source_tokens),
        ("target", beginning.file.target, beginning.target_tokens),
    )
    for name, side, tokens in sides:
        rows.append([f"{name} characters", *_list_cells(side.characters), ""])
        rows.append([f"{name} words", *_list_cells(side.words), ""])
        called = "tokens, estimated" if tokens.estimated else "tokens"
        rows.append([f"{name} {called}", *_list_cells(tokens.lengths), f"{tokens.lengths.limit:,}"])
    header = ["", *(f"{share}%" for share in PERCENTILES), "longest", "limit"]
    return build_table("Lengths: what is enough for so much of the texts", header, rows)


def _list_cells(lengths: LengthSummary) -> list[str]:
    return [*(f"{lengths.percentiles[str(share)]:,}" for share in PERCENTILES), f"{lengths.longest:,}"]


def _list_text_lines(beginning: Beginning) -> Iterator[str]:
    for name, side in (("sources", beginning.file.source), ("targets", beginning.file.target)):
        yield _wrap(f"{name}: {_format_scripts(side)}, {format_share(side.capitals)} with capitals", "")


def _format_scripts(side: SideFigures) -> str:
    shares = [f"{script} {format_share(share)}" for script, share in side.scripts.items()]
    return ", ".join(shares[:SHOWN_SCRIPTS]) or "no letters"


def _list_closing_lines(beginning: Beginning) -> Iterator[str]:
    yield ""
    yield _wrap(f"Written: {', '.join(map(str, beginning.written))}", "")
    if beginning.seconds is not None:
        yield _wrap(
            f"About {format_seconds(beginning.seconds)} of training on one core, roughly. Next, see what would run, "
            "and measure it:",
            "",
        )
    else:
        yield "Next, see what would run:"
    path = shlex.quote(str(beginning.path))
    yield f"  seq2seq inspect {path}"
    yield "and then"
    yield f"  seq2seq train {path}"
