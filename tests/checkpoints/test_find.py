"""Which checkpoint an argument means."""

import pytest

from seq2seq.base.errors import CheckpointError, DataError
from seq2seq.checkpoints.find import find_checkpoint, find_local, find_newest_whole, list_last
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.run_folder.steps import find_chosen, get_chosen, list_steps, load_best, record_best, step_folder
from tests.conftest import build_description


@pytest.fixture
def run(started, tmp_path):
    """A run folder with checkpoints of steps 5, 10 and 20."""
    for step in (5, 10, 20):
        write_checkpoint(step_folder(tmp_path, step), started.model, started.tokenizers, build_description(started))
    return tmp_path


def test_run_folder_means_its_newest_checkpoint(run):
    assert find_checkpoint(run) == run / "checkpoints" / "step_00000020"


def test_run_folder_means_its_best_checkpoint_where_one_is_named(run):
    record_best(run, step=10, metric="loss", value=1.5)
    assert find_checkpoint(run).name == "step_00000010"
    assert load_best(run) == {"step": 10, "metric": "loss", "value": 1.5}


def test_checkpoint_folder_means_itself(run):
    assert find_checkpoint(str(step_folder(run, 5))) == step_folder(run, 5)


def test_half_written_checkpoints_are_not_listed(run):
    (run / "checkpoints" / ".step_00000030.partial").mkdir()
    assert list_steps(run) == [5, 10, 20]


def test_newest_whole_passes_over_a_damaged_one(run):
    (step_folder(run, 20) / "model.safetensors").write_bytes(b"cut")
    newest, refused = find_newest_whole(run)
    assert newest == step_folder(run, 10)
    assert len(refused) == 1
    assert "model.safetensors is not what was written" in refused[0]


def test_newest_whole_of_nothing_is_none(tmp_path):
    assert find_newest_whole(tmp_path) == (None, [])


def test_run_without_checkpoint_is_refused(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(CheckpointError, match="a run folder without a checkpoint yet"):
        find_checkpoint(tmp_path)


def test_last_checkpoints_are_the_newest_in_order(run):
    record_best(run, step=5, metric="loss", value=1.5)
    assert list_last(run, 2) == [step_folder(run, 10), step_folder(run, 20)]


def test_more_last_checkpoints_than_there_are_is_refused(run):
    with pytest.raises(CheckpointError, match=r"has 3 checkpoints, not 4 \(steps found: 5, 10, 20\)\. Ask for fewer"):
        list_last(run, 4)


def test_last_checkpoints_of_a_checkpoint_are_refused(run):
    with pytest.raises(CheckpointError, match=r"step_00000005 is no run folder .*, so it has no last checkpoints"):
        list_last(step_folder(run, 5), 2)


def test_other_folder_is_refused_with_what_it_holds(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(CheckpointError, match=r"neither a run folder .* it holds notes\.txt"):
        find_checkpoint(tmp_path)


@pytest.mark.parametrize("find", [find_checkpoint, find_local])
def test_what_cannot_be_a_hub_name_is_refused(find):
    with pytest.raises(CheckpointError, match="does not exist. Give a run folder"):
        find("runs/of/mine")


def test_name_that_the_hub_may_know_is_not_looked_for_here(run):
    assert find_local("nobody/has-this") is None
    assert find_local(run) == find_checkpoint(run)


def test_hub_name_without_network_is_refused(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CheckpointError, match="neither a folder here nor to be had from the hub"):
        find_checkpoint("nobody/has-this")


def test_hub_repository_without_a_checkpoint_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, **patterns: str(tmp_path))
    with pytest.raises(CheckpointError, match=r"on the hub has neither seq2seq\.json nor config\.json"):
        find_checkpoint("someone/model")


def test_run_is_used_by_its_best_checkpoint_else_by_its_newest(run, tmp_path):
    assert find_chosen(run) == step_folder(run, 20)
    record_best(run, step=10, metric="loss", value=1.0)
    assert find_chosen(run) == step_folder(run, 10)


def test_run_without_a_checkpoint_is_used_by_none(tmp_path):
    assert find_chosen(tmp_path) is None


@pytest.mark.parametrize("text", ["[]", "{}", '{"step": 10}'])
def test_damaged_title_of_the_best_is_refused(run, text):
    (run / "checkpoints/best.json").write_text(text)
    with pytest.raises(DataError, match=r"best\.json: expected step, metric and value of the best checkpoint, found"):
        load_best(run)


def test_run_without_a_checkpoint_is_not_used(tmp_path):
    with pytest.raises(CheckpointError, match="has no checkpoint yet. Train it, or put its checkpoints/ back."):
        get_chosen(tmp_path)
