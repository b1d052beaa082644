"""What a published generation config says: obeyed with the text of plain transformers, ignored, or refused.

Expected texts are those of plain `generate` with a cache of its own and plain ids in return; its other settings are the
file's.
"""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, GenerationConfig

import seq2seq
from seq2seq.base.errors import CheckpointError, GenerationError
from seq2seq.checkpoints import published_generation
from seq2seq.checkpoints.folder import read_checkpoint, write_checkpoint
from seq2seq.checkpoints.published_generation import sort_settings
from seq2seq.checkpoints.task_settings import apply_task_settings
from seq2seq.modeling.generation_config import MARKS, RULES, list_ends
from tests.conftest import build_description
from tests.published import ENGLISH, T5GEMMA_ENDS, draw_sentences, save_published

SOURCES = draw_sentences(ENGLISH, 12, 3)
# What plain `generate` is told besides, without which it would return other things, or none of them at all.
PLAIN = {
    "use_cache": True, "cache_implementation": None, "return_dict_in_generate": False, "num_return_sequences": 1,
    "output_attentions": False, "low_memory": None,
}  # fmt: skip
FAMILIES = ("bart", "t5", "mbart50", "marian", "pegasus", "t5gemma")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder of each family; those with biases behind their output layer end their outputs often."""
    folders = {}
    for family in FAMILIES:
        folder = save_published(tmp_path_factory.mktemp(family), family)
        weights = load_file(folder / "model.safetensors")
        if "final_logits_bias" in weights:
            end = json.loads((folder / "generation_config.json").read_text())["eos_token_id"]
            weights["final_logits_bias"][0, end] += 4.0
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        folders[family] = folder
    return folders


@pytest.fixture
def publish(published, tmp_path):
    """A copy of a family's folder, with further settings in one of its files; None takes a setting out."""

    def publish(family: str, name: str = "generation_config.json", **settings) -> Path:
        folder = tmp_path / family
        if not folder.exists():
            shutil.copytree(published[family], folder)
        change_json(folder / name, **settings)
        return folder

    return publish


def change_json(path: Path, **values) -> None:
    changed = json.loads(path.read_text()) | values
    path.write_text(json.dumps({name: value for name, value in changed.items() if value is not None}))


def move_settings(folder: Path, **settings) -> None:
    """Takes a generation config into config.json, where it stood before 2023, with further settings."""
    path = folder / "generation_config.json"
    change_json(folder / "config.json", **(json.loads(path.read_text()) | settings))
    path.unlink()


def write_plainly(folder: Path, **settings) -> list[str]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = generate_plainly(folder, **settings)
    return [text.strip() for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]


def generate_plainly(folder: Path, **settings) -> torch.Tensor:
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    inputs = AutoTokenizer.from_pretrained(folder)(SOURCES, return_tensors="pt", padding=True)
    return model.generate(**inputs, **(PLAIN | settings))


# The tables.


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


# What changes no text.


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


# What is obeyed.

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


def test_first_token_that_the_first_barts_forced_is_forced(publish):
    folder = publish("bart", forced_bos_token_id=None)
    move_settings(folder, force_bos_token_to_be_generated=True)
    assert read_checkpoint(folder).model.generation_config.forced_bos_token_id == 0
    assert seq2seq.generate(folder, SOURCES) == write_plainly(folder)


def test_nothing_is_forced_where_nobody_says_so(publish, tmp_path):
    """Labels begin with the <s> of BART's tokenizer all the same, which a model learns to write."""
    folder = publish("bart", forced_bos_token_id=None)
    expected = write_plainly(folder)
    assert expected != write_plainly(folder, forced_bos_token_id=0)
    loaded = read_checkpoint(folder)
    assert loaded.framing.target_prefix == (0,)
    assert seq2seq.generate(folder, SOURCES) == expected
    loaded.save(tmp_path / "ours")
    assert seq2seq.generate(tmp_path / "ours", SOURCES) == expected == write_plainly(tmp_path / "ours")
    read_checkpoint(tmp_path / "ours").model.save_pretrained(tmp_path / "again")
    AutoTokenizer.from_pretrained(tmp_path / "ours").save_pretrained(tmp_path / "again")
    assert seq2seq.generate(tmp_path / "again", SOURCES) == expected
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(folder))
    assert started.framing.target_prefix == (0,)
    assert started.model.generation_config.forced_bos_token_id is None


