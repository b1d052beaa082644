"""Whatever stands in a file, its outputs come line for line, and nothing crashes. Property-based."""

import json
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import seq2seq
from seq2seq.base.errors import DataError
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.data.file_kinds import check_file
from seq2seq.data.plain_text import read_texts
from seq2seq.generation.generator import Generator
from seq2seq.generation.outputs import format_lines
from tests.conftest import build_description, shake

RUNS = settings(max_examples=60, deadline=None)
ODD = st.sampled_from(
    [b"\r", b"\0", b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x85", b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9",
     b"\xff", b"\xed\xa0\x80", b"\xf0\x9f\x98", "\u202eשלום\u200f العربية".encode(), "👩‍👩‍👧🇩🇪".encode(),
     "e\u0301".encode(), b"\xef\xbb\xbf", "\u200b".encode(), b" ", b"\t", b"cat", b"the dog", b"[SEP]",
     b"[CLS]", b"[PAD] [MASK]"]
)  # fmt: skip
LINES = st.lists(
    st.lists(ODD | st.binary(max_size=6), max_size=5).map(lambda parts: b"".join(parts).replace(b"\n", b""))
)


@pytest.fixture(scope="module")
def generator(tiny_bert, tmp_path_factory) -> Generator:
    started = seq2seq.warm_start(plan="bert2bert", encoder=str(tiny_bert))
    shake(started.model)
    folder = tmp_path_factory.mktemp("bad_input") / "ckpt"
    write_checkpoint(
        folder, started.model, started.tokenizers, build_description(started, num_beams=1, max_target_tokens=3)
    )
    return seq2seq.load_generator(folder)


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("lines") / "in.txt"


def is_taken_for_text(path: Path) -> bool:
    """Whether bytes are not by chance those that a zip archive or UTF-16, say, begins with."""
    try:
        check_file(path)
    except DataError:
        return False
    return True


@RUNS
@given(LINES, st.booleans(), st.booleans())
@example([b"a", b"", b"\xef\xbb\xbfb", b"c\r", b""], True, False)
def test_a_text_is_read_for_each_line_feed(path, lines, ends, windows):
    path.write_bytes((b"\r\n" if windows else b"\n").join(lines) + b"\n" * ends)
    assume(is_taken_for_text(path))
    read = list(read_texts(str(path)))
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    assert len(read) == content.count(b"\n") + (content != b"" and not content.endswith(b"\n"))
    for text, line in zip(read, content.split(b"\n"), strict=False):
        line = line.removesuffix(b"\r")
        assert text.text == line.decode(errors="replace")
        assert text.replaced == (text.text.encode() != line)


@RUNS
@given(LINES)
def test_every_line_gets_the_output_that_it_gets_alone(generator, path, lines):
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    assume(is_taken_for_text(path))
    read = [text.text for text in read_texts(str(path))]
    outputs = generator.generate(read).texts
    assert len(outputs) == len(read)
    for index in {0, len(read) // 2, len(read) - 1} if read else ():
        assert outputs[index] == generator.generate([read[index]]).texts[0]
    assert all(output == "" for output, text in zip(outputs, read, strict=True) if not text.strip())


@RUNS
@given(st.lists(st.text(st.characters(categories=None), max_size=8)))
@example(["\ud800", "\udfff\ud800", "\ud83d\ude00"])
def test_every_string_of_python_gets_an_output(generator, texts):
    generated = generator.generate(texts)
    assert len(generated.texts) == len(texts)
    assert generated.replaced == sum(any("\ud800" <= letter <= "\udfff" for letter in text) for text in texts)


@RUNS
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8)))
def test_outputs_stand_line_for_line(path, outputs):
    lines, joined = format_lines(outputs)
    path.write_bytes(lines.encode())
    read = [text.text for text in read_texts(str(path))]
    assert len(read) == len(outputs)
    # A mark of byte order in front of a file is none of its text.
    expected = [text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ") for text in outputs]
    assert read == [text.removeprefix("\ufeff") if index == 0 else text for index, text in enumerate(expected)]
    assert joined == sum("\n" in text or "\r" in text for text in outputs)


@RUNS
@given(st.lists(st.text(st.characters(categories=None), max_size=8), min_size=1))
def test_every_string_of_json_is_read_in_its_row(path, texts):
    rows = path.with_suffix(".jsonl")
    rows.write_text("".join(json.dumps({"source": text}) + "\n" for text in texts))
    expected = ["".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in text) for text in texts]
    # JSON's escapes of both halves of a pair are one letter, even where Python has them apart.
    joined = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
    read = [text.text for text in read_texts(str(rows), ["source"])]
    assert len(read) == len(texts)
    assert all(text in pair for text, pair in zip(read, zip(expected, joined, strict=True), strict=True))


@pytest.mark.parametrize(
    "line",
    ["a" * 2**20, "the cat " * 2**17, "👩" * 2**18, "א" * 2**19, "\u0301" * 2**19, "\0" * 2**20, " " * 2**20],
    ids=["one word", "many words", "emoji", "right to left", "combining marks", "nulls", "spaces"],
)
def test_lines_of_a_megabyte_are_cut_and_shift_nothing(generator, path, line):
    path.write_text(f"the cat\n{line}\na dog\n", encoding="utf-8")
    texts = [text.text for text in read_texts(str(path))]
    generated = generator.generate(texts)
    assert [generated.texts[0], generated.texts[2]] == [
        generator.generate([text]).texts[0] for text in ("the cat", "a dog")
    ]
    assert generated.empty == (line.strip(" \0\u0301") == "")  # a lower-casing BERT reads no accents
