"""Rows from files: JSON, CSV, TSV and Parquet, plain or gzipped, the hub, and the embedded corpus.

Every row comes with where it stands, so that an error further on can name it. Knows nothing of columns or tokens.
"""

import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from ..base.errors import DataError
from ..base.files import is_packed, open_bytes
from ..base.hub import HUB_PREFIX, parse_hub_split
from ..base.near_paths import format_near_path
from ..embedded.corpus import SPLITS, load_pairs
from ..sources.columns import Row
from .file_kinds import FORMATS, check_file, find_kind
from .json_rows import read_json
from .lines import Decode, decode_intact
from .options import TableOptions
from .tables import check_names, read_table

DATA_VARIABLE = "SEQ2SEQ_DATA"
EMBEDDED_PREFIX = "embedded:quickstart:"
UNREADABLE = (OSError, EOFError, zlib.error)  # what a missing disk, a truncated or a damaged gzip file raises
SCRIPT_HINT = "Where the hub keeps a Parquet copy of it, name that: hub:NAME@refs/convert/parquet::SPLIT."
OFFLINE_HINT = "Check the name and the connection; or download the data set elsewhere and name its files."


def read_rows(
    name: str,
    table: TableOptions = TableOptions(),
    decode: Decode = decode_intact,
) -> Iterator[Row]:
    """Streams the rows of one data name.

    Names: a file (a leading `data/` is replaced by the environment variable SEQ2SEQ_DATA where that is set),
    `hub:NAME:CONFIG:SPLIT` (an empty CONFIG means the default one; NAME may end in @REVISION) or
    `embedded:quickstart:SPLIT`.
    `table` says how CSV and TSV files are read; all else names its columns itself.
    `decode` makes texts of their lines and of those of JSONL.

    Raises:
        DataError: the name leads nowhere, the file is empty or broken, or not UTF-8; file and line are named.
    """
    if is_file_name(name):
        yield from _read_file(name, table, decode)
    elif name.startswith(EMBEDDED_PREFIX):
        yield from _read_embedded(name)
    else:
        yield from _read_hub(name)


def is_file_name(name: str) -> bool:
    """Whether a data name means a file, not the hub or the embedded corpus."""
    return not name.startswith((EMBEDDED_PREFIX, HUB_PREFIX))


def resolve_path(name: str) -> Path:
    """The path of a data file, with SEQ2SEQ_DATA in place of a leading `data`."""
    path = Path(name)
    folder = os.environ.get(DATA_VARIABLE)
    return Path(folder, *path.parts[1:]) if folder and path.parts[:1] == ("data",) else path


def find_file(name: str) -> Path:
    """The path of a data file that is there.

    Raises:
        DataError: it is not.
    """
    path = resolve_path(name)
    if not path.is_file():
        hint = "" if path == Path(name) else f" ({DATA_VARIABLE} is set, so {name} means this)"
        raise DataError(f"{path}: there is no such file{hint}.{format_near_path(path)}")
    return path


def check_content(name: str) -> None:
    """Makes sure that a data file is there, and is what its name says.

    Raises:
        DataError: it is not, or cannot be read.
    """
    path = find_file(name)
    try:
        check_file(path)
    except UNREADABLE as error:
        raise DataError(f"{path}: reading failed: {error}.") from None


def _read_file(name: str, table: TableOptions, decode: Decode) -> Iterator[Row]:
    path = find_file(name)
    count = 0
    try:
        for count, row in enumerate(_read_kind(path, table, decode), 1):  # noqa: B007 - used after the loop
            yield row
    except UNREADABLE as error:
        raise DataError(f"{path}: reading failed after {count} rows: {error}.") from None
    if count == 0:
        raise DataError(f"{path}: the file has no rows.")


def _read_kind(path: Path, table: TableOptions, decode: Decode) -> Iterator[Row]:
    kind = find_kind(path)
    check_file(path)
    if kind == "json":
        return read_json(path, decode)
    if kind == "parquet":
        return _read_parquet(path)
    if kind == "text":
        raise DataError(f"{path}: the format is unknown. Expected {FORMATS}.")
    return read_table(path, kind, table, decode)


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    try:
        # A Parquet file is read from its end, a packed one from its beginning alone: it is unpacked in memory.
        if is_packed(path):
            with open_bytes(path) as packed:
                file = parquet.ParquetFile(io.BytesIO(packed.read()))
        else:
            file = parquet.ParquetFile(path)
        check_names(str(path), "file", file.schema_arrow.names)
        number = 0
        for batch in file.iter_batches():
            for values in batch.to_pylist():
                number += 1
                yield Row(f"{path} row {number}", values)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: a text behind row {number} is not UTF-8 ({error.reason}).") from None
    except pyarrow.ArrowException as error:
        raise DataError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]}).") from None


def _read_embedded(name: str) -> Iterator[Row]:
    split = name.removeprefix(EMBEDDED_PREFIX)
    if split not in SPLITS:
        raise DataError(f"{name}: expected one of {', '.join(EMBEDDED_PREFIX + known for known in SPLITS)}.")
    for number, pair in enumerate(load_pairs(split), 1):
        yield Row(f"{name} row {number}", {"source": pair.source, "target": pair.target})


def _read_hub(name: str) -> Iterator[Row]:
    wanted = parse_hub_split(name)
    if wanted is None:
        raise DataError(f"{name}: expected hub:NAME:CONFIG:SPLIT, for instance hub:knkarthick/dialogsum::train.")
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    try:
        rows = load_dataset(
            wanted.dataset,
            wanted.config or None,
            split=wanted.split,
            revision=wanted.revision or None,
        )
    except (DatasetsError, OSError, ValueError, RuntimeError) as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        hint = OFFLINE_HINT if isinstance(error, ConnectionError) else ""
        hint = SCRIPT_HINT if "scripts are no longer supported" in reason else hint
        raise DataError(f"{name}: the data set cannot be loaded ({reason}). {hint}".rstrip()) from None
    if len(rows) == 0:
        raise DataError(f"{name}: the split has no rows.")
    for number, values in enumerate(rows, 1):
        yield Row(f"{name} row {number}", values)
