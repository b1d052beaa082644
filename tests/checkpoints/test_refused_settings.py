"""What is refused of a published generation config: what changes texts and is not obeyed, and what makes no sense.

Expected texts are those of plain `generate`, see published_settings.py.
"""

import pytest

import seq2seq
from seq2seq.base.errors import CheckpointError, GenerationError
from seq2seq.checkpoints.folder import read_checkpoint
from tests.checkpoints.published_settings import SOURCES, change_json, move_settings, write_plainly


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


def test_draws_from_beams_are_refused_unless_one_of_both_is_chosen(publish):
    folder = publish("bart", do_sample=True, temperature=0.7)
    with pytest.raises(GenerationError, match="bart: .*\n  sampling: draws without beams; set num_beams to 1"):
        seq2seq.generate(folder, SOURCES)
    assert seq2seq.generate(folder, SOURCES, sampling=False) == write_plainly(folder, do_sample=False)
    assert len(seq2seq.generate(folder, SOURCES, num_beams=1)) == len(SOURCES)
