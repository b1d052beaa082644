"""Rows without text: refused, all of a file at once, or left out and counted, in memory, in the cache and in passes."""

import json

import pytest

from seq2seq.base.errors import DataError
from seq2seq.data import encoding, survey
from seq2seq.data.empty_rows import LeftOut
from seq2seq.data.examples import read_examples
from seq2seq.data.options import LayoutOptions
from seq2seq.data.plain_text import read_texts
from seq2seq.data.split import Split
from seq2seq.data.survey import locate_rows, survey_split
from seq2seq.data.training_texts import read_training_texts
from seq2seq.sources.text import build_reader
from seq2seq.text.framing import derive_framing
from seq2seq.text.tokenizers import TokenizerPair
from tests.conftest import build_source
from tests.data.cached_rows import build_description, load, write_rows

INVISIBLE = "\u200b"  # of it a lower-casing BERT makes nothing
ROWS = [
    {"source": "the cat", "target": ""},
    {"source": "the dog ran", "target": "a dog"},
    {"source": " \n", "target": "a fish"},
    {"source": "a bird", "target": None},
    {"source": "a fish swam", "target": "the fish"},
    {"source": INVISIBLE, "target": "a cat"},
    {"source": "the sea", "target": "sea", "references": ["a sea", " "]},
    {"source": "a tree", "target": "tree"},
    {"source": "a mat", "target": INVISIBLE},
]
KEPT = ["the dog ran", "a fish swam", "a tree"]
SKIP = LayoutOptions(empty="skip")


def read(name, left_out=None, **layout) -> list[str]:
    examples = read_examples([str(name)], LayoutOptions(**layout), build_reader(), left_out)
    return [example.source for example in examples]


@pytest.fixture
def rows(tmp_path):
    return write_rows(tmp_path / "rows.jsonl", ROWS)


@pytest.fixture
def split(rows, tokenizer) -> Split:
    framing = derive_framing(tokenizer)
    pair = TokenizerPair(tokenizer, tokenizer)
    return Split((str(rows),), SKIP, build_source(tokenizer, framing, 8), pair, framing, 8)


# Refused.


def test_all_rows_without_text_are_told_at_once(rows):
    message = (
        r"rows\.jsonl: 4 rows have no text\. Remove them, .* set data\.empty to skip\.\n"
        r"  \S*rows\.jsonl line 1: column 'target' is empty\n"
        r"  \S*rows\.jsonl line 3: column 'source' is empty\n"
        r"  \S*rows\.jsonl line 4: column 'target' holds NoneType, expected text\n"
        r"  \S*rows\.jsonl line 7: column 'references' is empty$"
    )
    with pytest.raises(DataError, match=message):
        read(rows)


def test_the_first_ten_are_named_and_the_others_counted(tmp_path):
    # 14 of 3,000 targets: those of lines 1, 215, 429 and so on.
    values = [{"source": "a", "target": "" if number % 214 == 0 and number < 2996 else "b"} for number in range(3000)]
    assert sum(not row["target"] for row in values) == 14
    name = write_rows(tmp_path / "a.jsonl", values)
    with pytest.raises(DataError) as caught:
        read(name)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"{name}: 14 rows have no text.")
    assert [line.split()[2] for line in lines[1:11]] == [f"{214 * number + 1}:" for number in range(10)]
    assert lines[11:] == ["  and 4 more"]


def test_one_row_is_told_with_what_to_do(tmp_path):
    name = write_rows(tmp_path / "a.jsonl", [{"source": "a", "target": " "}, {"source": "a", "target": "b"}])
    with pytest.raises(
        DataError, match=r"a\.jsonl line 1: column 'target' is empty\. Remove the row .* Or leave such rows"
    ):
        read(name)


