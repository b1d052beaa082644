"""What a published generation config says: obeyed with the text of plain transformers, or without effect on it.

Expected texts are those of plain `generate`, see published_settings.py.
"""

import pytest
from transformers import GenerationConfig

import seq2seq
from seq2seq.base.errors import GenerationError
from seq2seq.checkpoints import published_generation
from seq2seq.checkpoints.published_generation import sort_settings
from tests.checkpoints.published_settings import FAMILIES, SOURCES, move_settings, write_plainly


def test_every_field_of_transformers_config_stands_in_one_table():
    """A version of transformers with a new option fails here: somebody has to say whether it is obeyed."""
    tables = [
        published_generation.OBEYED,
        published_generation.IGNORED,
        published_generation.REFUSED.keys(),
    ]
    for name in vars(GenerationConfig()):
        assert sum(name in table for table in tables) == 1, name


def test_config_that_transformers_writes_in_full_says_nothing_new():
    found = sort_settings(GenerationConfig().to_dict() | GenerationConfig._get_default_generation_params(), "file")
    assert found.refused == ()
    assert (found.options["num_beams"], found.options["max_target_tokens"]) == (1, 19)


@pytest.mark.parametrize("family", ["bart", "t5"])
@pytest.mark.parametrize(
    "settings",
    [
        {"use_cache": False},
        {"cache_implementation": "static"},
        {"cache_implementation": "quantized", "cache_config": {"nbits": 4}},
        {"return_dict_in_generate": True, "output_scores": True, "output_attentions": True, "output_logits": True},
        {"num_return_sequences": 3, "prompt_lookup_num_tokens": 3, "prefill_chunk_size": 2},
    ],
    ids=str,
)
def test_what_the_engine_needs_is_its_own_to_set(publish, family, settings):
    expected = write_plainly(publish(family))
    assert seq2seq.generate(publish(family, **settings), SOURCES) == expected


@pytest.mark.parametrize(
    "settings",
    [
        {"compile_config": {"fullgraph": True}, "disable_compile": True},  # transformers cannot read its own
        {"cache_implementation": "of an older version", "low_memory": True},
        {"return_legacy_cache": True, "forced_decoder_ids": None, "generation_kwargs": {}},
        {"num_beam_groups": 1, "diversity_penalty": 0.0, "penalty_alpha": 0.0, "guidance_scale": 1.0},
        {"temperature": 0.3, "top_p": 0.5, "min_p": 0.1, "typical_p": 0.5, "eta_cutoff": 0.1},  # it does not sample
        {"top_h": 0.4, "epsilon_cutoff": 0.02, "top_k": 3},
        {"penalty_alpha": 0.6, "top_k": 4, "dola_layers": "low", "diversity_penalty": 0.5},  # it has beams
        {"num_beams": 1, "num_beam_groups": 2, "diversity_penalty": 0.5},
        {"num_beams": 1, "penalty_alpha": 0.6, "top_k": 1},
        {"num_beams": 1, "penalty_alpha": -0.5},
        {"constraints": None, "force_words_ids": None, "typical_p": 1.0, "guidance_scale": 1, "stop_strings": []},
    ],
    ids=str,
)
def test_settings_without_effect_are_ignored(publish, settings):
    expected = write_plainly(publish("bart", num_beams=settings.get("num_beams", 4)))
    assert seq2seq.generate(publish("bart", **settings), SOURCES) == expected


@pytest.mark.parametrize("family", ["bart", "t5"])
@pytest.mark.parametrize("settings", [{"use_cache": False}, {"output_attentions": True}], ids=str)
def test_settings_of_an_old_config_are_the_engines_too(publish, family, settings):
    folder = publish(family)
    expected = write_plainly(folder)
    move_settings(folder, **settings)
    assert seq2seq.generate(folder, SOURCES) == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_forms_of_return_and_of_computing_are_the_engines_to_set(publish, family):
    """Plain transformers fails with either: expected is what it writes without."""
    expected = write_plainly(publish(family))
    folder = publish(family, "config.json", return_dict=False, chunk_size_feed_forward=2)
    assert seq2seq.generate(folder, SOURCES) == expected


