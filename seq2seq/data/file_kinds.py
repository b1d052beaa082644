"""What a file is, decided here for every command: by the ending of its name, and by its first bytes.

What is no text, or another format than its name says, is refused in words. Knows nothing of rows.
"""

import codecs
import json
import re
from pathlib import Path
from typing import Literal

from ..base.errors import DataError
from ..base.files import is_packed, open_bytes

FileKind = Literal["json", "csv", "tsv", "parquet", "text"]

KINDS: dict[str, FileKind] = {
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
JSON_LINES = (".jsonl", ".ndjson")  # in which outputs are written
FORMATS = ".jsonl, .csv, .tsv or .parquet, each also with .gz; .json and .ndjson are read as .jsonl"
HEAD_BYTES = 2**16
HEAD_LINES = 10  # that are looked at for JSON: a text of one line may well be some, ten in a row are none
PARQUET = b"PAR1"
ZIP = b"PK\x03\x04"
# What members of the zip archives of Excel, Word and LibreOffice are called.
OFFICE_PARTS = (b"[Content_Types].xml", b"docProps/", b"xl/", b"word/", b"vnd.oasis.opendocument")
OFFICE = "a workbook or document of an office program. Save its table as CSV in UTF-8"
# By its first bytes, what a file is and what to do.
SIGNATURES = {
    ZIP: "a zip archive. Unpack it, and name the files in it",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": OFFICE,
    b"{\\rtf": OFFICE,
    b"%PDF": "a PDF. Write its text to a file",
    b"\x1f\x8b": "packed by gzip, which its name does not say. Let the name end in .gz",
    b"BZh91AY&SY": "packed by bzip2. Unpack it: bunzip2 FILE",
    b"\xfd7zXZ\0": "packed by xz. Unpack it: xz -d FILE",
    b"\x28\xb5\x2f\xfd": "packed by zstd. Unpack it: zstd -d FILE",
    b"\x04\x22\x4d\x18": "packed by lz4. Unpack it: lz4 -d FILE",
    b"\x1f\x9d": "packed by compress. Unpack it: gunzip FILE",
    b"LZIP\x01": "packed by lzip. Unpack it: lzip -d FILE",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive. Unpack it, and name the files in it",
    b"Rar!\x1a\x07": "a rar archive. Unpack it, and name the files in it",
    b"\x80\x02": "a pickle of Python. Write its rows to a .jsonl",
    b"\x80\x03": "a pickle of Python. Write its rows to a .jsonl",
    b"\x80\x04": "a pickle of Python. Write its rows to a .jsonl",
    b"\x80\x05": "a pickle of Python. Write its rows to a .jsonl",
    b"\x93NUMPY": "an array of NumPy. Write its texts to a file",
    b"\x89HDF": "an HDF5 file. Write its rows to a .csv or .jsonl",
    b"\x89PNG": "a picture (PNG). Name a file of texts",
    b"\xff\xd8\xff": "a picture (JPEG). Name a file of texts",
    b"GIF8": "a picture (GIF). Name a file of texts",
    b"SQLite format 3": "a database (SQLite). Write its rows to a .csv or .jsonl",
    b"ARROW1\0\0": "an Arrow file. Write it as Parquet",
    b"version https://git-lfs": "a pointer of LFS, not the file itself. Fetch that: lfs pull, in its repository",
}
WIDE_ENCODINGS = ("UTF-32LE", "UTF-32BE", "UTF-16LE", "UTF-16BE")
TAR_PLACE = slice(257, 262)  # where a tar archive says 'ustar'
# Pages, and the formats of translations: of translation memories, of localization, and of the shared tasks of WMT.
MARKUP = re.compile(
    rb"\s*<(!doctype|html|\?xml|tmx|xliff|tei|svg|mteval|srcset|refset|tstset)[\s>]",
    re.IGNORECASE,
)
# What other formats of texts are called by the ending of their names, in which every line would be taken for a text.
OTHER_ENDINGS = {
    ".yaml": "YAML",
    ".yml": "YAML",
    ".toml": "TOML",
    ".po": "a catalog of gettext",
    ".srt": "subtitles",
    ".vtt": "subtitles",
}
# The first letters of objects, or of an array of objects, that fill several lines.
JSON_OBJECT = re.compile(rb'\s*(\[\s*)?\{\s*"(?:[^"\\]|\\.)*"\s*:')
CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
BINARY_SHARE = 0.1  # of bytes that are no text; of random bytes it is about half
CONTROL_SHARE = 0.05  # of bytes that no encoding uses for letters; of packed bytes it is about a tenth


def find_kind(path: Path) -> FileKind:
    """What a file of that name holds: by the last ending but .gz, in any case. 'a.JSONL.gz' -> 'json'"""
    return KINDS.get(_find_ending(path), "text")


def is_row_format(name: str | Path) -> bool:
    """Whether a file of that name holds rows with columns; any other is plain text."""
    return find_kind(Path(name)) != "text"


def is_json_lines(path: Path) -> bool:
    """Whether a file of that name is written as one JSON object a line."""
    return path.suffix.lower() in JSON_LINES


def check_file(path: Path) -> None:
    """Refuses a file that is not what its name says.

    Raises:
        DataError: naming what it is, and what to do.
        OSError, EOFError, zlib.error: it cannot be read.
    """
    kind = find_kind(path)
    check_head(str(path), read_head(path), kind)
    ending = _find_ending(path)
    if kind == "text" and ending in OTHER_ENDINGS:
        raise DataError(
            f"{path}: the ending says that it is {OTHER_ENDINGS[ending]}, not plain text. Write its texts to a file, "
            "one a line, or its rows to a .jsonl."
        )


def _find_ending(path: Path) -> str:
    """The last ending of a name but .gz, in small letters."""
    ending = Path(path.stem).suffix if is_packed(path) else path.suffix
    return ending.lower()


def read_head(path: Path) -> bytes:
    """The first bytes of a file, unpacked."""
    with open_bytes(path) as file:
        return file.read(HEAD_BYTES)


def check_head(name: str, head: bytes, kind: FileKind) -> None:
    """As `check_file`, of what a file begins with.

    Raises:
        DataError: naming what it is, and what to do.
    """
    found = _find_signature(head, kind)
    if found is None and kind != "parquet":
        found = _find_foreign_text(head)
        if found is None and kind != "json":
            found = _find_json(head, kind)
    if found is not None:
        raise DataError(f"{name} is {found}.")


def _find_signature(head: bytes, kind: FileKind) -> str | None:
    """What a file is that is no text, and what to do; None where its first bytes say nothing."""
    if head.startswith(PARQUET):
        return (
            None if kind == "parquet" else "a Parquet file, which its name does not say. Let the name end in .parquet"
        )
    if head.startswith(ZIP) and any(part in head for part in OFFICE_PARTS):
        return OFFICE
    if head[TAR_PLACE] == b"ustar":
        return "a tar archive. Unpack it, and name the files in it"
    return next((found for start, found in SIGNATURES.items() if head.startswith(start)), None)


def _find_foreign_text(head: bytes) -> str | None:
    """What a file is whose text is not UTF-8, or is markup, or that has no text; and what to do."""
    encoding = _find_wide_encoding(head)
    if encoding is not None:
        return f"text in {encoding}, not UTF-8. Convert it: iconv -f {encoding} -t UTF-8 FILE > NEW_FILE"
    if _is_binary(head):
        return "no text: it holds bytes that stand for no letters. Name a file of texts in UTF-8"
    if MARKUP.match(head.removeprefix(codecs.BOM_UTF8)):
        return "a page in HTML or XML. Write its texts to a file; if it was downloaded, see what the server said"
    return None


def _find_wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32 by the mark of byte order, or by where the zeros of Latin letters and line breaks stand."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "UTF-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    if head.count(0) < 3:  # a text may hold one by mistake
        return None
    return next((encoding for encoding in WIDE_ENCODINGS if _is_text(head, encoding)), None)


def _is_text(head: bytes, encoding: str) -> bool:
    """Whether bytes are a text in UTF-16 or UTF-32, with letters, and with white space where these bytes have it.

    A text in UTF-8 that holds zeros may decode too, but to words without spaces.
    """
    width = 4 if encoding.startswith("UTF-32") else 2
    whole = head[: len(head) // width * width]
    text = _decode_start(whole, encoding)
    if text is None:
        return False
    printed = sum(letter.isprintable() or letter.isspace() for letter in text)
    spaces = text.count(" ") + text.count("\n")
    bytes_of_spaces = whole.count(b" ") + whole.count(b"\n")  # some may be half of another letter
    return printed == len(text) and sum(map(str.isalpha, text)) > 3 and 4 * spaces >= bytes_of_spaces


def _is_binary(head: bytes) -> bool:
    """Whether bytes are no text: not UTF-8, and many of them of no letter in any encoding.

    Where zeros are among them, which stand in no text, bytes that are not UTF-8 count too.
    """
    if _decode_start(head, "UTF-8") is not None:
        return False
    controls = len(CONTROLS.findall(head))
    if 0 not in head:
        return controls > CONTROL_SHARE * len(head)
    odd = head.decode(errors="replace").count("\ufffd") + controls
    return odd > BINARY_SHARE * len(head)


def _decode_start(head: bytes, encoding: str) -> str | None:
    """The text of bytes, whose last letter may be cut; None where they are not in that encoding."""
    try:
        return head.decode(encoding)
    except UnicodeDecodeError as error:
        is_cut = error.start > len(head) - 4
        return head[: error.start].decode(encoding) if is_cut else None


def _find_json(head: bytes, kind: FileKind) -> str | None:
    """Whether what is to be plain text or a table is JSON: its first lines are objects, or text opens with one."""
    head = head.removeprefix(codecs.BOM_UTF8)
    *lines, rest = head.split(b"\n")
    lines = [line for line in lines if line.strip()][:HEAD_LINES] or [rest]
    is_json = all(map(_is_json_object, lines))
    if kind == "text" and not _is_json_object(lines[0]):
        is_json = JSON_OBJECT.match(head) is not None
    if not is_json:
        return None
    expected = "plain text" if kind == "text" else "a table"
    return f"JSON, not {expected}. Let its name end in .jsonl or .json, and name the column of its texts"


def _is_json_object(line: bytes) -> bool:
    """Whether a line is an object with something in it."""
    try:
        value = json.loads(line)
        return isinstance(value, dict) and value != {}
    except (ValueError, RecursionError):  # no JSON, or numbers of thousands of digits, or brackets a thousand deep
        return False
