"""Rows from files: JSONL, CSV, TSV and Parquet, plain or gzipped, the hub, and the embedded corpus.

Every row comes with where it stands, so that an error further on can name it. Knows nothing of columns or tokens.
"""

import codecs
import csv
import io
import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from ..base.errors import DataError
from ..base.files import open_bytes
from ..base.hub import HUB_PREFIX, parse_hub_split
from ..base.near_paths import format_near_path
from ..embedded.corpus import SPLITS, load_pairs
from ..sources.columns import Row

DATA_VARIABLE = "SEQ2SEQ_DATA"
EMBEDDED_PREFIX = "embedded:quickstart:"
FORMATS = ".jsonl, .csv, .tsv or .parquet, each also with .gz"
UNREADABLE = (OSError, EOFError, zlib.error)  # what a missing disk, a truncated or a damaged gzip file raises
SCRIPT_HINT = "Where the hub keeps a Parquet copy of it, name that: hub:NAME@refs/convert/parquet::SPLIT."
OFFLINE_HINT = "Check the name and the connection; or download the data set elsewhere and name its files."
CSV = {"delimiter": ",", "strict": True}
TSV = {"delimiter": "\t", "quoting": csv.QUOTE_NONE}  # a quotation mark in a tab-separated file is a quotation mark
csv.field_size_limit(2**31 - 1)  # the default refuses cells over 128 kB, and articles are longer


Decode = Callable[[str, bytes], str]  # of where a line stands, and the line


def _decode_intact(where: str, line: bytes) -> str:
    """A line as text.

    Raises:
        DataError: it is not UTF-8; line and byte are named.
    """
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: expected UTF-8, found byte 0x{line[error.start]:02x} at column {error.start + 1}. "
            "Convert the file to UTF-8."
        ) from None


def read_rows(
    name: str,
    header: Sequence[str] = (),
    decode: Decode = _decode_intact,
) -> Iterator[Row]:
    """Streams the rows of one data name.

    Names: a file (a leading `data/` is replaced by the environment variable SEQ2SEQ_DATA where that is set),
    `hub:NAME:CONFIG:SPLIT` (an empty CONFIG means the default one; NAME may end in @REVISION) or
    `embedded:quickstart:SPLIT`.
    `header` names the columns of CSV and TSV files that have no header line; all else names its columns itself.
    `decode` makes texts of their lines and of those of JSONL.

    Raises:
        DataError: the name leads nowhere, the file is empty or broken, or not UTF-8; file and line are named.
    """
    if is_file_name(name):
        yield from _read_file(name, header, decode)
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


def find_format(path: Path) -> str:
    """The ending that decides how a file is read: the last one, but for .gz. 'a.jsonl.gz' -> '.jsonl'"""
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


def _read_file(name: str, header: Sequence[str], decode: Decode) -> Iterator[Row]:
    path = find_file(name)
    readers = {
        ".jsonl": lambda path: _read_jsonl(path, decode),
        ".csv": lambda path: _read_delimited(path, decode, CSV, header),
        ".tsv": lambda path: _read_delimited(path, decode, TSV, header),
        ".parquet": _read_parquet,
    }
    reader = readers.get(find_format(path))
    if reader is None:
        raise DataError(f"{path}: the format is unknown. Expected {FORMATS}.")
    count = 0
    try:
        for count, row in enumerate(reader(path), 1):  # noqa: B007 - the count is used after the loop
            yield row
    except UNREADABLE as error:
        raise DataError(f"{path}: reading failed after {count} rows: {error}.") from None
    if count == 0:
        raise DataError(f"{path}: the file has no rows.")


def read_lines(file: IO[bytes], name: str) -> Iterator[tuple[str, bytes]]:
    """Where they stand, such as 'a.txt line 1', and contents of lines, which end at \\n or \\r\\n and nowhere else."""
    for number, line in enumerate(file, 1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)  # some programs put it in front of a file; it is no text
        if line:
            yield f"{name} line {number}", line.removesuffix(b"\n").removesuffix(b"\r")


def _decode_lines(path: Path, decode: Decode) -> Iterator[tuple[str, str]]:
    with open_bytes(path) as file:
        for where, line in read_lines(file, str(path)):
            yield where, decode(where, line)


def _read_jsonl(path: Path, decode: Decode) -> Iterator[Row]:
    for where, line in _decode_lines(path, decode):
        try:
            values = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{where}: not valid JSON ({error.msg} at column {error.colno}).") from None
        except (ValueError, RecursionError) as error:  # numbers of thousands of digits, brackets a thousand deep
            raise DataError(f"{where}: not readable JSON ({error}).") from None
        if not isinstance(values, dict):
            raise DataError(f"{where}: expected a JSON object, found {type(values).__name__}.")
        yield Row(where, values)


def _read_delimited(
    path: Path,
    decode: Decode,
    dialect: dict,
    names: Sequence[str],
) -> Iterator[Row]:
    """Rows of cells; where `names` are given they name the columns, and the first line is a row like the others."""
    # Decoded line by line for the sake of the error's line number; \n is put back for quoted cells that span lines.
    reader = csv.reader((line + "\n" for _, line in _decode_lines(path, decode)), **dialect)
    header = list(names) or None
    while True:
        # A row of quoted cells may span lines: it goes by its first.
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{path} line {line}: {error}.") from None
        if header is None:
            header = cells
            _check_names(f"{path} line 1", "header", header)
        elif len(cells) != len(header):
            hint = f" (data.header names {', '.join(map(repr, names))})" if names else ""
            raise DataError(f"{path} line {line}: expected {len(header)} cells{hint}, found {len(cells)}.")
        elif line == 1 and cells == header:
            raise DataError(f"{path} line 1: this is the header that data.header repeats. Remove data.header.")
        else:
            yield Row(f"{path} line {line}", dict(zip(header, cells, strict=True)))


def _check_names(where: str, what: str, names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(f"{where}: the {what} names {', '.join(map(repr, repeated))} more than once.")


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    try:
        # A Parquet file is read from its end, a packed one from its beginning alone: it is unpacked in memory.
        if path.suffix == ".gz":
            with open_bytes(path) as packed:
                file = parquet.ParquetFile(io.BytesIO(packed.read()))
        else:
            file = parquet.ParquetFile(path)
        _check_names(str(path), "file", file.schema_arrow.names)
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
