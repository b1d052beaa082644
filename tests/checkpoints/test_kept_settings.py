"""What stays of a published generation config with a model that is trained on, saved and exported.

Expected texts are those of plain `generate`, see published_settings.py.
"""

import json

import seq2seq
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.modeling.generation_config import MARKS, RULES
from tests.checkpoints.published_settings import SOURCES, write_plainly
from tests.conftest import build_description


def test_rules_and_ends_stay_with_a_model_that_is_trained_on(publish, tmp_path):
    rules = {
        "bad_words_ids": [[7], [8, 9]], "suppress_tokens": [10, 11], "begin_suppress_tokens": [12],
        "sequence_bias": [[[9], 5.0]], "exponential_decay_length_penalty": [3, 1.5], "renormalize_logits": True,
        "remove_invalid_values": True, "watermarking_config": {"bias": 2.0}, "forced_eos_token_id": 2,
        "eos_token_id": [2, 15],
    }  # fmt: skip
    folder = publish("bart", **rules)
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(folder))
    description = build_description(started, num_beams=2, early_stopping=True, encoder_no_repeat_ngram_size=1)
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, description)
    seq2seq.export(tmp_path / "ckpt", output=tmp_path / "export", format="transformers")
    for saved in (tmp_path / "ckpt", tmp_path / "export"):
        kept = json.loads((saved / "generation_config.json").read_text())
        assert set(rules) == {name for name in rules if kept[name] is not None}
        assert (kept["early_stopping"], kept["encoder_no_repeat_ngram_size"]) == (True, 1)
        texts = seq2seq.generate(saved, SOURCES)
        assert texts == write_plainly(saved)
        assert texts == write_plainly(folder, **description_in_plain())


def description_in_plain() -> dict:
    """The options of the description above by transformers' names."""
    return {
        "num_beams": 2, "early_stopping": True, "encoder_no_repeat_ngram_size": 1, "max_new_tokens": 12,
        "no_repeat_ngram_size": 0,
    }  # fmt: skip


def test_search_options_of_a_model_that_is_trained_on_are_the_recipes(publish):
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(publish("bart", early_stopping=True, min_length=9)))
    kept = {name for name, value in started.model.generation_config.to_dict().items() if value is not None}
    assert kept - {"transformers_version"} <= {*MARKS, *RULES}