def test_what_is_broken_behind_them_is_told_too(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"source": "a", "target": ""}\n{"source": "a", "target": ""}\n{broken\n')
    with pytest.raises(DataError, match=r"2 rows have no text(.|\n)*Behind them: \S*a\.jsonl line 3: not valid JSON"):
        read(tmp_path / "a.jsonl")


def test_rows_before_the_first_without_text_are_read(tmp_path):
    name = write_rows(tmp_path / "a.jsonl", [{"source": "a", "target": "b"}, {"source": "", "target": "b"}])
    examples = read_examples([str(name)], LayoutOptions(), build_reader())
    assert next(examples).source == "a"
    with pytest.raises(DataError, match="line 2: column 'source' is empty"):
        next(examples)


@pytest.mark.parametrize("chunk", [1, 2, 1000])
def test_all_rows_without_a_token_are_told_at_once(tmp_path, split, monkeypatch, chunk):
    monkeypatch.setattr(encoding, "CHUNK", chunk)
    values = [row for row in ROWS if row["target"] and row["source"].strip() and "references" not in row]
    write_rows(tmp_path / "rows.jsonl", values)
    refusing = Split(split.names, LayoutOptions(), split.source, split.tokenizers, split.framing, 8)
    message = (
        r"2 rows have no text\.(.|\n)*line 3: the source has no token for this tokenizer\n"
        r".*line 5: the target has no token for this tokenizer$"
    )
    with pytest.raises(DataError, match=message):
        refusing.encode()
    with pytest.raises(DataError, match=r"rows\.jsonl: 2 rows have no text"):
        load(refusing)


# Left out.


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"source": "a", "target": "b"}\n\n{"source": "c", "target": ""}\n{"source": "d", "target": "e"}'),
        ("a.json", '[{"source": "a", "target": "b"}, {"source": NaN, "target": "c"}, {"source": null, "target": ""},'
         ' {"source": "d", "target": "e"}]'),
        ("a.csv", "source,target\na,b\n\n,c\nd,e\n"),
        ("a.tsv", "source\ttarget\na\tb\n\t\nc\t \nd\te\n"),
    ],
)  # fmt: skip
def test_rows_without_text_are_left_out_of_every_format(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    left_out = LeftOut()
    assert read(tmp_path / name, left_out, empty="skip") == ["a", "d"]
    assert left_out.counts == {str(tmp_path / name): 2}


def test_left_out_rows_are_counted_by_file_and_the_first_is_named(tmp_path):
    names = [str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl"), str(tmp_path / "c.jsonl")]
    (tmp_path / "a.jsonl").write_text('{"source": "a", "target": "b"}\n{"source": "a", "target": ""}\n')
    (tmp_path / "b.jsonl").write_text('{"source": "a", "target": "b"}\n')
    (tmp_path / "c.jsonl").write_text('{"source": "", "target": "b"}\n\n{"source": "c", "target": "b"}\n')
    left_out = LeftOut()
    assert len(list(read_examples(names, SKIP, build_reader(), left_out))) == 3
    assert left_out.rows == 3
    assert left_out.list_lines() == [
        f"{names[0]}: 1 row without text left out, the first: {names[0]} line 2: column 'target' is empty.",
        f"{names[2]}: 2 rows without text left out, the first: {names[2]} line 1: column 'source' is empty.",
    ]


def test_nothing_is_said_where_nothing_is_left_out(capsys):
    LeftOut().tell()
    assert capsys.readouterr().err == ""


def test_text_that_normalization_empties_is_left_out(tmp_path):
    name = write_rows(tmp_path / "a.jsonl", [{"source": "a", "target": "<::::>"}, {"source": "b", "target": "c"}])
    assert read(name, empty="skip", normalization=["join_sentences"]) == ["b"]


def test_other_mistakes_are_refused_all_the_same(tmp_path):
    name = write_rows(tmp_path / "a.jsonl", [{"source": "a", "target": ""}, {"source": "a"}])
    with pytest.raises(DataError, match="line 2: column 'target' is missing"):
        read(name, empty="skip")


def test_file_of_which_no_row_is_left_is_refused(tmp_path):
    name = write_rows(tmp_path / "a.jsonl", [{"source": "a", "target": ""}] * 3)
    with pytest.raises(DataError, match=r"line 1: column 'target' is empty\. No row of the file has the texts\."):
        read(name, empty="skip")


def test_split_whose_rows_have_no_token_is_refused(tmp_path, split):
    write_rows(tmp_path / "rows.jsonl", [{"source": INVISIBLE, "target": "a"}])
    with pytest.raises(DataError, match=r"line 1: the source has no token for this tokenizer\. No row is left\."):
        split.encode()


def test_tokenizer_is_trained_on_the_rows_that_are_left(rows):
    left_out = LeftOut()
    texts = read_training_texts([str(rows)], SKIP, sides="both", left_out=left_out)
    # References are not read here: of row 7 source and target are there.
    assert texts["source"] == ["the dog ran", "a fish swam", INVISIBLE, "the sea", "a tree", "a mat"]
    assert len(texts["target"]) == 6
    assert left_out.rows == 3
    with pytest.raises(DataError, match="3 rows have no text"):
        read_training_texts([str(rows)], LayoutOptions(), sides="both")


def test_texts_for_generation_keep_their_place(tmp_path):
    rows = [{"source": "a"}, {"source": ""}, {"source": "b"}]
    assert [text.text for text in read_texts(str(write_rows(tmp_path / "a.jsonl", rows)), ["source"])] == ["a", "", "b"]
    (tmp_path / "a.txt").write_text("a\n\nb\n\n")
    assert [text.text for text in read_texts(str(tmp_path / "a.txt"))] == ["a", "", "b", ""]


# As it is stored.


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("chunk", [1, 2, 1000])
def test_left_out_rows_are_those_of_the_file_without_them(tmp_path, split, monkeypatch, chunk):
    monkeypatch.setattr(encoding, "CHUNK", chunk)
    whole = load(split)
    left_out = LeftOut()
    in_memory = split.encode(left_out)
    name = str(tmp_path / "rows.jsonl")
    assert whole.left_out == left_out
    assert left_out.counts == {name: 6}
    # Rows with text: lines 2, 5, 6, 8 and 9, of which the third and the last have no token.
    assert left_out.tokenless == [2, 4]
    write_rows(tmp_path / "rows.jsonl", [row for row in ROWS if row["source"] in KEPT])
    expected = load(split)
    assert build_description(whole.encoded) == build_description(expected.encoded) == build_description(in_memory)
    assert whole.fingerprint == expected.fingerprint
    assert expected.left_out == LeftOut()


@pytest.mark.usefixtures("own_cache")
def test_left_out_rows_are_told_from_the_cache_as_when_it_was_made(split, monkeypatch):
    first = load(split)
    monkeypatch.setattr(encoding, "encode_texts", None)
    assert load(split).left_out == first.left_out
    assert first.left_out.rows == 6


def test_later_passes_see_the_rows_that_are_stored(split, monkeypatch):
    monkeypatch.setattr(survey, "CHUNK", 2)
    left_out = LeftOut()
    encoded = split.encode(left_out)
    read_again = Split(
        split.names, SKIP, split.source, split.tokenizers, split.framing, 8, frozenset(left_out.tokenless)
    )
    assert [example.source for example in read_again.load()] == KEPT
    found = survey_split(read_again, encoded, sample_texts=10)
    assert found.sample == ["a dog", "the fish", "tree"]
    assert locate_rows(read_again, {0, 2}) == {0: f"{split.names[0]} line 2", 2: f"{split.names[0]} line 8"}


@pytest.mark.parametrize("change", [{"delimiter": ";"}, {"quoting": "none"}, {"empty": "skip"}], ids=str)
def test_changed_option_has_another_key(rows, split, change):
    plain = Split(split.names, LayoutOptions(), split.source, split.tokenizers, split.framing, 8)
    changed = Split(split.names, LayoutOptions(**change), split.source, split.tokenizers, split.framing, 8)
    assert plain.compute_key() != changed.compute_key()


def test_rows_of_the_hub_are_left_out_too(monkeypatch):
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_list([{"source": "a", "target": None}, {"source": "b", "target": "c"}])
    monkeypatch.setattr(datasets, "load_dataset", lambda *names, **options: rows)
    left_out = LeftOut()
    assert read("hub:some/set::train", left_out, empty="skip") == ["b"]
    assert left_out.counts == {"hub:some/set::train": 1}


def test_json_of_the_summary_holds_plain_numbers():
    left_out = LeftOut({"a": 1}, {"a": "a line 1: empty"}, [3])
    assert json.loads(json.dumps(vars(left_out))) == vars(left_out)
