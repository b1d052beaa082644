"""Early stopping: what counts as no improvement, where the run ends, and that resuming does not forget the count."""

import json
from pathlib import Path

import pytest

import seq2seq
from seq2seq.base.errors import RecipeError
from seq2seq.recipe.recipe import load_recipe
from seq2seq.run_folder.folder import RunFolder
from seq2seq.run_folder.steps import list_steps, load_best
from seq2seq.training.early_stopping import count_validation, find_end, format_end
from seq2seq.training.options import TrainingOptions
from seq2seq.training.state import TrainingState
from tests.training.runs import as_generated, read_events, write_pairs

EVERY_STEP = {"max_steps": 6, "validate_every_steps": 1, "checkpoint_every_steps": 10}


def count(values: list[float], **options) -> list[int]:
    """How many validations in a row were no improvement, after each of them."""
    state, chosen, counts = TrainingState(), TrainingOptions(max_steps=99, early_stopping=3, **options), []
    for value in values:
        count_validation(state, value, chosen)
        counts.append(state.stale_validations)
    return counts


def test_higher_and_equal_losses_are_no_improvement():
    assert count([2.0, 2.0, 2.5, 1.9, 1.9, 1.95]) == [0, 1, 2, 0, 1, 2]


def test_lower_and_equal_scores_are_no_improvement():
    assert count([20.0, 20.0, 25.0, 24.0], validation_metrics=["sari", "loss"]) == [0, 1, 0, 1]


def test_higher_repetition_is_no_improvement():
    assert count([20.0, 20.0, 25.0, 19.0], validation_metrics=["repetition"]) == [0, 1, 2, 0]


def test_length_ratios_improve_towards_one_from_both_sides():
    assert count([0.5, 1.25, 0.75, 1.125, 1.0, 0.9], validation_metrics=["length_ratio"]) == [0, 0, 1, 0, 0, 1]


def test_gains_below_the_minimum_add_up_to_one_that_counts():
    assert count([1.0, 0.95, 0.9, 0.85, 0.8], early_stopping_min_improvement=0.125) == [0, 1, 2, 0, 1]


def test_gain_of_exactly_the_minimum_does_not_count():
    options = {"validation_metrics": ["sari"], "early_stopping_min_improvement": 0.5}
    assert count([20.0, 20.5, 20.75], **options) == [0, 1, 0]


def test_run_without_early_stopping_goes_on_however_long_nothing_improves():
    assert find_end(TrainingState(step=5, stale_validations=1000), TrainingOptions(max_steps=6), 6) is None


def test_last_step_is_the_reason_where_both_hold():
    options = TrainingOptions(max_steps=6, early_stopping=2)
    state = TrainingState(step=6, stale_validations=2, improved_value=1.0)
    assert find_end(state, options, 6) == "max_steps"
    assert format_end(state, options, 6) == "all of its 6 steps are done"


@pytest.fixture
def data(tmp_path):
    return {name: write_pairs(tmp_path / f"{name}.jsonl", 4, start=100) for name in ("validation", "test")}


@pytest.fixture
def validate_to(monkeypatch):
    """A function that replaces the validation losses to come."""

    def replace(losses: list[float]) -> None:
        coming = iter(losses)
        monkeypatch.setattr("seq2seq.runs.validation.compute_validation_loss", lambda *arguments: next(coming))

    return replace


def test_run_ends_early_saves_its_last_and_scores_its_best_checkpoint(recipe, data, validate_to, capsys):
    validate_to([3.0, 1.0, 2.0, 1.5])
    path = recipe(data=data, early_stopping=2, **EVERY_STEP)
    folder = seq2seq.train(path)
    assert [(row["reason"], row["step"]) for row in read_events(folder, "end")] == [("early_stopping", 4)]
    assert list_steps(folder) == [1, 2, 4]
    assert load_best(folder)["step"] == 2
    assert json.loads((folder / "scores.json").read_text())["checkpoint"] == "checkpoints/step_00000002"
    expected = "it stopped at step 4 of 6, after 2 validations in a row without a better loss than 1"
    assert expected in capsys.readouterr().err
    before = (folder / "progress.jsonl").read_text()
    seq2seq.train(path, resume=True)
    assert f"is finished: {expected}." in capsys.readouterr().err
    assert (folder / "progress.jsonl").read_text() == before


def test_score_that_stays_ends_the_run(recipe, data, monkeypatch):
    targets = [json.loads(line)["target"] for line in Path(data["validation"]).read_text().splitlines()]
    outputs = iter([["x"] * 4, targets, targets])
    monkeypatch.setattr("seq2seq.runs.outputs.generate_in_processes", lambda *arguments: as_generated(next(outputs)))
    settings = {"validation_metrics": ["exact_match"], "early_stopping": 1} | EVERY_STEP
    folder = seq2seq.train(recipe(data={"validation": data["validation"]}, **settings))
    assert [row["exact_match"] for row in read_events(folder, "validation")] == [0.0, 100.0, 100.0]
    assert read_events(folder, "end")[0]["reason"] == "early_stopping"


def crash_at(monkeypatch, event: str, step: int) -> None:
    def crash(self, row, append=RunFolder.append_progress):
        if (row["event"], row["step"]) == (event, step):
            raise KeyboardInterrupt
        append(self, row)

    monkeypatch.setattr(RunFolder, "append_progress", crash)


def test_resumed_run_remembers_the_validations_without_improvement(recipe, data, validate_to, monkeypatch):
    validate_to([3.0, 1.0, 2.0])
    path = recipe(data=data, early_stopping=2, **EVERY_STEP | {"checkpoint_every_steps": 3})
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        crash_at(patch, "train", 4)
        seq2seq.train(path)
    validate_to([2.0])  # the second in a row
    folder = seq2seq.train(path, resume=True)
    assert [(row["reason"], row["step"]) for row in read_events(folder, "end")] == [("early_stopping", 4)]


def test_run_that_crashed_at_its_early_end_is_scored_without_another_step(recipe, data, validate_to, monkeypatch):
    validate_to([1.0, 2.0])
    path = recipe(data=data, early_stopping=1, **EVERY_STEP)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        crash_at(patch, "end", 2)
        seq2seq.train(path)
    folder = seq2seq.train(path, resume=True)
    assert (folder / "scores.json").exists()
    assert list_steps(folder) == [1, 2]
    assert [(row["reason"], row["step"]) for row in read_events(folder, "end")] == [("early_stopping", 2)]


def test_early_stopping_without_validation_is_refused(recipe):
    with pytest.raises(RecipeError, match=r"early_stopping needs validations to count; name files under data\.validat"):
        load_recipe(recipe(early_stopping=2))


def test_minimum_without_early_stopping_is_refused(recipe):
    with pytest.raises(
        RecipeError, match=r"early_stopping_min_improvement: has no meaning without early_stopping; set that too"
    ):
        load_recipe(recipe(early_stopping_min_improvement=0.1))
