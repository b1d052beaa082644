"""One entry of the cache: a folder with the ids and lengths of both sides as flat files, and a summary of them.

    sources.lengths.bin sources.ids.bin labels.lengths.bin labels.ids.bin     as in memory: int32, but for the values
                     of sources that are no texts, which stand in sources.ids.bin in a type and width of their own
    summary.json     these, the files' sizes, the fingerprint of all ids, truncation, where they came from, the rows
                     that were left out; and its own SHA-256

Knows nothing of keys, nor of where entries are.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy

from ..base.errors import DataError
from ..base.files import load_json, write_json
from .empty_rows import LeftOut
from .encoding import EncodedExamples, Truncation, join_truncations
from .ragged import ID_TYPE, CountPositions, RaggedIds, RaggedRows

SUMMARY_FILE = "summary.json"
SIDES = ("sources", "labels")
FIELDS = {"lengths": "stored_lengths", "ids": "values"}  # in the order in which a fingerprint takes them
BLOCK = 2**20  # bytes


class DamagedEntryError(Exception):
    """An entry is not what was written; it says why."""


@dataclass(frozen=True)
class StoredExamples:
    """Ids, mapped from disk where there is a cache, their fingerprint (`EncodedExamples.compute_fingerprint`), and the
    rows that were left out of them."""

    encoded: EncodedExamples
    fingerprint: str
    left_out: LeftOut


def write_entry(
    folder: Path,
    chunks: Iterable[EncodedExamples],
    names: Sequence[str],
    advance: Callable[[int], None],
    left_out: LeftOut | None = None,
) -> None:
    """Writes an entry into an empty folder, chunk after chunk; `advance` is told of the examples that are done.

    `left_out` is full when the chunks have ended.
    """
    parts: dict[str, list[Truncation]] = {side: [] for side in SIDES}
    stored = numpy.zeros(0, dtype=ID_TYPE)  # of the last chunk's sources; all are of one type and width
    with ExitStack() as stack:
        opened = {
            (side, field): stack.enter_context(_locate(folder, side, field).open("wb"))
            for side in SIDES
            for field in FIELDS
        }
        for chunk in chunks:
            for (side, field), file in opened.items():
                file.write(getattr(getattr(chunk, side), FIELDS[field]))
            stored = chunk.sources.values
            parts["sources"].append(chunk.source_truncation)
            parts["labels"].append(chunk.target_truncation)
            advance(len(chunk))
    summary = {
        "names": list(names),
        "dtype": stored.dtype.name,
        "width": list(stored.shape[1:]),
        "truncation": {side: asdict(join_truncations(parts[side], parts[side][0].limit)) for side in SIDES},
        "left_out": asdict(left_out or LeftOut()),
        "bytes": _measure(folder),
        "fingerprint": compute_fingerprint(folder),
    }
    write_json(folder / SUMMARY_FILE, {**summary, "sha256": _hash_summary(summary)})


def check_entry(folder: Path) -> None:
    """Reads the whole entry and compares it with its summary.

    Raises:
        DamagedEntryError: something in it is not as it was written, or is missing.
    """
    summary = _load_summary(folder)
    try:
        # The fingerprint alone runs through all files as one: it does not see where one ends and the next begins.
        is_whole = _measure(folder) == summary["bytes"] and compute_fingerprint(folder) == summary["fingerprint"]
    except FileNotFoundError as error:
        raise DamagedEntryError(f"{Path(error.filename).name} is missing") from None
    except OSError as error:
        raise DamagedEntryError(str(error)) from None
    if not is_whole:
        raise DamagedEntryError("its ids or lengths are not those that were written")


def map_entry(folder: Path, count_positions: CountPositions) -> StoredExamples:
    """The examples of a checked entry, mapped from its files: what is not looked at takes no memory.

    Args:
        count_positions: the source's.
    """
    summary = _load_summary(folder)
    values = _map(folder, "sources", "ids", summary["dtype"], summary["width"])
    sources = RaggedRows(values, _map(folder, "sources", "lengths"), count_positions)
    labels = RaggedIds.from_arrays(_map(folder, "labels", "ids"), _map(folder, "labels", "lengths"))
    truncation = {side: Truncation(**summary["truncation"][side]) for side in SIDES}
    encoded = EncodedExamples(
        sources,
        labels,
        truncation["sources"],
        truncation["labels"],
    )
    return StoredExamples(encoded, summary["fingerprint"], LeftOut(**summary["left_out"]))


def compute_fingerprint(folder: Path) -> str:
    """As `EncodedExamples.compute_fingerprint`, in constant memory."""
    digest = hashlib.sha256()
    for side in SIDES:
        for field in FIELDS:
            with _locate(folder, side, field).open("rb") as file:
                while block := file.read(BLOCK):
                    digest.update(block)
    return digest.hexdigest()


def _measure(folder: Path) -> dict[str, int]:
    paths = [_locate(folder, side, field) for side in SIDES for field in FIELDS]
    return {path.name: path.stat().st_size for path in paths}


def _locate(folder: Path, side: str, field: str) -> Path:
    return folder / f"{side}.{field}.bin"


def _map(
    folder: Path,
    side: str,
    field: str,
    dtype: numpy.typing.DTypeLike = ID_TYPE,
    width: Sequence[int] = (),
) -> numpy.ndarray:
    mapped = numpy.memmap(_locate(folder, side, field), dtype=dtype, mode="r").reshape(-1, *width)
    # A plain array over the mapped pages: slices of numpy.memmap itself cost a microsecond more, for every row.
    return mapped.view(numpy.ndarray)


def _load_summary(folder: Path) -> dict[str, Any]:
    try:
        summary = load_json(folder / SUMMARY_FILE)
        stated = summary.pop("sha256")
    except (DataError, AttributeError, KeyError, TypeError) as error:
        raise DamagedEntryError(f"its {SUMMARY_FILE} cannot be read") from error
    if stated != _hash_summary(summary):
        raise DamagedEntryError(f"its {SUMMARY_FILE} is not as it was written")
    return summary


def _hash_summary(summary: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(summary, sort_keys=True).encode()).hexdigest()
