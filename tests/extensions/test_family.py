"""Families from outside go the whole way: warm start, training, texts, a look into the heads, pruning, a resume."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import seq2seq
from seq2seq import generate, load_checkpoint, warm_start
from seq2seq.base.errors import CheckpointError, RecipeError, WarmStartError
from seq2seq.families import table
from seq2seq.modeling.layers import list_layers
from seq2seq.modeling.parts import find_sides
from tests.families import save_family
from tests.training.runs import copy_up_to_step_3, hash_weights, write_pairs, write_recipe

ROFORMER, ERNIE, OWN = (f"tests.extensions.family:{name}" for name in ("ROFORMER", "ERNIE", "OWN"))
TEXTS = ["cat dog bird", "the big fish sat", "tree sea"]


@pytest.fixture(autouse=True)
def no_families_yet(monkeypatch) -> None:
    """As in a new process, which knows no family from outside."""
    monkeypatch.setattr(table, "_added", {})


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, str]:
    """Checkpoints of an encoder of transformers, of one's own encoder, and of a decoder with its head."""
    import tests.extensions.family  # noqa: F401  registers the class of one's own

    return {
        family: str(save_family(tmp_path_factory.mktemp(family), family, head=family == "ernie"))
        for family in ("roformer", "own-roformer", "ernie")
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory, folders) -> Iterator[Path]:
    """A finished run of six steps: one's own encoder, and a decoder that starts to attend as it does to itself."""
    folder = tmp_path_factory.mktemp("own")
    model = {
        "plan": "pair", "encoder": folders["own-roformer"], "decoder": folders["ernie"], "families": [OWN, ERNIE],
        "cross_attention": "copied",
    }  # fmt: skip
    path = write_recipe(folder, Path(folders["own-roformer"]), model=model, checkpoint_every_steps=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "_added", {})
        yield seq2seq.train(path)


def read_description(folder: Path) -> dict:
    return json.loads((folder / "seq2seq.json").read_text())


def test_checkpoint_lists_the_families_that_it_needs(run):
    assert read_description(run / "checkpoints/step_00000006")["families"] == [ERNIE, OWN]
    assert load_checkpoint(run).description.families == [ERNIE, OWN]


def test_new_process_loads_the_run_and_writes_the_same_texts(run):
    command = [sys.executable, "-m", "seq2seq", "generate", str(run), "--text", TEXTS[0]]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    root = Path(__file__).parents[2]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=root, check=True)
    assert result.stdout.splitlines() == generate(run, TEXTS[:1])


def test_decoder_starts_from_its_self_attention(run):
    rows = json.loads((run / "origin.json").read_text())["parameters"]
    notes = {row["note"] for row in rows if row["part"] == "cross_attention"}
    assert notes == {"from the self-attention of its layer"}


def test_heads_are_weighed_and_removed(run, tmp_path):
    data = write_pairs(tmp_path / "pairs.jsonl", 8)
    sites = seq2seq.analyze_heads(run, [data], output=tmp_path / "heads")["sites"]
    assert [site["kind"] for site in sites] == ["encoder"] * 2 + ["decoder"] * 2 + ["cross"] * 2
    assert sites[0]["name"] == "encoder.encoder.layer.0.attention"
    seq2seq.prune(run, [data], output=tmp_path / "pruned", keep=0.5)
    smaller = load_checkpoint(tmp_path / "pruned")
    assert sum(len(heads) for heads in smaller.model.pruned.values()) < 24
    assert smaller.description.families == [ERNIE, OWN]
    assert len(generate(tmp_path / "pruned", TEXTS)) == len(TEXTS)


def test_resumed_run_is_the_uninterrupted_one(run, tmp_path):
    copy_up_to_step_3(run, tmp_path / "run")
    seq2seq.train(run.with_suffix(".yaml"), [f"output={tmp_path / 'run'}"], resume=True)
    assert hash_weights(tmp_path / "run", 6) == hash_weights(run, 6)


def test_run_goes_on_from_a_checkpoint_of_such_a_family(run, tmp_path):
    model = {"plan": "pretrained", "encoder": None, "checkpoint": str(run)}
    path = write_recipe(tmp_path, run, model=model, max_steps=1)
    assert read_description(seq2seq.train(path) / "checkpoints/step_00000001")["families"] == [ERNIE, OWN]


def test_layers_can_be_chosen_with_a_row_and_not_without(folders, tiny_bert):
    options = {"plan": "pair", "encoder": folders["roformer"], "decoder": str(tiny_bert), "encoder_layers": [1]}
    with pytest.raises(WarmStartError, match="where this family keeps its layers is not known here"):
        warm_start(**options)
    model = warm_start(**options, families=ROFORMER).model
    encoder, _ = (list_layers(model, side) for side in find_sides(model))
    assert len(encoder) == 1
    whole = warm_start(**options | {"encoder_layers": None}).model
    expected = whole.encoder.encoder.layer[1].output.dense.weight
    assert torch.equal(encoder[0].output.dense.weight, expected)


def test_options_that_name_no_row_are_refused(folders, tmp_path):
    with pytest.raises(WarmStartError, match=r"families: expected package\.module:OBJECT for each; family is none"):
        warm_start(plan="pair", encoder=folders["roformer"], families=[ROFORMER, "family"])
    with pytest.raises(WarmStartError, match=r"model\.families: json:loads is a function, expected a seq2seq\.Family"):
        warm_start(plan="pair", encoder=folders["roformer"], families="json:loads")
    path = write_recipe(tmp_path, Path(folders["ernie"]), model={"families": "nowhere"})
    with pytest.raises(RecipeError, match=r"model\.families: expected package\.module:OBJECT"):
        seq2seq.train(path)
    path = write_recipe(tmp_path, run, model={"plan": "pretrained", "encoder": None, "checkpoint": "x"})
    with pytest.raises(WarmStartError, match=r"model\.families: module 'nowhere' cannot be imported"):
        seq2seq.train(path, ["model.families=nowhere:ROW"])


def test_checkpoint_whose_families_are_not_here_is_refused(run, tmp_path):
    copy_up_to_step_3(run, tmp_path / "run")
    folder = tmp_path / "run/checkpoints/step_00000003"
    (folder / "manifest.json").unlink()
    (folder / "seq2seq.json").write_text(json.dumps(read_description(folder) | {"families": ["nowhere:ROW"]}))
    with pytest.raises(CheckpointError, match=r"seq2seq\.json: families: module 'nowhere' cannot be imported"):
        load_checkpoint(folder)