def test_what_is_forced_by_now_is_forced_after_a_round_trip(publish, tmp_path):
    folder = publish("bart", forced_bos_token_id=None)
    read_checkpoint(folder).save(tmp_path / "ours")
    loaded = read_checkpoint(tmp_path / "ours")
    loaded.model.generation_config.forced_bos_token_id = 0
    loaded.model.save_pretrained(tmp_path / "again")
    AutoTokenizer.from_pretrained(tmp_path / "ours").save_pretrained(tmp_path / "again")
    texts = seq2seq.generate(tmp_path / "again", SOURCES)
    assert texts == write_plainly(tmp_path / "again") != seq2seq.generate(tmp_path / "ours", SOURCES)


@pytest.mark.parametrize("family", ["mbart", "mbart50"])
def test_language_that_was_chosen_is_written_where_nobody_forces_one(family, tmp_path):
    folder = save_published(tmp_path, family, forced_bos_token_id=None)
    french = AutoTokenizer.from_pretrained(folder).convert_tokens_to_ids("fr_XX")
    loaded = read_checkpoint(folder, source_language="cs_CZ", target_language="fr_XX")
    forced = None if loaded.framing.begin_id == french else french
    assert loaded.model.generation_config.forced_bos_token_id == forced
    loaded.save(tmp_path / "ours")
    ours = read_checkpoint(tmp_path / "ours")
    ours.model.save_pretrained(tmp_path / "again")
    AutoTokenizer.from_pretrained(tmp_path / "ours").save_pretrained(tmp_path / "again")
    change_json(tmp_path / "again" / "generation_config.json", forced_bos_token_id=None)
    assert read_checkpoint(tmp_path / "again").model.generation_config.forced_bos_token_id == forced
    expected = seq2seq.generate(tmp_path / "ours", SOURCES)
    assert seq2seq.generate(tmp_path / "again", SOURCES, max_target_tokens=29, num_beams=4) == expected


def test_least_tokens_of_none_go_before_a_least_length(publish):
    """In transformers min_new_tokens takes precedence, 0 too."""
    folder = publish("bart", min_new_tokens=0, min_length=25)
    assert "min_target_tokens" not in read_checkpoint(folder).description.generation
    assert seq2seq.generate(folder, SOURCES) == write_plainly(folder)


def test_chosen_options_go_before_those_of_the_file(publish):
    folder = publish("bart", early_stopping=True, encoder_no_repeat_ngram_size=1, max_length=12)
    chosen = {"early_stopping": False, "encoder_no_repeat_ngram_size": 0, "max_new_tokens": 20}
    expected = write_plainly(folder, **chosen)
    chosen["max_target_tokens"] = chosen.pop("max_new_tokens")
    assert seq2seq.generate(folder, SOURCES, **chosen) == expected


@pytest.mark.parametrize(
    ("settings", "tokens"),
    [
        ({"max_length": 12}, 11),  # and the begin mark
        ({"max_new_tokens": 10}, 10),
        ({"max_length": 20}, 19),
        ({"max_length": None}, 64),  # as many as there are positions, where 128 would be the default
    ],
)
def test_longest_output_is_that_of_the_file_else_of_the_positions(publish, settings, tokens):
    folder = publish("bart", **settings)
    generator = seq2seq.load_generator(folder)
    assert generator.options.max_target_tokens == tokens
    generator.generate(SOURCES[:2])


def test_longest_output_of_relative_positions_is_the_default(publish):
    assert seq2seq.load_generator(publish("t5", max_length=None)).options.max_target_tokens == 128


def test_length_beyond_the_positions_that_somebody_asked_for_is_refused(publish):
    with pytest.raises(GenerationError, match="A target of 65 tokens was asked for, but the model has 64 positions"):
        seq2seq.generate(publish("bart", max_length=66), SOURCES)


