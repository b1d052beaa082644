"""Settings from figures made by hand; the recipes that ship are the measure."""

from dataclasses import replace

import pytest

from seq2seq.data.duplicates import Matches
from seq2seq.data.empty_rows import LeftOut
from seq2seq.data.lengths import LengthSummary
from seq2seq.verbs.init.columns import ChosenColumns
from seq2seq.verbs.init.figures import FileFigures, SideFigures, SideTokens
from seq2seq.verbs.init.settings import Facts, choose_batch, choose_limit, choose_steps, count_passes, list_settings
from seq2seq.verbs.init.start import Origin
from seq2seq.verbs.init.task import GuessedTask

MINILM = Origin("bert2bert", "minilm", "as you said", encoder="minilm", width=384, layers=6, vocabulary=30_522)
BASE = Origin("bert2bert", "base", "as you said", encoder="base")


def describe_lengths(mean: float, limit: int = 512) -> LengthSummary:
    held = dict.fromkeys(("50", "90", "95", "99"), 20)
    return LengthSummary(1000, int(1000 * mean), limit, 0, 20, held)


def describe(rows: int, source: float, target: float, **changes) -> Facts:
    side = SideFigures(describe_lengths(10), describe_lengths(40), ("a text",), {"Latin": 1.0}, 0.0)
    columns = ChosenColumns(("source",), ("target",), "")
    file = FileFigures("a.csv", "", rows, LeftOut(), columns, side, side, Matches(0), rows, None)
    sides = [SideTokens(describe_lengths(mean), estimated=False) for mean in (source, target)]
    facts = Facts(file, MINILM, GuessedTask("translation", ""), rows, False, False, *sides, normalization=())
    return replace(facts, **changes)


# Mean tokens of source and target, and training.batch_examples of the recipe.
@pytest.mark.parametrize(
    ("source", "target", "batch"),
    [(50, 55, 8), (155, 35, 8), (195, 25, 8), (14, 14, 32), (8, 8, 32)],
    ids=["wikisplit_sample", "dialogsum", "scitldr", "multi30k", "tatoeba"],
)
def test_batch_is_that_of_the_recipes_that_ship(source, target, batch):
    assert choose_batch(describe(9000, source, target)) == batch


def test_batch_of_a_gpu_is_larger():
    assert choose_batch(describe(9000, 155, 35, has_gpu=True)) == 64
    assert choose_batch(describe(9000, 14, 14, has_gpu=True)) == 256


def test_steps_are_those_of_the_recipe_for_two_thousand_pairs():
    # summarization/scitldr: 1,992 pairs, 8 a step, 750 steps; with an hour a little less than it takes.
    facts = describe(1992, 150, 25)
    assert (choose_batch(facts), choose_steps(facts)) == (8, 747)
    assert count_passes(facts) == 3


def test_few_pairs_are_seen_twenty_times_at_most():
    facts = describe(40, 14, 14)
    assert choose_steps(facts) == 20 * 2  # two steps of 32 pairs at most are a pass


def test_a_cpu_has_an_hour_but_one_pass_at_least():
    middle = describe(9000, 50, 55)
    assert 1125 < choose_steps(middle) < 3 * 1125  # of 1,125 steps a pass
    large = describe(1_000_000, 50, 55)
    assert choose_steps(large) == 125_000
    (why,) = [one.why for one in list_settings(large) if one.key == "training.max_steps"]
    assert why.startswith("1.0 passes over 1,000,000 pairs, the least, and about")
    assert "or a GPU" in why


def test_a_gpu_has_no_hour():
    facts = describe(1_000_000, 50, 55, has_gpu=True)
    assert count_passes(facts) == 3


@pytest.mark.parametrize(
    ("origin", "rate"),
    [
        (replace(MINILM, width=128), 2.0e-3),  # the quickstart's
        (MINILM, 5.0e-4),  # of every recipe from MiniLM for English
        (BASE, 5.0e-5),  # of your_own_data.yaml
        (Origin("pretrained", "bart", "", checkpoint="bart", width=128), 5.0e-5),
    ],
)
def test_rate_is_that_of_the_recipes_for_the_width(origin, rate):
    (found,) = [one.value for one in list_settings(describe(9000, 50, 55, origin=origin)) if "learning_rate" in one.key]
    assert found == rate


def test_bf16_is_chosen_where_a_gpu_has_it():
    values = {one.key: one.value for one in list_settings(describe(9000, 50, 55, has_gpu=True, takes_bf16=True))}
    assert values["training.precision"] == "bf16"
    assert "training.precision" not in [one.key for one in list_settings(describe(9000, 50, 55))]


@pytest.mark.parametrize(
    ("needed", "longest", "limit"),
    [(84, 179, 96), (100, 120, 128), (16, 16, 16), (586, 1116, 512)],
    ids=["99%", "all, where that is little more", "a multiple of 16", "no more than the model takes"],
)
def test_limit_holds_nearly_all_texts(needed, longest, limit):
    lengths = LengthSummary(1000, 1, 0, 0, longest, {"99": needed})
    assert choose_limit(lengths, 512) == limit
