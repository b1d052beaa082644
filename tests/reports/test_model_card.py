"""The model card: every figure of a made-up run, and what is shown where a file or a part of it is missing."""

from dataclasses import replace

import pytest

from seq2seq.reports.model_card import CardParts, build_model_card
from seq2seq.reports.samples import Sample
from tests.reports.made_up_run import INPUTS, SCORES, build_record, count

PARTS = CardParts(checkpoint="runs/mine/checkpoints/step_00000004", settings={"seed": 3}, defaults={"seed": 1})


@pytest.fixture
def record(tmp_path):
    return build_record(tmp_path / "mine")


def test_card_opens_with_front_matter_and_the_runs_name(record):
    card = build_model_card(record, PARTS)
    assert card.startswith("---\nbase_model:\n- some/bert\n")
    assert "\n---\n\n# mine\n" in card


def test_card_tells_task_plan_parameters_and_training(record):
    card = build_model_card(record, PARTS)
    assert "- task: sentence_fusion\n- plan: bert2bert; encoder `some/bert`\n" in card
    assert "- trained on: `hub:some/pairs:plain:train`\n" in card
    assert "- parameters: 50, of which 40 (80.0%) start from a checkpoint and 10 at random\n" in card
    # 4 steps of 15 seconds with 30 tokens each: 120 tokens in 60 seconds.
    training = "4 steps, 16 pairs, 1.0 minutes at 2 source and target tokens a second; ended by max_steps"
    assert f"- training: {training}\n" in card


@pytest.mark.parametrize(
    ("gain", "read", "advice"), [(1.5, "read", "\n"), (0.0, "not read", ". A lower learning rate")]
)
def test_card_tells_what_the_sources_are_worth(record, gain, read, advice):
    events = [*record.events, {"event": "validation", "loss": 2.0, "source_gain": gain, **count(4)}]
    card = build_model_card(replace(record, events=events), PARTS)
    figure = f"(at step 4 the loss is {gain:.3f} nats a target token higher with another pair's source)"
    assert f"- sources: {read} {figure}{advice}" in card
    assert "- sources" not in build_model_card(record, PARTS)


def test_card_of_a_run_that_goes_on_says_so(record):
    events = record.events[:2]
    assert "2 steps, 8 pairs, 0.5 minutes" in build_model_card(replace(record, events=events), PARTS)
    assert "; not at its end yet" in build_model_card(replace(record, events=events), PARTS)
    assert "0 steps, 0 pairs, 0.0 minutes; not at" in build_model_card(replace(record, events=[]), PARTS)


def test_card_shows_scores_with_intervals_and_how_they_came_about(record):
    card = build_model_card(record, PARTS)
    assert "|  | exact_match | sari |\n" in card
    assert (
        "| bert2bert | 50.0 \\[0.0, 100.0\\] | 61.23 \\[55.50, 66.60\\] |\n| copy of the source | - | 20.00 |" in card
    )
    assert "2 test pairs, by `checkpoints/step_00000004`." in card
    assert "95% confidence intervals of 1,000 bootstrap resamples of the pairs (seed 1)." in card
    assert "- exact_match: any reference\n- sari: n 1-4\n" in card


def test_scores_of_older_runs_have_no_intervals(record):
    scores = {key: value for key, value in SCORES.items() if key not in ("intervals", "bootstrap")}
    card = build_model_card(replace(record, scores=scores), PARTS)
    assert "| bert2bert | 50.0 | 61.23 |" in card
    assert "confidence" not in card


def test_run_without_a_test_set_has_no_scores(record):
    card = build_model_card(replace(record, scores=None, predictions=None), PARTS)
    assert "## Scores" not in card
    assert "## Samples" not in card


def test_card_shows_data_sizes_and_cuts(record):
    card = build_model_card(record, PARTS)
    assert "- validation: `data/pairs/validation.jsonl`\n" in card
    assert "| train | 16 | 48 | 4 (25.0%) | 11 of 8 | 48 | 0 (0.0%) | 5 of 6 |" in card


def test_card_tells_where_the_parameters_came_from(record):
    card = build_model_card(record, PARTS)
    assert "| embeddings | 40 | 0 | 0 | 40 |\n| cross_attention | 0 | 0 | 10 | 10 |\n| output | 0 | 0 | 0 | 0 |" in card
    assert "| total | 40 | 0 | 10 | 50 |" in card
    assert "Read from `some/bert/model.safetensors`. 1 tensors of these files found no use." in card
    assert "source vocabulary: 10 of 20 tokens kept" in card


def test_random_start_was_read_from_nothing(tmp_path):
    rows = [{"name": "e", "part": "embeddings", "kind": "random", "shape": [2], "file": None}]
    origin = {"parameters": rows, "unused_tensors": [], "totals": {"total": 2, "initialised": 0, "random": 2}}
    card = build_model_card(build_record(tmp_path / "mine", origin=origin), PARTS)
    assert "Nothing was read from a checkpoint. Every parameter" in card