def test_least_length_beyond_the_default_moves_it(publish):
    """Plain transformers stops after 20 tokens then, and warns."""
    folder = publish("t5", max_length=None, min_length=200)
    options = seq2seq.load_generator(folder).options
    assert (options.min_target_tokens, options.max_target_tokens) == (199, 199 + 128)
    expected = write_plainly(publish("t5", max_length=204, min_length=200))
    assert seq2seq.generate(folder, SOURCES, max_target_tokens=203) == expected
    options = seq2seq.load_generator(publish("t5", max_length=None, min_length=None, min_new_tokens=128)).options
    assert (options.min_target_tokens, options.max_target_tokens) == (128, 256)


def test_least_length_beyond_the_positions_is_refused(publish):
    with pytest.raises(
        GenerationError, match="(?s)must be less than max_target_tokens, which is 64 .* min_length: 200"
    ):
        seq2seq.generate(publish("bart", max_length=None, min_length=200), SOURCES)


def test_least_length_of_a_task_beyond_the_default_moves_it(publish):
    settings = {"min_length": 200}
    told = apply_task_settings(read_checkpoint(publish("t5", max_length=None)), settings).description.generation
    assert (told["min_target_tokens"], told["max_target_tokens"]) == (199, 199 + 128)
    folder = publish("t5", max_length=100)  # which the folder does say
    assert apply_task_settings(read_checkpoint(folder), settings).description.generation["max_target_tokens"] == 99


# What is refused.


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"num_beam_groups": 2, "diversity_penalty": 0.5}, "num_beam_groups: 2, .* Remove it, or set it to 1"),
        ({"penalty_alpha": 0.6, "top_k": 4, "num_beams": 1}, "penalty_alpha: 0.6, .* Remove it, or set it to 0"),
        ({"dola_layers": "low", "num_beams": 1}, "dola_layers: 'low', .* Remove it"),
        ({"force_words_ids": [[9]]}, r"force_words_ids: \[\[9\]\], .* Remove it"),
        ({"constraints": ["x"]}, "constraints: .* Remove it"),
        ({"guidance_scale": 1.5}, "guidance_scale: 1.5, .* Remove it, or set it to 1"),
        ({"stop_strings": ["a"]}, r"stop_strings: \['a'\], .* Remove it"),
        ({"token_healing": True}, "token_healing: True, .* Remove it, or set it to false"),
        ({"max_time": 2.5}, "max_time: 2.5, .* Remove it"),
        ({"is_assistant": True}, "is_assistant: True, .* Remove it, or set it to false"),
        ({"do_sample": True, "num_beams": 1, "min_p": 0.1}, "min_p: 0.1, .* Remove it, or set it to 0"),
        ({"do_sample": True, "num_beams": 1, "typical_p": 0.5}, "typical_p: 0.5, .* Remove it, or set it to 1"),
    ],
    ids=str,
)
def test_what_changes_texts_and_is_not_obeyed_is_refused(publish, settings, advice):
    folder = publish("bart", **settings)
    told = f"bart: generation_config.json has {advice}"
    with pytest.raises(GenerationError, match=told):
        seq2seq.generate(folder, SOURCES)
    with pytest.raises(GenerationError, match=told):
        seq2seq.export(folder, output=folder / "out", format="transformers")


@pytest.mark.parametrize(
    ("settings", "passed_over", "read"),
    [
        ({"penalty_alpha": 0.6, "num_beams": 1}, {"num_beams": 4}, {}),
        ({"penalty_alpha": 0.6}, {}, {"num_beams": 1}),
        ({"num_beam_groups": 2}, {"num_beams": 1}, {"num_beams": 2}),
        ({"dola_layers": "low"}, {}, {"num_beams": 1}),
        ({"dola_layers": [1]}, {}, {"num_beams": 1, "sampling": True}),
        ({"min_p": 0.1, "do_sample": True, "num_beams": 1}, {"sampling": False}, {}),
        ({"typical_p": 0.5}, {"num_beams": 1}, {"num_beams": 1, "sampling": True}),
        ({"top_h": 0.5}, {}, {"num_beams": 1, "sampling": True}),
        ({"epsilon_cutoff": 1.0}, {"num_beams": 1, "sampling": True}, None),
        ({"typical_p": 1.5}, {"num_beams": 1, "sampling": True}, None),
    ],
    ids=str,
)
def test_what_is_refused_depends_on_the_search(publish, settings, passed_over, read):
    """As in plain transformers, of which each search reads some options and passes over the others."""
    (name,) = settings.keys() - {"do_sample", "num_beams"}
    texts = seq2seq.generate(publish("bart", **settings), SOURCES, **passed_over)
    if read is not None:
        with pytest.raises(GenerationError, match=f"has {name}: .* which changes texts and is not obeyed here"):
            seq2seq.generate(publish("bart"), SOURCES, **read)
    assert texts == seq2seq.generate(publish("bart", **{name: None}), SOURCES, **passed_over)


