"""The splits that `init` writes: rows of a file apart by their sources, as JSON Lines under the file's own columns."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy

from ...base.files import written_whole
from ...data.duplicates import hash_texts
from ...data.empty_rows import LeftOut
from ...data.options import LayoutOptions
from ...data.setting_aside import draw_sources
from ...sources.columns import MISSING, Row, search
from .look import read_pairs

SHARE = 0.1  # of the rows are set aside for each of validation and test
# Rows at most: 1,000 tell an exact match of 50% within 3 points, and a run validates several times.
MOST_ROWS = {"validation": 500, "test": 1000}


def draw_parts(
    sources: numpy.ndarray,
    missing: Iterable[str],
    *,
    seed: int,
    given: Collection[int],
) -> dict[str, frozenset[int]]:
    """The hashes of the sources that are set aside for each split that is missing.

    given: sources of splits that are there.

    Raises:
        DataError: as `draw_sources`.
    """
    wanted = {part: max(1, min(MOST_ROWS[part], int(SHARE * len(sources)))) for part in missing}
    return draw_sources(sources, wanted, seed=seed, left_out=given)


def count_rows(sources: numpy.ndarray, wanted: Collection[int]) -> int:
    """How many rows have one of some sources. Shape of sources: (rows,), uint64."""
    return int(numpy.isin(sources, numpy.fromiter(wanted, numpy.uint64, len(wanted))).sum())


def hash_sources(names: Iterable[str], layout: LayoutOptions) -> frozenset[int]:
    """The hashes of the sources of some files.

    Raises:
        DataError: as `read_pairs`.
    """
    left_out = LeftOut()
    return frozenset(hash_texts(pair.source) for name in names for pair in read_pairs(name, layout, left_out))


def write_splits(
    name: str,
    layout: LayoutOptions,
    paths: Mapping[str, Path],
    parts: Mapping[str, Collection[int]],
    given: Collection[int],
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Writes the rows of a file to a path for each split, `train` among them.

    Rows whose source stands in a given split go nowhere: they would flatter its scores.
    """
    with ExitStack() as stack:
        files = {}
        for split, path in paths.items():
            beside = stack.enter_context(written_whole(path))
            files[split] = stack.enter_context(_open_new(beside))
        for pair in read_pairs(name, layout, LeftOut()):
            hashed = hash_texts(pair.source)
            if hashed not in given:
                split = next((part for part, hashes in parts.items() if hashed in hashes), "train")
                files[split].write(json.dumps(_keep_columns(pair.row, layout), ensure_ascii=False) + "\n")
            advance()
        for file in files.values():
            file.close()


def _open_new(path: Path) -> Any:
    return path.open("w", encoding="utf-8", newline="\n")


def _keep_columns(row: Row, layout: LayoutOptions) -> dict[str, Any]:
    """The columns of a row that are read, those in columns too. 'translation.en' -> {'translation': {'en': ...}}"""
    kept: dict[str, Any] = {}
    for column in (*layout.columns.source, *layout.columns.target, layout.columns.references):
        value = MISSING if column is None else search(row.values, column)
        if value is MISSING or (value != value):  # NaN, which JSON has not
            continue
        place = kept
        *outer, last = [column] if column in row.values else column.split(".")
        for part in outer:
            place = place.setdefault(part, {})
        place[last] = value
    return kept


def leave_out_references(layout: LayoutOptions) -> LayoutOptions:
    """The layout without references, where a column of that name is something else."""
    columns = layout.columns.model_copy(update={"references": None})
    return layout.model_copy(update={"columns": columns})
