"""What a file is: by its ending in any case, and by its first bytes, whatever the ending; what is refused, in words."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy
import pytest

from seq2seq.base.errors import DataError
from seq2seq.data.file_kinds import find_kind, is_json_lines
from seq2seq.data.options import LayoutOptions
from seq2seq.data.plain_text import load_intact_texts, load_references, read_texts
from seq2seq.data.readers import check_content, read_rows
from seq2seq.data.training_texts import read_training_texts

ROWS = [{"source": "the cat", "target": "die Katze"}, {"source": "a dog", "target": "ein Hund"}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
# All ways in which commands read a file: data of a run, input of `generate`, files of `score`, texts of a tokenizer.
READERS = {
    "rows": lambda name: list(read_rows(name)),
    "generate": lambda name: list(read_texts(name, ["source"])),
    "predictions": lambda name: load_intact_texts(name, ["source"]),
    "references": load_references,
    "tokenizer": lambda name: read_training_texts([name], LayoutOptions(), sides="both"),
    "early check": check_content,
}


def zip_files(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "/"), content)
    return packed.getvalue()


def tar_file() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("a.txt")
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"cat\n"))
    return packed.getvalue()


def save_array() -> bytes:
    saved = io.BytesIO()
    numpy.save(saved, numpy.array(["a cat"]))
    return saved.getvalue()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jsonl", "json"), ("a.JSONL", "json"), ("a.ndjson", "json"), ("a.json", "json"), ("a.Json.GZ", "json"),
        ("a.CSV", "csv"), ("a.Tsv.gz", "tsv"), ("a.PARQUET", "parquet"), ("a.TXT", "text"), ("a", "text"),
        ("a.gz", "text"), ("json", "text"), ("a.csv/b.txt", "text"), ("a.jsonl.txt", "text"),
    ],
)  # fmt: skip
def test_last_ending_decides_in_any_case(name, kind):
    assert find_kind(Path(name)) == kind


def test_outputs_of_two_endings_are_written_as_json_lines():
    names = ["a.jsonl", "a.JSONL", "a.ndjson", "a.json", "a.txt"]
    assert [is_json_lines(Path(name)) for name in names] == [True, True, True, False, False]


@pytest.mark.parametrize("name", ["a.json", "a.ndjson", "a.JSONL", "a.jsonl.GZ"])
def test_json_lines_of_other_endings_are_rows_for_every_command(tmp_path, name):
    content = LINES.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("GZ") else content)
    path = str(tmp_path / name)
    assert [row.values for row in read_rows(path)] == ROWS
    assert [text.text for text in read_texts(path, ["source"])] == ["the cat", "a dog"]
    assert load_intact_texts(path, ["target"]) == ["die Katze", "ein Hund"]
    assert load_references(path) == [("die Katze",), ("ein Hund",)]
    texts = read_training_texts([path], LayoutOptions(), sides="both")
    assert texts == {"source": ["the cat", "a dog"], "target": ["die Katze", "ein Hund"]}


REFUSED = {
    "a.zip": (zip_files(a=b"the cat\n"), r"a\.zip is a zip archive\. Unpack it"),
    "zip.txt": (zip_files(a=b"the cat\n"), r"zip\.txt is a zip archive\. Unpack it"),
    "zip.jsonl": (zip_files(a=b"the cat\n"), r"zip\.jsonl is a zip archive\. Unpack it"),
    "a.xlsx": (zip_files(xl_workbook=b""), r"a\.xlsx is a workbook or document of an office program\. Save its table"),
    "xlsx.csv": (zip_files(xl_workbook=b""), r"xlsx\.csv is a workbook or document of an office program"),
    "a.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), r"a\.xls is a workbook or document"),
    "a.rtf": (b"{\\rtf1\\ansi a cat}", r"a\.rtf is a workbook or document"),
    "a.pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", r"a\.pdf is a PDF\. Write its text to a file"),
    "gzip.txt": (gzip.compress(b"a cat\n"), r"gzip\.txt is packed by gzip, which its name does not say\. Let the name"),
    "gzip.jsonl": (gzip.compress(b"{}\n"), r"gzip\.jsonl is packed by gzip, which its name does not say"),
    "twice.txt.gz": (gzip.compress(gzip.compress(b"a\n")), r"twice\.txt\.gz is packed by gzip"),
    "a.txt.bz2": (bz2.compress(b"a cat\n"), r"a\.txt\.bz2 is packed by bzip2\. Unpack it: bunzip2"),
    "a.txt.xz": (lzma.compress(b"a cat\n"), r"a\.txt\.xz is packed by xz\. Unpack it: xz -d"),
    "a.jsonl.zst": (b"\x28\xb5\x2f\xfd\x04\x00", r"a\.jsonl\.zst is packed by zstd\. Unpack it"),
    "a.7z": (b"7z\xbc\xaf\x27\x1c\x00\x04", r"a\.7z is a 7z archive"),
    "a.rar": (b"Rar!\x1a\x07\x01\x00", r"a\.rar is a rar archive"),
    "a.tar": (tar_file(), r"a\.tar is a tar archive\. Unpack it"),
    "a.tar.gz": (gzip.compress(tar_file()), r"a\.tar\.gz is a tar archive"),
    **{
        f"{protocol}.pkl": (pickle.dumps(ROWS, protocol), rf"{protocol}\.pkl is a pickle of Python\. Write its rows")
        for protocol in (2, 3, 4, 5)
    },
    "a.npy": (save_array(), r"a\.npy is an array of NumPy"),
    "a.h5": (b"\x89HDF\r\n\x1a\n", r"a\.h5 is an HDF5 file"),
    "a.png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", r"a\.png is a picture \(PNG\)\. Name a file of texts"),
    "a.jpg": (b"\xff\xd8\xff\xe0\0\x10JFIF", r"a\.jpg is a picture \(JPEG\)"),
    "a.gif": (b"GIF89a\x01\0", r"a\.gif is a picture \(GIF\)"),
    "a.db": (b"SQLite format 3\0", r"a\.db is a database \(SQLite\)"),
    "a.arrow": (b"ARROW1\0\0", r"a\.arrow is an Arrow file\. Write it as Parquet"),
    "parquet.txt": (b"PAR1\x15\x04", r"parquet\.txt is a Parquet file, which its name does not say\. Let the name end"),
    "lfs.jsonl": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        r"is a pointer of LFS, .*lfs pull",
    ),
    "lfs.parquet": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", r"is a pointer of LFS"),
    "page.txt": (b"\n<!DOCTYPE html>\n<html>", r"page\.txt is a page in HTML or XML\. Write its texts"),
    "page.csv": (b"\xef\xbb\xbf<HTML lang=de>", r"page\.csv is a page in HTML or XML"),
    "a.tmx": (b'<?xml version="1.0"?>\n<tmx>', r"a\.tmx is a page in HTML or XML"),
    "b.tmx": (b'<tmx version="1.4"><body><tu>', r"b\.tmx is a page in HTML or XML"),
    "a.xlf": (b'<xliff version="1.2">', r"a\.xlf is a page in HTML or XML"),
    "a.sgm": (b'<srcset setid="newstest" srclang="any">\n', r"a\.sgm is a page in HTML or XML"),
    "a.lz4": (b"\x04\x22\x4d\x18dc the cat", r"a\.lz4 is packed by lz4\. Unpack it: lz4 -d FILE"),
    "a.Z": (b"\x1f\x9d\x90the cat", r"a\.Z is packed by compress"),
    "a.lz": (b"LZIP\x01\x0cthe cat", r"a\.lz is packed by lzip"),
    "no_zeros.txt": (bytes(range(1, 256)), r"no_zeros\.txt is no text"),
    "binary.txt": (bytes(range(256)), r"binary\.txt is no text: it holds bytes that stand for no letters"),
    "binary.jsonl": (bytes(range(256)), r"binary\.jsonl is no text"),
    "binary.en": (b"\0\1\2\3\xf0" * 50, r"binary\.en is no text"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_text_is_refused_by_every_command(tmp_path, name, reader):
    content, message = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        READERS[reader](str(tmp_path / name))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", ["a.yaml", "a.YML", "a.po.gz", "a.srt", "a.vtt", "a.toml"])
def test_other_formats_of_text_are_refused_by_their_ending(tmp_path, name, reader):
    content = b"- source: the cat\n"
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with pytest.raises(DataError, match=r"the ending says that it is .*, not plain text\. Write its texts to a file"):
        READERS[reader](str(tmp_path / name))


@pytest.mark.parametrize("encoding", ["latin-1", "shift_jis", "euc_kr", "gb18030", "iso2022_jp", "koi8_r", "cp1251"])
def test_text_of_other_encodings_is_text(tmp_path, encoding):
    """Bytes that are not UTF-8 are replaced and counted where that is allowed, and told by their line where not."""
    text = "Über Möwen\n" if encoding == "latin-1" else "Привет, мир: кошка\n"
    (tmp_path / "a.txt").write_bytes((text * 99).encode(encoding))
    check_content(str(tmp_path / "a.txt"))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv", "a.tsv", "a.json"])
def test_utf16_and_utf32_are_refused_with_the_command_that_converts_them(tmp_path, name, encoding, reader):
    (tmp_path / name).write_bytes("source\ttarget\nthe cat sat\tdie Katze saß\n".encode(encoding))
    called = encoding.upper().replace("-LE", "LE").replace("-BE", "BE")
    with pytest.raises(
        DataError, match=rf"is text in {called}, not UTF-8\. Convert it: iconv -f {called} -t UTF-8 FILE"
    ):
        READERS[reader](str(tmp_path / name))


@pytest.mark.parametrize(
    "text",
    [
        "今天天气很好。\n我去学校, ok\n" * 40, "Привет мир\nкак дела\n", "नमस्ते दुनिया\nकैसे हैं\n", "สวัสดีชาวโลก\n" * 3,
        "Ein Haus 🏠 am See.\n" * 9000,
    ],
    ids=["Han", "Cyrillic", "Devanagari", "Thai", "more than the head"],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_told_without_a_mark_of_byte_order_in_any_script(tmp_path, text, encoding):
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    called = encoding.upper().replace("-LE", "LE").replace("-BE", "BE")
    with pytest.raises(DataError, match=f"is text in {called}, not UTF-8"):
        check_content(str(tmp_path / "a.txt"))
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    check_content(str(tmp_path / "a.txt"))


@pytest.mark.parametrize(
    "content",
    [
        b"a\0b\n", b"the cat\0\0\0 sat\nthe dog\0 ran\n", b"the cat\n" + b"\0" * 2**17, b"caf\xe9\n", b"", b"\n",
        "ä".encode() * 2**15 + b"a" + "ä".encode(), b"PK\n", b"BZh\n", b"{}\n", b"{ \n", b"[1, 2]\n", b"{a} b\n",
        b'{"a": 1}\nplain\n', b"<html-like> text\n",
    ],
    ids=repr,
)  # fmt: skip
def test_odd_text_is_text(tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content)
    check_content(str(tmp_path / "a.txt"))


JSON_TEXTS = {
    "lines": LINES, "one line": json.dumps(ROWS[0]), "blank lines between": LINES.replace("\n", "\n\n"),
    "array": json.dumps(ROWS), "array over lines": json.dumps(ROWS, indent=2),
    "object over lines": json.dumps({"data": ROWS}, indent=2), "long line": json.dumps({"source": "a" * 2**17}),
}  # fmt: skip


@pytest.mark.parametrize("name", ["a.txt", "a", "a.en", "a.jsonl.txt", "a.txt.gz"])
@pytest.mark.parametrize("content", JSON_TEXTS.values(), ids=JSON_TEXTS)
def test_json_under_another_name_is_not_taken_for_plain_text(tmp_path, name, content):
    content = content.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    for reader in READERS.values():
        with pytest.raises(DataError, match=r"is JSON, not plain text\. Let its name end in \.jsonl or \.json"):
            reader(str(tmp_path / name))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_json_lines_under_the_name_of_a_table_are_told(tmp_path, name):
    (tmp_path / name).write_text(LINES)
    with pytest.raises(DataError, match=r"is JSON, not a table\. Let its name end in \.jsonl or \.json"):
        check_content(str(tmp_path / name))
    (tmp_path / name).write_text('{"a": 1}\tb\n{"c": 2}\td\n')  # a table with JSON in its cells
    check_content(str(tmp_path / name))


@pytest.mark.parametrize("content", JSON_TEXTS.values(), ids=JSON_TEXTS)
def test_json_is_not_taken_for_plain_text_on_standard_input(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    with pytest.raises(DataError, match=r"^Standard input is JSON, not plain text\."):
        list(read_texts("-"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zip_files(a=b"cat"), "Standard input is a zip archive"),
        ("a cat\n".encode("utf-16"), "Standard input is text in UTF-16"),
        (gzip.compress(b"a cat\n" * 9), "Standard input is packed by gzip"),
    ],
    ids=["zip", "UTF-16", "gzip"],
)
def test_standard_input_is_looked_at_as_files_are(monkeypatch, content, message):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    with pytest.raises(DataError, match=message):
        list(read_texts("-"))


def test_first_line_of_standard_input_gives_a_text_before_there_is_a_second(monkeypatch):
    def wait():
        yield b"a cat\n"
        raise AssertionError("the first text is there already")

    class Slow:
        buffer = property(lambda self: wait())

    monkeypatch.setattr(sys, "stdin", Slow())
    assert next(read_texts("-")).text == "a cat"


def test_file_that_cannot_be_read_is_told_at_once(tmp_path):
    (tmp_path / "a.txt.gz").write_bytes(b"a\n")
    with pytest.raises(DataError, match=r"a\.txt\.gz: reading failed: Not a gzipped file"):
        check_content(str(tmp_path / "a.txt.gz"))