def test_what_a_task_sets_right_is_not_refused(publish):
    folder = publish("bart", num_beam_groups=2)
    change_json(folder / "config.json", task_specific_params={"summarization": {"num_beam_groups": 1}})
    assert seq2seq.summarize(folder, SOURCES) == write_plainly(folder, num_beam_groups=1)


def test_everything_that_is_refused_is_told_at_once(publish):
    folder = publish("bart", num_beam_groups=2, max_time=2.5)
    with pytest.raises(GenerationError, match=r"num_beam_groups: 2, .*\n.*max_time: 2\.5"):
        seq2seq.generate(folder, SOURCES)


def test_setting_that_nobody_knows_is_refused(publish):
    with pytest.raises(GenerationError, match="has of_tomorrow: 3, which is not known here and may change texts"):
        seq2seq.generate(publish("bart", of_tomorrow=3), SOURCES)


def test_what_is_refused_in_an_old_config_is_refused(publish):
    folder = publish("bart")
    move_settings(folder, num_beam_groups=2, of_a_model=3)  # a model's config has options of its own
    with pytest.raises(GenerationError, match=r"bart: config\.json has num_beam_groups: 2, .* Remove it") as caught:
        seq2seq.generate(folder, SOURCES)
    assert "of_a_model" not in str(caught.value)


def test_model_whose_search_is_refused_can_be_trained_on(publish):
    """A recipe says itself how texts are written."""
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(publish("bart", num_beam_groups=2)))
    assert started.model.generation_config.num_beam_groups is None


@pytest.mark.parametrize("name", ["max_length", "min_new_tokens"])
def test_length_that_is_no_number_is_refused(publish, name):
    with pytest.raises(CheckpointError, match=rf"{name}: '30', expected a whole number. Mend it, or take it out"):
        read_checkpoint(publish("bart", **{name: "30"}))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"decoder_start_token_id": [2, 5]}, r"decoder_start_token_id: \[2, 5\], expected one token id"),
        ({"bos_token_id": [0, 2]}, r"bos_token_id: \[0, 2\], expected one token id"),
        ({"forced_bos_token_id": "0"}, "forced_bos_token_id: '0', expected one token id"),
        ({"eos_token_id": [2, "9"]}, r"eos_token_id: \[2, '9'\], expected a token id or a list of them"),
        ({"eos_token_id": True}, "eos_token_id: True, expected a token id or a list of them"),
        ({"forced_eos_token_id": "2"}, "forced_eos_token_id: '2', expected a token id or a list of them"),
        ({"bad_words_ids": [9, 10]}, r"bad_words_ids: \[9, 10\], expected a list of lists of token ids"),
        ({"suppress_tokens": 7}, "suppress_tokens: 7, expected a list of token ids"),
        ({"begin_suppress_tokens": 7}, "begin_suppress_tokens: 7, expected a list of token ids"),
        ({"sequence_bias": {"9": 2.0}}, "sequence_bias: .*, expected a list of pairs of token ids and a number"),
        ({"sequence_bias": [[[], 2.0]]}, "sequence_bias: .*, expected a list of pairs of token ids and a number"),
        ({"exponential_decay_length_penalty": [3]}, r"penalty: \[3\], expected a number of tokens and a factor"),
    ],
    ids=str,
)
def test_marks_and_rules_of_another_form_are_refused(publish, settings, told):
    with pytest.raises(CheckpointError, match=rf"bart: generation_config\.json has .*{told}. Mend it, or take it out"):
        read_checkpoint(publish("bart", **settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"decoder_start_token_id": 5000},
        {"decoder_start_token_id": -1},
        {"forced_bos_token_id": 5000},
        {"forced_eos_token_id": [2, 5000]},
        {"bad_words_ids": [[9], [9, 5000]]},
        {"sequence_bias": [[[9, 5000], 2.0]]},
    ],
    ids=str,
)
def test_rules_about_tokens_that_the_model_has_not_are_refused(publish, settings):
    (name,) = settings
    told = rf"generation_config\.json has {name} with token (5000|-1), and the model has \d+ rows of tokens"
    with pytest.raises(CheckpointError, match=told):
        read_checkpoint(publish("bart", **settings))
    publish("bart", **{name: None})
    folder = publish("bart", "config.json", task_specific_params={"summarization": settings})
    with pytest.raises(CheckpointError, match=rf"task_specific_params of config\.json has {name} with token"):
        seq2seq.summarize(folder, SOURCES)


