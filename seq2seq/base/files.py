"""Files as the whole project treats them: UTF-8, written whole or not at all, checked by SHA-256.

Knows nothing of what the files mean.
"""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from .errors import DataError

# How writers made in Rust, safetensors' and tokenizers', quote the operating system.
QUOTED_ERROR = re.compile(r"\(os error (\d+)\)")


def is_packed(path: Path) -> bool:
    """Whether the name of a file says that it is packed by gzip. Case is no matter: 'a.jsonl.GZ' is."""
    return path.suffix.lower() == ".gz"


def open_bytes(path: Path) -> io.BufferedIOBase:
    """Opens a file for reading bytes, unpacking it where the name ends in .gz."""
    if is_packed(path):
        return gzip.open(path, "rb")
    return path.open("rb")


def write_text(path: Path, text: str) -> None:
    """Writes a text file so that a crash leaves either the old file or the new one.

    A link is followed; a pipe or device is written to as it is.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8", newline="\n")
        return
    with written_whole(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives a path beside a file, which takes the file's place once the block has written there without an error.

    Raises:
        OSError: naming the file, where the system refuses it, for instance because the disk is full.
    """
    beside = path.with_name(f".{path.name}.partial")
    try:
        with name_refused(path):
            yield beside
            # On disk first: else a crash may leave the name, and nothing behind it.
            sync_entry(beside)
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(folder: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Gives a path for a folder beside one that is not there or empty, which it becomes once it is whole.

    With `overwrite` it takes the place of whatever folder is there.

    Raises:
        OSError: as `written_whole`.
    """
    beside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        with name_refused(folder):
            yield beside
            sync_folder(beside)
            if overwrite and folder.exists():
                _replace_folder(folder, beside)
            else:
                beside.replace(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _replace_folder(folder: Path, by: Path) -> None:
    # A folder takes the place of no other that holds files.
    aside = folder.with_name(f".{folder.name}.replaced")
    shutil.rmtree(aside, ignore_errors=True)
    folder.replace(aside)
    by.replace(folder)
    shutil.rmtree(aside)


@contextmanager
def name_refused(path: Path) -> Iterator[None]:
    """Lets what the operating system refuses in the block, for instance on a full disk, name the path being written.

    Raises:
        OSError: with `path` as its filename, for any other OSError and for an error that quotes one.
    """
    try:
        yield
    except Exception as error:
        number = _find_error_number(error)
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


def _find_error_number(error: Exception) -> int | None:
    """The operating system's number of an error that is or quotes one of its own."""
    if isinstance(error, OSError):
        return error.errno
    quoted = QUOTED_ERROR.search(str(error))
    if quoted is None:
        return None
    return int(quoted[1])


def write_json(path: Path, value: Any) -> None:
    """Writes readable JSON, atomically; NaN and infinity are refused because JSON has neither."""
    text = json.dumps(
        value,
        ensure_ascii=False,
        indent=2,
        allow_nan=False,
    )
    write_text(path, f"{text}\n")


def load_json(path: Path) -> Any:
    """Loads a JSON file.

    Raises:
        DataError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} is missing.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not valid JSON: {error}.") from None


def format_json_lines(rows: Iterable[dict]) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_json_lines(path: Path, rows: Iterable[dict]) -> None:
    """Writes one JSON object a line, atomically."""
    write_text(path, format_json_lines(rows))


def load_json_lines(path: Path) -> list[Any]:
    """Loads a file of one JSON value a line that this project wrote.

    Raises:
        DataError: the file is missing, or a line is not JSON.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines if line]
    except FileNotFoundError:
        raise DataError(f"{path} is missing.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not valid JSONL: {error}.") from None


def compute_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Makes every file in a folder, and the folders' own entries, durable on disk."""
    for path in [*folder.rglob("*"), folder]:
        sync_entry(path)


def sync_entry(path: Path) -> None:
    """Makes one file, or the names in one folder, durable on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def embedded_folder(name: str) -> Path:
    """The folder of that name inside the package's `embedded`; it need not exist."""
    return Path(str(resources.files("seq2seq"))) / "embedded" / name.replace("-", "_")
