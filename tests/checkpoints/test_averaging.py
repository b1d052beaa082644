"""Averages of checkpoints: the mean by hand, whole checkpoints of their own, and what cannot be averaged."""

import json
import shutil
from dataclasses import replace

import numpy
import pytest
import torch
from safetensors.numpy import load_file
from transformers import EncoderDecoderModel

import seq2seq
from seq2seq import warm_start
from seq2seq.base.errors import CheckpointError, DataError
from seq2seq.base.files import compute_sha256
from seq2seq.checkpoints.averaging import average_checkpoints
from seq2seq.checkpoints.folder import TrainingFiles, check_manifest, load_training_files, write_checkpoint
from seq2seq.modeling.sharing import map_shared_names
from tests.conftest import build_description, save_bert, shake

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def several(tiny_bert, tmp_path_factory):
    """Three checkpoints of one shared model: of steps 0, 10 and 20, with the training state of each."""
    folder = tmp_path_factory.mktemp("several")
    started = warm_start(plan="bertshare", encoder=str(tiny_bert))
    for step in (0, 10, 20):
        shake(started.model, 0.1, seed=step)
        description = replace(build_description(started, num_beams=2), step=step)
        files = TrainingFiles({"w/exp_avg": torch.zeros(1)}, {"step": step})
        write_checkpoint(folder / f"step_{step}", started.model, started.tokenizers, description, files)
    return [folder / f"step_{step}" for step in (0, 10, 20)]


@pytest.fixture
def copies(several, tmp_path):
    """Copies of the first two, without manifests, to be changed."""
    copied = [shutil.copytree(folder, tmp_path / folder.name) for folder in several[:2]]
    for folder in copied:
        (folder / "manifest.json").unlink()
    return copied


@pytest.fixture
def average(several, tmp_path):
    average_checkpoints(several, tmp_path / "average")
    return tmp_path / "average"


