"""`seq2seq recipes`: list, show, copy, and train what was copied."""

import json

import yaml

from seq2seq.recipe.shipped import list_recipes

NAME = "sentence_fusion/wikisplit_reversed/bertshare"


def test_list_has_a_line_for_every_recipe(seq2seq):
    code, out, _ = seq2seq("recipes")
    assert code == 0
    lines = [line.split(maxsplit=2) for line in out.splitlines() if line.startswith("  ")]
    assert [line[:2] for line in lines] == [[recipe.name, recipe.plan] for recipe in list_recipes()]
    meanings = {name: meaning for name, _, meaning in lines}
    figures = "ROUGE-1 41.45, ROUGE-2 18.79, ROUGE-L 33.90"
    assert meanings["summarization/xsum/robertashare_24"] == f"the paper: {figures}"
    assert meanings["sentence_splitting/minwiki/bertshare"] == "Both sides from one BERT, the layers shared"


def test_show_prints_a_recipe_and_the_file_it_extends(seq2seq):
    code, out, _ = seq2seq("recipes", "show", NAME)
    assert code == 0
    shown = list(yaml.safe_load_all(out.replace("\n# ---- base.yaml, which it extends ----\n", "\n---\n")))
    assert shown[0]["extends"] == "base.yaml"
    assert shown[1]["task"] == "sentence_fusion"


def test_unknown_recipe_is_one_message(seq2seq):
    code, _, err = seq2seq("recipes", "copy", "quikstart")
    assert code == 1
    assert "Did you mean quickstart?" in err


def test_copied_recipe_trains(seq2seq, tiny_bert, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"source": "the cat sat", "target": "a cat"}, {"source": "a dog ran", "target": "a dog ran"}]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, out, _ = seq2seq("recipes", "copy", NAME, "mine")
    assert code == 0
    assert out.splitlines() == [
        "Copied: mine/bertshare.yaml", "Copied: mine/base.yaml", "To run it: seq2seq train mine/bertshare.yaml",
    ]  # fmt: skip
    changes = [f"data.{split}=pairs.jsonl" for split in ("train", "validation", "test")]
    lengths = ["data.max_source_tokens=16", "data.max_target_tokens=16", "generation.max_target_tokens=5"]
    changes += [f"model.encoder={tiny_bert}", "output=run", "training.max_steps=1", "training.warmup_steps=0", *lengths]
    code, out, _ = seq2seq("train", "mine/bertshare.yaml", *changes)
    assert code == 0
    assert "2 test pairs" in out
