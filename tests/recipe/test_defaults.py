"""The defaults of a recipe, written out, because a silent change of one changes everybody's runs."""

import pytest

from tests.recipe.base_recipe import build


def test_defaults_of_the_model_section():
    assert build().model.model_dump() == {
        "plan": "bert2bert", "shape": None, "encoder": "some/bert", "decoder": None, "share": False, "convert": True,
        "cross_attention": "random", "encoder_layers": None, "decoder_layers": None, "max_positions": None,
        "checkpoint": None, "source_language": None, "target_language": None, "dropout": None,
        "source_tokenizer": None, "target_tokenizer": None, "new_tokens": "pieces", "source_marks": True,
        "trim_vocabulary": False, "families": (),
    }  # fmt: skip


def test_defaults_of_the_training_section():
    assert build().training.model_dump() == {
        "batch_examples": None, "batch_tokens": None, "length_window": 50, "micro_batch_tokens": 8192, "max_steps": 3,
        "max_epochs": None, "learning_rate": 5e-5, "learning_rates": {}, "warmup_steps": 0, "schedule": "linear",
        "warmups": {}, "layer_decay": 1.0, "freeze": {}, "embeddings_only_steps": 0,
        "weight_decay": 0.01, "adam_betas": (0.9, 0.999), "objective": {"kind": "cross_entropy"},
        "label_smoothing": 0.0, "max_gradient_norm": 1.0,
        "precision": "auto", "sharding": "none", "trackers": (), "gradient_checkpointing": False,
        "compile": False, "tf32": False, "threads": None, "max_skipped_steps": 5, "log_every_steps": 10,
        "checkpoint_every_steps": 1000, "checkpoint_every_minutes": 15.0,
        "keep_checkpoints": 3, "validate_every_steps": 1000, "validation_metrics": ("loss",), "validation_texts": 500,
        "validation_samples": 3,
        "early_stopping": None, "early_stopping_min_improvement": 0.0, "ema_decay": None,
    }  # fmt: skip


def test_defaults_of_the_data_section():
    assert build().data.model_dump() == {
        "train": ("train.jsonl",), "validation": (), "test": (), "max_source_tokens": 128, "max_target_tokens": 128,
        "columns": {"source": ("source",), "target": ("target",), "references": "references"}, "header": (),
        "normalization": (), "delimiter": None, "quoting": None, "empty": "refuse",
    }  # fmt: skip


def test_defaults_of_the_generation_section():
    assert build().generation.model_dump() == {
        "num_beams": 4, "max_target_tokens": 128, "min_target_tokens": 0, "length_penalty": 1.0,
        "length_penalty_form": "power", "early_stopping": False, "no_repeat_ngram_size": 0,
        "encoder_no_repeat_ngram_size": 0, "repetition_penalty": 1.0, "encoder_repetition_penalty": 1.0,
        "sampling": False, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 1, "num_outputs": 1,
        "target_prefix": "", "scores": False, "precision": "fp32", "batch_tokens": None,
    }  # fmt: skip


def test_defaults_of_the_evaluation_section():
    assert build().evaluation.model_dump() == {
        "metrics": ("exact_match", "sari"),
        "normalization": ("collapse_spaces",),
        "bleu_tokenizer": None,
        "language": None,
        "lead_sentences": 1,
        "first_words": None,
    }


def test_seed_is_1_by_default():
    assert build().seed == 1


@pytest.mark.parametrize(
    ("overrides", "batch_size"),
    [
        ([], {"batch_examples": 256}),
        (["training.batch_examples=32"], {"batch_examples": 32}),
        (["training.batch_tokens=4096"], {"batch_tokens": 4096}),
    ],
)
def test_batch_size_is_the_option_given_or_256_pairs(overrides, batch_size):
    assert build(*overrides).training.batch_size == batch_size