@pytest.mark.parametrize(
    "settings",
    [{"suppress_tokens": [9, 5000]}, {"begin_suppress_tokens": [5000]}, {"eos_token_id": [2, 5000], "min_length": 5}],
    ids=str,
)
def test_tokens_beyond_the_table_are_passed_over_where_transformers_does(publish, settings):
    folder = publish("bart", **settings)
    assert seq2seq.generate(folder, SOURCES) == write_plainly(folder)


def test_begin_mark_that_is_a_list_of_one_id_is_that_id(publish):
    """In transformers such a list has an entry for each text of a batch."""
    expected = write_plainly(publish("bart"), decoder_start_token_id=[2] * len(SOURCES))
    assert seq2seq.generate(publish("bart", decoder_start_token_id=[2]), SOURCES) == expected


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"do_sample": True}, "num_beams: 4, do_sample: True"),
        ({"max_length": 1}, "max_length: 1"),
        ({"max_new_tokens": 0}, "max_new_tokens: 0"),
        ({"min_length": 12, "max_length": 12}, "max_length: 12, min_length: 12"),
        ({"length_penalty": 20.0}, "length_penalty: 20.0"),
        ({"max_length": 66}, "max_length: 66"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_told_as_it_stands_in_the_file(publish, settings, told):
    advice = rf"\ngeneration_config\.json there says {told}\. Mend it, or choose these options yourself"
    with pytest.raises(GenerationError, match=advice):
        seq2seq.generate(publish("bart", **settings), SOURCES)


def test_what_somebody_chose_is_not_said_to_stand_in_the_file(publish):
    with pytest.raises(GenerationError) as caught:
        seq2seq.generate(publish("bart"), SOURCES, max_target_tokens=65)
    assert "generation_config" not in str(caught.value)


def test_settings_that_contradict_each_other_are_refused(publish):
    folder = publish("bart", suppress_tokens=[0, 2])
    with pytest.raises(CheckpointError, match=r"bart: generation_config\.json cannot be read .Every token in"):
        read_checkpoint(folder)


def test_option_out_of_its_range_is_told_with_its_folder(publish):
    with pytest.raises(GenerationError, match=r"bart: GenerationOptions:\n  early_stopping"):
        seq2seq.generate(publish("bart", num_beams=2, early_stopping=0), SOURCES)


# Sampling.


def test_sampling_draws_among_as_many_tokens_as_in_transformers():
    options = sort_settings({"do_sample": True, "temperature": 0.7}, "file").options
    assert options == {"sampling": True, "num_beams": 1, "temperature": 0.7, "top_k": 50}
    assert sort_settings({"do_sample": True, "top_k": 0}, "file").options["top_k"] == 0


def test_draws_from_beams_are_refused_unless_one_of_both_is_chosen(publish):
    folder = publish("bart", do_sample=True, temperature=0.7)
    with pytest.raises(GenerationError, match="bart: .*\n  sampling: draws without beams; set num_beams to 1"):
        seq2seq.generate(folder, SOURCES)
    assert seq2seq.generate(folder, SOURCES, sampling=False) == write_plainly(folder, do_sample=False)
    assert len(seq2seq.generate(folder, SOURCES, num_beams=1)) == len(SOURCES)


# Settings for a task.


def test_settings_for_a_task_are_sorted_too(publish):
    settings = {"early_stopping": "never", "length_penalty": 2.0, "max_length": 14, "suppress_tokens": [5, 6, 7, 8]}
    folder = publish("bart", "config.json", task_specific_params={"summarization": settings})
    assert seq2seq.summarize(folder, SOURCES) == write_plainly(folder, **settings)
    publish("bart", "config.json", task_specific_params={"summarization": {"num_beam_groups": 2}})
    with pytest.raises(GenerationError, match=r"bart: task_specific_params of config\.json has num_beam_groups: 2"):
        seq2seq.summarize(folder, SOURCES)


# Several ends.


def test_every_end_of_several_ends_an_output(publish):
    """Ends that are words are shown, as in plain transformers."""
    ordinary = generate_plainly(publish("bart", num_beams=1, no_repeat_ngram_size=0))
    ends = [2, *(int(token) for token in ordinary[:3, 4])]  # tokens that outputs have in their midst
    for settings in ({"num_beams": 1}, {"num_beams": 4, "min_length": 4}):
        folder = publish("bart", eos_token_id=ends, **settings)
        expected = write_plainly(folder)
        assert seq2seq.generate(folder, SOURCES) == expected
    generator = seq2seq.load_generator(folder, num_beams=1, scores=True)
    assert (generator.framing.end_id, generator.engine.end_id) == (2, 2)
    sources = [generator.framing.frame_source(ids, 64)[0] for ids in generator.encode_sources(SOURCES)]
    written = [hypothesis for [hypothesis] in generator.engine.generate(sources, generator.options)]
    assert {hypothesis.other_end for hypothesis in written} - {None} <= set(ends[1:])
    assert any(hypothesis.other_end for hypothesis in written)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    for source, hypothesis in zip(sources, written, strict=True):
        labels = hypothesis.to_labels(2)
        assert (labels[-1] in ends) == hypothesis.is_ended
        with torch.no_grad():  # each token by a forward pass over all that stand before it
            logits = model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([[2, *labels[:-1]]])).logits
        of_labels = torch.log_softmax(logits[0], dim=-1)[range(len(labels)), labels]
        assert hypothesis.score == pytest.approx(of_labels.sum().item(), abs=1e-3)


