"""Tables of what a run began with, from what origin.json and inputs.json hold: its parameters and its data.

Each is a header and rows of cells; consoles and pages draw them.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

from ..base.formats import format_count, format_part
from .tables import Cells

COUNTED_KINDS = ("copied", "converted", "random")  # a shared name adds no parameter
DATA_HEADER = ["split", "pairs", "source tokens", "cut", "longest", "target tokens", "cut", "longest"]


def tabulate_origin(origin: Mapping[str, Any]) -> Cells:
    """Parameters by part of the model and kind of origin, with the totals."""
    counts: dict[str, dict[str, int]] = {}
    total = dict.fromkeys(COUNTED_KINDS, 0)
    for parameter in origin["parameters"]:
        part = parameter["part"]
        kind = parameter["kind"]
        of_part = counts.setdefault(part, dict.fromkeys(COUNTED_KINDS, 0))
        if kind in COUNTED_KINDS:
            size = prod(parameter["shape"])
            of_part[kind] += size
            total[kind] += size
    counts["total"] = total
    header = ["part", *COUNTED_KINDS, "total"]
    rows = [_to_origin_row(part, of_part) for part, of_part in counts.items()]
    return header, rows


def _to_origin_row(part: str, counts: Mapping[str, int]) -> list[str]:
    by_kind = list(counts.values())
    figures = [*by_kind, sum(by_kind)]
    cells = [f"{count:,}" for count in figures]
    return [part, *cells]


def list_files(origin: Mapping[str, Any]) -> list[str]:
    """The weights files that something was read from, in the order of the parameters."""
    files = []
    for parameter in origin["parameters"]:
        file = parameter["file"]
        if file and file not in files:
            files.append(file)
    return files


def tabulate_data(splits: Mapping[str, Mapping[str, Any]]) -> Cells:
    """Pairs of each split, and of each side its tokens, the truncated texts, the longest one against the limit."""
    rows = []
    for name, split in splits.items():
        rows.append(
            [
                name,
                f"{split['pairs']:,}",
                *_to_side_cells(split["source"]),
                *_to_side_cells(split["target"]),
            ]
        )
    return DATA_HEADER, rows


def list_truncated(splits: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line for each split with truncated texts: how many, at which limit, and the option that raises it."""
    lines = []
    for name, split in splits.items():
        sides = [
            f"{split[side]['cut']:,} of {split[side]['texts']:,} {side}s at {split[side]['limit']:,} tokens "
            f"(data.max_{side}_tokens)"
            for side in ("source", "target")
            if split[side]["cut"]
        ]
        if sides:
            lines.append(f"data.{name}: cut: {', '.join(sides)}")
    return lines


def list_left_out(splits: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A sentence for each file of which rows without text were left out. Files written before know of none."""
    lines = []
    for name, split in splits.items():
        for file, rows in split.get("left_out", {}).items():
            lines.append(
                f"data.{name}: {format_count(rows, 'row')} of {file} without text left out (data.empty: skip)."
            )
    return lines


def _to_side_cells(side: Mapping[str, Any]) -> list[str]:
    return [
        f"{side['tokens']:,}",
        format_part(side["cut"], side["texts"]),
        f"{side['longest']:,} of {side['limit']:,}",
    ]
