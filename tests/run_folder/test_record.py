"""A run read back from its folder, and what is said of a folder that holds none."""

import json

import pytest

from seq2seq.base.errors import CheckpointError, DataError
from seq2seq.run_folder.folder import RunFolder
from seq2seq.run_folder.record import load_run_record
from tests.reports.made_up_run import EVENTS, INPUTS, PREDICTIONS, SCORES, write_run


def test_record_holds_what_the_files_hold(tmp_path):
    record = load_run_record(write_run(tmp_path / "mine"))
    assert (record.name, record.plan) == ("mine", "bert2bert")
    assert (record.inputs, record.scores, record.predictions, record.events) == (INPUTS, SCORES, PREDICTIONS, EVENTS)
    assert record.end == "max_steps"
    assert record.counters == {
        "step": 4, "examples": 16, "source_tokens": 80, "target_tokens": 40, "seconds": 60.0,
    }  # fmt: skip


def test_what_a_run_may_lack_is_none(tmp_path):
    record = load_run_record(write_run(tmp_path / "mine", inputs=None, scores=None, predictions=None, events=[]))
    assert (record.inputs, record.scores, record.predictions, record.end) == (None, None, None, None)
    assert record.counters["step"] == 0


def test_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"is no run folder: it has no recipe\.yaml"):
        load_run_record(RunFolder(tmp_path))


def test_broken_recipe_is_refused(tmp_path):
    folder = write_run(tmp_path / "mine")
    folder.recipe.write_text("- {")
    with pytest.raises(CheckpointError, match=r"recipe\.yaml is no longer the recipe that the run wrote"):
        load_run_record(folder)


def test_missing_origin_is_refused(tmp_path):
    folder = write_run(tmp_path / "mine")
    folder.origin.unlink()
    with pytest.raises(DataError, match=r"origin\.json is missing"):
        load_run_record(folder)


@pytest.mark.parametrize(
    ("file", "text", "lacking"),
    [
        ("origin.json", "[]", "totals.total"), ("origin.json", '{"totals": 5}', "totals.total"),
        ("environment.json", "{}", "packages"), ("inputs.json", '{"splits": {}}', "splits.train"),
        ("scores.json", "{}", "split"),
        ("scores.json", json.dumps(SCORES | {"rows": {}}), "rows"),
        ("predictions/test.jsonl", "5", "source"),
        ("predictions/test.jsonl", '{"source": "a", "prediction": "b", "references": []}', "references"),
    ],
)  # fmt: skip
def test_file_that_lacks_what_a_run_writes_is_refused(tmp_path, file, text, lacking):
    folder = write_run(tmp_path / "mine")
    (folder.path / file).write_text(text)
    with pytest.raises(DataError, match=rf"mine/{file}.* has no '{lacking}', which every run writes there"):
        load_run_record(folder)


def test_recipe_without_its_sections_is_refused(tmp_path):
    folder = write_run(tmp_path / "mine")
    folder.recipe.write_text("task: translation\n")
    with pytest.raises(CheckpointError, match=r"recipe\.yaml is no longer the recipe"):
        load_run_record(folder)
