"""`init` on small files: what it finds, writes and refuses, and that the recipe trains."""

import io
import json
from random import Random

import pytest
from rich.console import Console

import seq2seq
from seq2seq.base.errors import DataError, RecipeError
from seq2seq.recipe.recipe import load_recipe
from seq2seq.verbs.init.display import list_parts
from tests.published import save_published

WORDS = "the a big small red cat dog bird fish sat ran flew swam".split()


def draw_rows(count: int) -> list[tuple[str, str]]:
    draw = Random(1)
    rows = []
    for _ in range(count):
        words = draw.choices(WORDS, k=12)
        rows.append((" ".join(words), " ".join(words[:3])))
    return rows


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_csv(path, rows, header="article;highlights", delimiter=";"):
    lines = [header.replace(";", delimiter), *(delimiter.join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def read_split(folder, split: str) -> list[dict]:
    return [json.loads(line) for line in (folder / f"{split}.jsonl").read_text().splitlines()]


@pytest.fixture
def articles(folder):
    write_csv(folder / "articles.csv", draw_rows(60))


def test_file_is_split_and_the_recipe_loads(folder, articles, tiny_bert):
    beginning = seq2seq.init("articles.csv", encoder=str(tiny_bert))
    assert beginning.splits == {"train": 48, "validation": 6, "test": 6}
    rows = [row for split in beginning.splits for row in read_split(folder / "articles", split)]
    assert sorted((row["article"], row["highlights"]) for row in rows) == sorted(draw_rows(60))
    recipe = load_recipe("articles/recipe.yaml")
    assert recipe == beginning.recipe
    assert recipe.task == "summarization"
    assert recipe.output == "runs/articles"
    assert recipe.data.columns.source == ("article",)
    assert recipe.data.test == ("articles/test.jsonl",)


def test_lengths_are_those_of_the_tokenizer(articles, tiny_bert):
    beginning = seq2seq.init("articles.csv", encoder=str(tiny_bert))
    # Each word is a token; a source has two marks, a target its end mark.
    assert beginning.source_tokens.lengths.longest == 12 + 2
    assert beginning.target_tokens.lengths.longest == 3 + 1
    assert (beginning.recipe.data.max_source_tokens, beginning.recipe.data.max_target_tokens) == (16, 16)
    assert not beginning.source_tokens.estimated


def test_steps_follow_from_the_size(articles, tiny_bert):
    training = seq2seq.init("articles.csv", encoder=str(tiny_bert)).recipe.training
    # 48 pairs of 14 + 4 tokens: 1,000 tokens are 56 pairs, at most 32 a step, so 2 steps a pass; at most 20 passes.
    assert (training.batch_examples, training.max_steps, training.warmup_steps) == (32, 40, 4)
    assert (training.validate_every_steps, training.learning_rate) == (4, 2.0e-3)


def test_every_line_but_the_seed_says_why(folder, articles, tiny_bert):
    beginning = seq2seq.init("articles.csv", encoder=str(tiny_bert))
    assert [setting.key for setting in beginning.settings if not setting.why] == ["seed"]
    for line in (folder / "articles/recipe.yaml").read_text().splitlines():
        assert len(line) <= 120 or str(tiny_bert) in line


def test_equal_sources_stand_in_one_split(folder, tiny_bert):
    rows = [(source, f"{target} {word}") for source, target in draw_rows(20) for word in ("cat", "dog", "fish")]
    write_csv(folder / "several.csv", rows)
    beginning = seq2seq.init("several.csv", encoder=str(tiny_bert))
    by_split = [{row["article"] for row in read_split(folder / "several", split)} for split in beginning.splits]
    assert sum(map(len, by_split)) == len(set.union(*by_split)) == 20
    assert beginning.file.sources == 20


def test_splits_are_the_same_for_the_same_seed(folder, articles, tiny_bert):
    for output in ("one", "two"):
        seq2seq.init("articles.csv", encoder=str(tiny_bert), output=output)
    seq2seq.init("articles.csv", encoder=str(tiny_bert), output="three", seed=2)
    one, two, three = (read_split(folder / output, "test") for output in ("one", "two", "three"))
    assert one == two != three


def test_given_test_sources_stand_in_no_other_split(folder, articles, tiny_bert):
    write_csv(folder / "test.csv", draw_rows(60)[:5])
    beginning = seq2seq.init("articles.csv", encoder=str(tiny_bert), test="test.csv")
    assert beginning.splits == {"train": 49, "validation": 6}
    assert beginning.recipe.data.test == ("test.csv",)
    known = {source for source, _ in draw_rows(60)[:5]}
    assert not known & {row["article"] for split in beginning.splits for row in read_split(folder / "articles", split)}


def test_nothing_is_split_where_both_are_given(folder, articles, tiny_bert):
    write_csv(folder / "other.csv", draw_rows(70)[60:])
    beginning = seq2seq.init("articles.csv", encoder=str(tiny_bert), validation="other.csv", test="other.csv")
    assert [path.name for path in (folder / "articles").iterdir()] == ["recipe.yaml"]
    assert beginning.recipe.data.train == ("articles.csv",)


def test_rows_without_text_are_counted_and_left_out(folder, tiny_bert):
    write_csv(folder / "holes.csv", [*draw_rows(30), ("a cat", ""), ("", "a dog")])
    beginning = seq2seq.init("holes.csv", encoder=str(tiny_bert))
    assert beginning.file.left_out.rows == 2
    assert sum(beginning.splits.values()) == 30
    (told,) = [one.text for one in beginning.warnings if one.about == "rows without text"]
    assert told.startswith("holes.csv: 2 rows without text left out, the first: holes.csv line 32")


def test_rows_without_text_of_a_file_that_is_not_split_are_skipped_by_the_recipe(folder, tiny_bert):
    write_csv(folder / "holes.csv", [*draw_rows(30), ("a cat", "")])
    write_csv(folder / "other.csv", draw_rows(40)[30:])
    recipe = seq2seq.init("holes.csv", encoder=str(tiny_bert), validation="other.csv", test="other.csv").recipe
    assert recipe.data.empty == "skip"


def test_columns_in_columns_and_references_are_kept(folder, tiny_bert):
    rows = [{"id": n, "translation": {"en": s, "de": t}, "references": [t]} for n, (s, t) in enumerate(draw_rows(30))]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    beginning = seq2seq.init("pairs.jsonl", encoder=str(tiny_bert))
    assert beginning.recipe.task == "translation"
    assert beginning.recipe.data.columns.source == ("translation.en",)
    row = read_split(folder / "pairs", "test")[0]
    assert set(row) == {"translation", "references"}
    assert set(row["translation"]) == {"en", "de"}


def test_a_column_called_references_that_is_none_is_switched_off(folder, tiny_bert):
    rows = [(source, target, "Smith 1999") for source, target in draw_rows(30)]
    write_csv(folder / "papers.csv", rows, header="article;summary;references")
    assert seq2seq.init("papers.csv", encoder=str(tiny_bert)).recipe.data.columns.references is None


def test_uncased_model_that_meets_capitals_is_warned_of(folder, tiny_bert):
    write_csv(folder / "cased.csv", [(source, target.title()) for source, target in draw_rows(30)])
    beginning = seq2seq.init("cased.csv", encoder=str(tiny_bert))
    assert beginning.recipe.evaluation.normalization == ("lowercase", "collapse_spaces")
    (told,) = [one.text for one in beginning.warnings if one.about == "case"]
    assert "100.0% of the targets have some: every output will be in small letters" in told


def test_texts_without_capitals_bring_no_warning_of_case(articles, tiny_bert):
    beginning = seq2seq.init("articles.csv", encoder=str(tiny_bert))
    assert "case" not in [one.about for one in beginning.warnings]
    assert beginning.recipe.evaluation.normalization == ("collapse_spaces",)


def test_script_that_the_vocabulary_does_not_know_is_warned_of(folder, tiny_bert):
    rows = [(source, f"кот {n}") for n, (source, _) in enumerate(draw_rows(30))]
    write_csv(folder / "russian.csv", rows, header="source;target")
    beginning = seq2seq.init("russian.csv", encoder=str(tiny_bert))
    assert beginning.recipe.task == "translation"
    (told,) = [one.text for one in beginning.warnings if one.about == "script"]
    assert told.startswith("100.0% of the targets, in Cyrillic, hold characters that the vocabulary of")


def test_labels_are_scored_as_right_or_wrong(folder, tiny_bert):
    write_csv(folder / "labels.csv", [(s, ("good", "bad")[n % 2]) for n, (s, _) in enumerate(draw_rows(30))])
    beginning = seq2seq.init("labels.csv", encoder=str(tiny_bert))
    assert beginning.recipe.evaluation.metrics == ("exact_match",)
    assert "labels" in [one.about for one in beginning.warnings]


@pytest.mark.parametrize(
    ("target", "encoder"),
    [
        ("a cat", "google-bert/bert-base-uncased"),
        ("A cat", "google-bert/bert-base-cased"),
        ("eine schöne Möwe", "google-bert/bert-base-multilingual-cased"),
        ("猫", "google-bert/bert-base-multilingual-cased"),
    ],
)
def test_model_follows_script_and_case_and_lengths_are_estimated(folder, target, encoder):
    write_csv(folder / "texts.csv", [(source, target) for source, _ in draw_rows(30)])
    beginning = seq2seq.init("texts.csv")
    assert beginning.recipe.model.encoder == encoder
    assert beginning.source_tokens.estimated
    assert "checkpoint" in [one.about for one in beginning.warnings]
    assert beginning.recipe.training.learning_rate == 5.0e-5


def test_an_encoder_decoder_is_trained_on(folder, articles, tmp_path):
    (tmp_path / "bart").mkdir()
    beginning = seq2seq.init("articles.csv", checkpoint=str(save_published(tmp_path / "bart", "bart")))
    assert (beginning.recipe.model.plan, beginning.recipe.model.encoder) == ("pretrained", None)
    assert beginning.recipe.data.max_source_tokens <= 64  # its positions


def test_existing_outputs_are_refused_before_anything_is_written(folder, articles, tiny_bert):
    (folder / "articles").mkdir()
    (folder / "articles/test.jsonl").write_text("mine\n")
    with pytest.raises(DataError, match=r"articles/test.jsonl exists\."):
        seq2seq.init("articles.csv", encoder=str(tiny_bert))
    assert [path.name for path in (folder / "articles").iterdir()] == ["test.jsonl"]


def test_recipe_may_have_a_name_of_its_own(folder, articles, tiny_bert):
    beginning = seq2seq.init("articles.csv", encoder=str(tiny_bert), output="mine/news.yaml")
    assert beginning.path.as_posix() == "mine/news.yaml"
    assert beginning.recipe.output == "runs/news"
    assert (folder / "mine/train.jsonl").is_file()


def test_plain_text_and_the_hub_are_refused(folder):
    (folder / "texts.txt").write_text("a\n")
    with pytest.raises(DataError, match=r"texts.txt: expected pairs in rows, .* found plain text"):
        seq2seq.init("texts.txt")
    with pytest.raises(DataError, match="hub:a/b::train: expected a file"):
        seq2seq.init("hub:a/b::train")


def test_checkpoint_goes_alone(articles):
    with pytest.raises(RecipeError, match="checkpoint: is trained on as it is; leave encoder and plan out"):
        seq2seq.init("articles.csv", checkpoint="a", encoder="b", plan="bert2bert")
    with pytest.raises(RecipeError, match="checkpoint: plan pretrained needs one"):
        seq2seq.init("articles.csv", plan="pretrained")
    with pytest.raises(RecipeError, match="plan: expected one of rnd2rnd, "):
        seq2seq.init("articles.csv", plan="bert3bert")


def test_what_is_shown_fits_80_columns_and_ends_with_what_to_type(articles, tiny_bert):
    console = Console(width=80, record=True, file=io.StringIO())
    for part in list_parts(seq2seq.init("articles.csv", encoder=str(tiny_bert))):
        console.print(part, markup=False, highlight=False, soft_wrap=isinstance(part, str))
    lines = console.export_text().splitlines()
    assert all(len(line.rstrip()) <= 80 for line in lines if str(tiny_bert) not in line)
    assert lines[-1] == "  seq2seq train articles/recipe.yaml"


def test_the_recipe_is_inspected_and_trained(folder, articles, tiny_bert):
    seq2seq.init("articles.csv", encoder=str(tiny_bert))
    inspection = seq2seq.inspect("articles/recipe.yaml", time=False)
    assert inspection.schedule.epochs == 20
    assert [one.about for one in inspection.warnings] == []
    run = seq2seq.train("articles/recipe.yaml", ["training.max_steps=6", "training.warmup_steps=1"])
    assert (run / "scores.json").is_file()