@pytest.mark.parametrize("family", ["bart", "t5", "marian", "pegasus", "t5gemma"])
@pytest.mark.parametrize("num_beams", [1, 4])
def test_ends_do_not_depend_on_batches_and_hold_in_draws(publish, family, num_beams):
    folder = publish(family, num_beams=num_beams)
    [end, *_] = list_ends(read_checkpoint(folder).model.generation_config)
    folder = publish(family, eos_token_id=[end, *range(10, 25)], forced_bos_token_id=None)
    texts = seq2seq.generate(folder, SOURCES)
    assert seq2seq.generate(folder, SOURCES, batch_tokens=200) == texts
    assert [seq2seq.generate(folder, [source])[0] for source in SOURCES] == texts
    if num_beams == 1:  # a draw among one token is greedy
        assert seq2seq.generate(folder, SOURCES, sampling=True, top_k=1) == texts


def test_all_ends_of_t5gemma_are_kept_when_it_is_trained_and_saved_again(publish, tmp_path):
    folder = publish("t5gemma")
    assert seq2seq.generate(folder, SOURCES) == write_plainly(folder)
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(folder))
    description = build_description(started, num_beams=4, max_target_tokens=29)
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, description)
    seq2seq.export(tmp_path / "ckpt", output=tmp_path / "export", format="transformers")
    for saved in (tmp_path / "ckpt", tmp_path / "export"):
        assert json.loads((saved / "generation_config.json").read_text())["eos_token_id"] == T5GEMMA_ENDS
        assert seq2seq.generate(saved, SOURCES) == write_plainly(saved) == write_plainly(folder)


@pytest.mark.parametrize(
    ("ends", "of_config", "expected"),
    [([15, 2], 2, [2, 15]), ([15, 16], 2, [15, 16]), ([2], 2, 2), (15, 2, 15), ([15, 2], [2, 15], [15, 2])],
)
def test_targets_end_with_the_mark_of_the_config_where_it_is_one_of_several(publish, ends, of_config, expected):
    publish("bart", eos_token_id=ends)
    loaded = read_checkpoint(publish("bart", "config.json", eos_token_id=of_config))
    assert loaded.model.generation_config.eos_token_id == expected
    assert loaded.framing.end_id == (expected[0] if isinstance(expected, list) else expected)


# What stays with a model that is trained on, saved and exported.


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
