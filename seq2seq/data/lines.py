"""Lines of files: they end at \\n or \\r\\n and nowhere else. Every line comes with where it stands."""

import codecs
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..base.errors import DataError
from ..base.files import open_bytes

Decode = Callable[[str, bytes], str]  # of where a line stands, and the line


def decode_intact(where: str, line: bytes) -> str:
    """A line as text.

    Raises:
        DataError: it is not UTF-8; line and byte are named.
    """
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: expected UTF-8, found byte 0x{line[error.start]:02x} at column {error.start + 1}. "
            "Convert the file to UTF-8; from Latin-1, say, by: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW_FILE"
        ) from None


def read_lines(file: Iterable[bytes], name: str) -> Iterator[tuple[str, bytes]]:
    """Where they stand, such as 'a.txt line 1', and contents of lines."""
    for number, line in enumerate(file, 1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)  # some programs put it in front of a file; it is no text
        if line:
            yield f"{name} line {number}", line.removesuffix(b"\n").removesuffix(b"\r")


def decode_lines(path: Path, decode: Decode) -> Iterator[tuple[str, str]]:
    """Where they stand, and texts, of the lines of a file."""
    with open_bytes(path) as file:
        for where, line in read_lines(file, str(path)):
            yield where, decode(where, line)