def change_json(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_average_is_the_mean_of_the_float64_values_rounded_once(several, average):
    files, mean = [load_file(folder / WEIGHTS) for folder in several], load_file(average / WEIGHTS)
    assert mean.keys() == files[0].keys()
    for name, values in mean.items():
        expected = sum(weights[name].astype(numpy.float64) for weights in files) / 3
        assert values.dtype == numpy.float32
        assert numpy.array_equal(values, expected.astype(numpy.float32)), name


def test_shared_parameters_of_the_average_are_equal_bit_for_bit(average, tiny_bert):
    weights = load_file(average / WEIGHTS)
    further = map_shared_names(warm_start(plan="bertshare", encoder=str(tiny_bert)).model)
    pairs = {name: first for name, first in further.items() if name in weights}
    assert len(pairs) > 30
    assert [name for name, first in pairs.items() if weights[name].tobytes() != weights[first].tobytes()] == []


def test_average_of_equal_checkpoints_is_each_of_them(several, tmp_path):
    copies = [shutil.copytree(several[0], tmp_path / name) for name in ("a", "b", "c")]
    average_checkpoints(copies, tmp_path / "average")
    assert (tmp_path / "average" / WEIGHTS).read_bytes() == (several[0] / WEIGHTS).read_bytes()


def test_plain_transformers_loads_every_weight_of_the_average(average):
    plain, ours = EncoderDecoderModel.from_pretrained(average).state_dict(), load_file(average / WEIGHTS)
    assert [name for name, values in ours.items() if not numpy.array_equal(plain[name].numpy(), values)] == []


def test_average_writes_texts(average):
    assert len(seq2seq.generate(average, ["the cat sat", ""])) == 2


def test_average_is_whole_and_has_no_training_state(average):
    check_manifest(average)
    with pytest.raises(CheckpointError, match="no training state, so a run cannot go on from it"):
        load_training_files(average)


def test_average_notes_its_checkpoints_and_takes_the_last_step(several, average):
    assert json.loads((average / "averaged.json").read_text()) == [
        {"checkpoint": str(folder), "step": step, "weights_sha256": compute_sha256(folder / WEIGHTS)}
        for folder, step in zip(several, (0, 10, 20), strict=True)
    ]
    assert json.loads((average / "seq2seq.json").read_text())["step"] == 20


def test_descriptions_that_differ_in_use_are_named_and_the_lasts_holds(copies, tmp_path):
    change_json(copies[0] / "seq2seq.json", max_target_tokens=7, plan="pair")
    averaged = average_checkpoints(copies, tmp_path / "average")
    assert averaged.differing == ("plan", "max_target_tokens")
    assert json.loads((tmp_path / "average/seq2seq.json").read_text())["plan"] == "bertshare"


def test_notes_of_another_version_of_transformers_are_no_difference(copies, tmp_path):
    change_json(copies[0] / "config.json", transformers_version="5.0.0")
    assert average_checkpoints(copies, tmp_path / "average").folders == tuple(copies)


def test_output_that_exists_is_refused_and_left_alone(several, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="exists. Choose another output, or replace it with --overwrite"):
        average_checkpoints(several, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_earlier_average_is_replaced_where_that_is_asked_for_and_nothing_else(several, tmp_path):
    output = tmp_path / "average"
    seq2seq.average(several, output=output)
    with pytest.raises(CheckpointError, match="average exists. Choose another output"):
        seq2seq.average(several, output=output)
    seq2seq.average(several[:2], output=output, overwrite=True)
    assert len(json.loads((output / "averaged.json").read_text())) == 2
    with pytest.raises(CheckpointError, match="is the checkpoint itself and would be lost"):
        seq2seq.average([several[0], output], output=output, overwrite=True)


def test_output_that_cannot_be_written_is_refused_before_anything_is_read(several, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file/deep: the folder cannot be made \(Not a directory\)"):
        seq2seq.average(several, output=tmp_path / "file/deep/average")


def test_disk_that_fills_up_is_one_message(several, tmp_path, monkeypatch):
    def fill(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seq2seq.checkpoints.averaging.write_checkpoint", fill)
    with pytest.raises(CheckpointError, match=r"average cannot be written \(No space left on device\)"):
        seq2seq.average(several, output=tmp_path / "average")


def test_one_checkpoint_alone_is_refused(several, tmp_path):
    with pytest.raises(CheckpointError, match=r"needs at least two checkpoints, found 1 \(.*step_0\)"):
        average_checkpoints(several[:1], tmp_path / "average")


def test_checkpoint_named_twice_is_refused(several, tmp_path):
    again = several[0].parent / "." / several[0].name
    with pytest.raises(CheckpointError, match=r"step_0 is named more than once"):
        average_checkpoints([*several, again], tmp_path / "average")


def test_checkpoint_of_another_project_is_refused(several, tiny_bert, tmp_path):
    with pytest.raises(CheckpointError, match=r"has no seq2seq\.json: averaged are checkpoints of this project alone"):
        average_checkpoints([several[0], tiny_bert], tmp_path / "average")


def test_damaged_checkpoint_is_refused(several, copies, tmp_path):
    shutil.copy(several[1] / "manifest.json", copies[1])
    (copies[1] / WEIGHTS).write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"model\.safetensors is not what was written"):
        average_checkpoints(copies, tmp_path / "average")
    assert not (tmp_path / "average").exists()


def test_missing_config_is_named(copies, tmp_path):
    (copies[1] / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"step_10: config\.json is missing"):
        average_checkpoints(copies, tmp_path / "average")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sharing": {"embeddings": True, "layers": False}}, "sharing.layers: True in the first, False in the other"),
        ({"framing": {"begin_id": 1}}, "framing.begin_id: 2 in the first, 1 in the other"),
    ],
)
def test_other_sharing_or_framing_is_refused_and_named(copies, tmp_path, change, message):
    change_json(copies[1] / "seq2seq.json", **change)
    with pytest.raises(CheckpointError, match=r"step_10 cannot be averaged with .*step_0, because it is of another"):
        average_checkpoints(copies, tmp_path / "average")
    with pytest.raises(CheckpointError, match=message):
        average_checkpoints(copies, tmp_path / "average")


def test_other_config_is_refused_and_every_difference_named(several, tmp_path):
    bert = save_bert(tmp_path / "bert", intermediate_size=48, layer_norm_eps=1e-6)
    started = warm_start(plan="bertshare", encoder=str(bert))
    write_checkpoint(tmp_path / "other", started.model, started.tokenizers, build_description(started))
    with pytest.raises(CheckpointError) as refused:
        average_checkpoints([several[0], tmp_path / "other"], tmp_path / "average")
    for side in ("decoder", "encoder"):
        assert f"config.{side}.intermediate_size: 64 in the first, 48 in the other" in str(refused.value)
        assert f"config.{side}.layer_norm_eps: 1e-12 in the first, 1e-06 in the other" in str(refused.value)


def test_value_that_one_config_lacks_is_named(copies, tmp_path):
    change_json(copies[1] / "config.json", colour="red")
    with pytest.raises(CheckpointError, match=r"config\.colour: 'nothing' in the first, 'red' in the other"):
        average_checkpoints(copies, tmp_path / "average")


def test_other_tokenizer_is_refused(copies, tmp_path):
    path = copies[1] / "tokenizer.json"
    path.write_text(path.read_text().replace('"cat"', '"cow"'))
    with pytest.raises(CheckpointError, match=r"of another kind:\n  tokenizer\.json differs$"):
        average_checkpoints(copies, tmp_path / "average")


def test_target_tokenizer_that_one_alone_has_is_refused(copies, tmp_path):
    (copies[1] / "target_tokenizer").mkdir()
    shutil.copy(copies[1] / "tokenizer.json", copies[1] / "target_tokenizer")
    with pytest.raises(CheckpointError, match=r"  target_tokenizer/tokenizer\.json differs"):
        average_checkpoints(copies, tmp_path / "average")
