"""The task that pairs look like, on real data where a machine has it."""

from itertools import islice

import pytest

from seq2seq.data.readers import read_rows
from seq2seq.verbs.init.look import build_layout_of, find_columns, look_through
from seq2seq.verbs.init.task import guess_task
from seq2seq.verbs.options.init import InitOptions


@pytest.mark.parametrize(
    "name",
    [
        "sentence_fusion/desse_reversed", "sentence_splitting/desse", "sentence_splitting/wikisplit",
        "summarization/mts_dialog", "translation/multi30k_en-fr",
    ],
)  # fmt: skip
def test_task_of_real_pairs(real_data, name, monkeypatch):
    path = str(real_data / name / "train.jsonl.gz")
    monkeypatch.setattr("seq2seq.verbs.init.look.read_rows", lambda *given: islice(read_rows(*given), 1000))
    columns = find_columns(path, InitOptions())
    looked = look_through(path, build_layout_of(InitOptions(), columns), columns)
    assert guess_task(looked.file).name == name.partition("/")[0]
