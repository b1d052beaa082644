"""A pass over the texts: lengths before the cut as a fresh tokenization gives them, samples, places."""

import json
from dataclasses import replace

import pytest

from seq2seq.data import encoding, survey
from seq2seq.data.options import LayoutOptions
from seq2seq.data.split import Split
from seq2seq.data.survey import locate_rows, space_evenly, survey_split
from seq2seq.sources.text import TextSource
from seq2seq.text.framing import derive_framing
from seq2seq.text.written_marks import WrittenMarks
from tests.conftest import build_source

ROWS = [
    ("the cat sat", "a cat"),
    ("a dog ran on the mat and sat", "a dog"),
    ("a bird", "the bird flew and swam and sat"),
]


@pytest.fixture
def split(started, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"source": source, "target": target}) + "\n" for source, target in ROWS))
    tokenizers = started.tokenizers
    framing = derive_framing(tokenizers.target)
    source = build_source(tokenizers.source, framing, 4)
    return Split((str(path),), LayoutOptions(), source, tokenizers, framing, 5)


def test_lengths_are_those_before_the_cut(split):
    survey = survey_split(split, split.encode(), sample_texts=10)
    assert survey.source_lengths.tolist() == [3, 8, 2]
    assert survey.target_lengths.tolist() == [3, 3, 8]  # each with its end mark


def test_lengths_count_the_marks_of_the_framing(split):
    framing = replace(split.framing, source_prefix=(2,), source_suffix=(3,), target_prefix=(2,))
    source = build_source(split.tokenizers.source, framing, 4)
    marked = replace(split, framing=framing, source=source)
    survey = survey_split(marked, marked.encode(), sample_texts=10)
    assert survey.source_lengths.tolist() == [5, 10, 4]
    assert survey.target_lengths.tolist() == [4, 4, 9]


def test_rows_read_in_chunks_are_surveyed_as_rows_read_at_once(split, monkeypatch):
    whole = survey_split(split, split.encode(), sample_texts=2)
    monkeypatch.setattr(survey, "CHUNK", 2)
    done = []
    parts = survey_split(split, split.encode(), sample_texts=2, advance=done.append)
    assert parts.source_lengths.tolist() == whole.source_lengths.tolist()
    assert parts.hashes.pairs.tolist() == whole.hashes.pairs.tolist()
    assert parts.sample == whole.sample == ["a cat", "a dog"]
    assert done == [2, 1]


def test_only_texts_at_the_limit_are_tokenized_again(split, monkeypatch):
    encoded, seen = split.encode(), []
    monkeypatch.setattr(
        survey, "encode_texts", lambda tokenizer, texts: seen.extend(texts) or encoding.encode_texts(tokenizer, texts)
    )
    monkeypatch.setattr(
        TextSource,
        "encode",
        lambda self, texts: seen.extend(texts) or encoding.encode_texts(self.context.tokenizer, texts),
    )
    survey_split(split, encoded, sample_texts=10)
    assert seen == [ROWS[1][0], ROWS[2][1]]


def test_marks_in_texts_are_counted_by_side(split, tmp_path):
    rows = [("the [SEP] cat [SEP]", "a cat"), ("[MASK] [SEP]", "[PAD]"), ("a dog [sep]", "a dog")]
    path = tmp_path / "marks.jsonl"
    path.write_text("".join(json.dumps({"source": source, "target": target}) + "\n" for source, target in rows))
    marked = replace(split, names=(str(path),))
    found = survey_split(marked, marked.encode(), sample_texts=1)
    assert found.source_marks == WrittenMarks(texts=2, by_mark={"[SEP]": 2, "[MASK]": 1})
    assert found.target_marks == WrittenMarks(texts=1, by_mark={"[PAD]": 1})


def test_rows_are_spaced_evenly_and_never_twice():
    assert space_evenly(10, 4).tolist() == [0, 2, 5, 7]
    assert space_evenly(3, 10).tolist() == [0, 1, 2]
    assert space_evenly(0, 10).tolist() == []


def test_places_of_rows_name_file_and_line(split):
    (name,) = split.names
    assert locate_rows(split, {2, 0}) == {0: f"{name} line 1", 2: f"{name} line 3"}
    assert locate_rows(split, set()) == {}