def test_card_tells_the_environment(record):
    card = build_model_card(record, PARTS)
    assert "- command: `seq2seq train made_up.yaml`\n" in card
    assert "- device: `CPU`\n- packages: torch 2.13.0, numpy 2.4.6\n" in card


def test_card_shows_the_pictures_there_are(record):
    parts = replace(PARTS, pictures={"curves": "pictures/curves.png", "lengths": "pictures/lengths.png"})
    card = build_model_card(record, parts)
    assert "## Learning curves\n\n![Loss" in card
    assert "](pictures/curves.png)" in card
    assert "](pictures/lengths.png)" in card
    assert "output_lengths" not in card
    assert "![" not in build_model_card(record, PARTS)


def test_card_shows_samples_and_what_they_were_ranked_by(record):
    sample = Sample("best", 1, {"exact_match": 100.0, "sari": 99.0}, "a", ("b",), "c")
    card = build_model_card(record, replace(PARTS, samples=[sample]))
    assert "Of 2 test outputs the best, the median and the worst by exact_match, then sari." in card
    assert "**Best**, row 1: exact_match 100.0, sari 99.00\n\n- source: a\n- reference: b\n- output: c\n" in card


def test_card_gives_the_commands_and_the_code(record):
    card = build_model_card(record, PARTS)
    assert f'seq2seq generate {record.folder.path} --text "A text."' in card
    assert f"seq2seq evaluate {record.folder.path} --data hub:some/pairs:plain:test --output evaluation" in card
    assert 'folder = "runs/mine/checkpoints/step_00000004"\n' in card
    assert "model = EncoderDecoderModel.from_pretrained(folder)\n" in card
    assert "print(tokenizer.batch_decode(" in card


def test_card_of_a_t5_encoder_and_two_tokenizers_hands_both_over(record):
    model = INPUTS["model"] | {"hands_over_t5_encoder": True, "two_tokenizers": True}
    card = build_model_card(replace(record, inputs=INPUTS | {"model": model}), PARTS)
    assert "encoder = AutoModelForTextEncoding.from_config(config.encoder)\n" in card
    assert "print(target_tokenizer.batch_decode(model.generate(**inputs)" in card


def test_card_of_a_pruned_model_loads_its_export(record):
    model = INPUTS["model"] | {"pruned": True}
    card = build_model_card(replace(record, inputs=INPUTS | {"model": model}), PARTS)
    assert f"seq2seq export {record.folder.path} --output exported --format transformers\n" in card
    assert 'folder = "exported"\n' in card
    assert "seq2seq export" not in build_model_card(record, PARTS)


def test_code_that_leaves_out_the_normalization_of_the_data_says_so(tmp_path):
    card = build_model_card(build_record(tmp_path / "mine", recipe={"data": {"normalization": ["lowercase"]}}), PARTS)
    assert "trained on texts after lowercase; this code leaves that to you:\n\n```python" in card
    assert "this code leaves" not in build_model_card(build_record(tmp_path / "other"), PARTS)


def test_code_says_what_plain_transformers_does_otherwise(tmp_path):
    generation = {"length_penalty_form": "gnmt", "target_prefix": "The"}
    card = build_model_card(build_record(tmp_path / "mine", recipe={"generation": generation}), PARTS)
    assert "the length penalty of this run is ((5 + length) / 6)^alpha.\n" in card
    assert "The forced beginning of outputs (`generation.target_prefix`) is left to you, too.\n" in card
    other = build_model_card(build_record(tmp_path / "other"), PARTS)
    assert "length penalty of this run" not in other
    assert "forced beginning" not in other


def test_path_with_a_space_is_quoted_for_the_shell(tmp_path):
    card = build_model_card(build_record(tmp_path / "my run"), PARTS)
    assert f"seq2seq generate '{tmp_path}/my run' --text" in card


def test_path_with_a_quote_is_still_code(record):
    card = build_model_card(record, replace(PARTS, checkpoint='my "run"\\step'))
    [line] = [line for line in card.splitlines() if line.startswith("folder = ")]
    assert eval(line.removeprefix("folder = ")) == 'my "run"\\step'


def test_run_without_a_checkpoint_cannot_be_used_yet(record):
    card = build_model_card(record, replace(PARTS, checkpoint=None))
    assert "## Use\n\nThe run has no checkpoint yet.\n" in card


def test_run_begun_before_inputs_were_written_shows_what_is_known(record):
    card = build_model_card(replace(record, inputs=None), PARTS)
    assert "so sizes and lengths of its data are not known." in card
    assert "seq2seq generate" in card
    assert "from transformers import" not in card