OBEYED = [
    {"early_stopping": False},
    {"early_stopping": "never", "length_penalty": 2.0},
    {"length_penalty": 2.0},
    {"num_beams": 1, "early_stopping": True, "length_penalty": 2.0},
    {"no_repeat_ngram_size": 2},
    {"encoder_no_repeat_ngram_size": 1},
    {"repetition_penalty": 1.8},
    {"encoder_repetition_penalty": 2.0},
    {"bad_words_ids": [[8, 9], [11, 12, 13], *([token] for token in range(14, 40))]},
    {"suppress_tokens": list(range(5, 40))},
    {"begin_suppress_tokens": list(range(5, 60))},
    {"sequence_bias": [[[9], 5.0], [[10, 11], -3.0]]},
    {"exponential_decay_length_penalty": [3, 1.5]},
    {"renormalize_logits": True, "no_repeat_ngram_size": 1},
    {"watermarking_config": {"bias": 2.0}},
    {"remove_invalid_values": True, "num_beams": 2},
    {"max_length": 12},
    {"max_new_tokens": 10},
    {"max_new_tokens": 10, "max_length": 40},
    {"max_length": 20},
    {"min_length": 15},
    {"min_new_tokens": 9, "min_length": 25},
]


@pytest.mark.parametrize("settings", OBEYED, ids=str)
def test_settings_are_obeyed_as_in_plain_transformers(published, publish, settings):
    expected = write_plainly(publish("bart", **settings))
    assert seq2seq.generate(publish("bart"), SOURCES) == expected
    assert expected != write_plainly(published["bart"])


@pytest.mark.parametrize("family", ["t5", "mbart50", "marian", "pegasus", "t5gemma"])
@pytest.mark.parametrize(
    "settings",
    [
        {"early_stopping": "never", "length_penalty": 2.0, "encoder_no_repeat_ngram_size": 1},
        {"suppress_tokens": list(range(5, 30)), "begin_suppress_tokens": list(range(30, 60)), "num_beams": 1},
        {"forced_eos_token_id": 4, "max_length": 9, "repetition_penalty": 1.5, "encoder_repetition_penalty": 1.5},
        {"sequence_bias": [[[9], 3.0]], "renormalize_logits": True, "max_new_tokens": 7},
        {"exponential_decay_length_penalty": [3, 1.5], "min_length": 5},
    ],
    ids=str,
)
def test_settings_are_obeyed_in_every_family(publish, family, settings):
    expected = write_plainly(publish(family, **settings))
    assert seq2seq.generate(publish(family), SOURCES) == expected


def test_settings_of_an_old_config_are_obeyed(publish):
    folder = publish("bart")
    move_settings(folder, early_stopping="never", length_penalty=2.0, suppress_tokens=[5, 6, 7, 8], max_length=15)
    assert seq2seq.generate(folder, SOURCES) == write_plainly(folder)


def test_chosen_options_go_before_those_of_the_file(publish):
    folder = publish("bart", early_stopping=True, encoder_no_repeat_ngram_size=1, max_length=12)
    chosen = {"early_stopping": False, "encoder_no_repeat_ngram_size": 0, "max_new_tokens": 20}
    expected = write_plainly(folder, **chosen)
    chosen["max_target_tokens"] = chosen.pop("max_new_tokens")
    assert seq2seq.generate(folder, SOURCES, **chosen) == expected


def test_sampling_draws_among_as_many_tokens_as_in_transformers():
    options = sort_settings({"do_sample": True, "temperature": 0.7}, "file").options
    assert options == {"sampling": True, "num_beams": 1, "temperature": 0.7, "top_k": 50}
    assert sort_settings({"do_sample": True, "top_k": 0}, "file").options["top_k"] == 0


def test_settings_for_a_task_are_sorted_too(publish):
    settings = {"early_stopping": "never", "length_penalty": 2.0, "max_length": 14, "suppress_tokens": [5, 6, 7, 8]}
    folder = publish("bart", "config.json", task_specific_params={"summarization": settings})
    assert seq2seq.summarize(folder, SOURCES) == write_plainly(folder, **settings)
    publish("bart", "config.json", task_specific_params={"summarization": {"num_beam_groups": 2}})
    with pytest.raises(GenerationError, match=r"bart: task_specific_params of config\.json has num_beam_groups: 2"):
        seq2seq.summarize(folder, SOURCES)
