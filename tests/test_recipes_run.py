"""Every recipe that ships, run on two made-up rows in its data set's layout: read, encoded, one step, written, scored.

Checkpoints are tiny random ones of the same family, names on the hub become files with the same columns, and lengths
and steps are cut down. Recipes that are the same after that run once, and one start serves all runs of one model.
"""

import csv
import gzip
import io
import json
import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from seq2seq import warm_start
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.data.readers import is_file_name
from seq2seq.generation.scoring import score_predictions
from seq2seq.modeling.attention_sites import list_sites
from seq2seq.modeling.head_removal import remove_heads
from seq2seq.processes.group import build_accelerator
from seq2seq.recipe.recipe import Recipe, build_recipe, load_recipe
from seq2seq.run_folder.folder import RunFolder
from seq2seq.runs.run import Run
from seq2seq.runs.start import Start, start_from_options
from seq2seq.text.tokenizer_training import train_tokenizer
from seq2seq.text.tokenizers import TokenizerPair
from seq2seq.training.state import TrainingState
from seq2seq.warmstart.options import ModelOptions
from seq2seq.warmstart.start import WarmStart
from tests.conftest import build_description
from tests.families import save_family

load = cache(load_recipe)
ROOT = Path(__file__).parent.parent / "recipes"
RECIPES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.yaml"))
SOURCES = ["The cat sat on the mat, and the dog ran.", "A bird flew over the big sea"]
TARGETS = ["The cat sat. <::::> The dog ran.", "Birds don't swim"]


def write_rows(folder: Path, name: str, columns: dict, header: list[str]) -> Path:
    """Two rows in a file of the name's format, JSONL where it is no file; several columns share a text's words."""
    rows = [{}, {}]
    for side, texts in (("source", SOURCES), ("target", TARGETS)):
        for row, text in zip(rows, texts, strict=True):
            words, names = text.split(), columns[side]
            for index, column in enumerate(names):
                share = words[index * len(words) // len(names) : (index + 1) * len(words) // len(names)]
                set_nested(row, column, " ".join(share))
    if name.endswith(".jsonl.gz") and "test" in name:
        for row, text in zip(rows, TARGETS, strict=True):
            row[columns["references"]] = [text, "a dog"]
    path = folder / (name.replace(":", "_").replace("/", "_") + ("" if is_file_name(name) else ".jsonl"))
    text = format_tsv(rows, header) if path.suffix == ".tsv" else "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def set_nested(row: dict, column: str, text: str) -> None:
    *outer, last = column.split(".")
    for part in outer:
        row = row.setdefault(part, {})
    row[last] = text


def format_tsv(rows: list[dict], header: list[str]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, header or list(rows[0]), delimiter="\t", quoting=csv.QUOTE_NONE, lineterminator="\n")
    if not header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@pytest.fixture(scope="module")
def run_small(tmp_path_factory):
    """A function that cuts a recipe down and runs it, once for all that are the same then."""
    folder = tmp_path_factory.mktemp("recipes")

    @cache
    def checkpoint(family: str) -> str:
        return str(save_family(folder / family, family, head=family == "gpt2"))

    @cache
    def pruned() -> str:
        started = warm_start(plan="bert2bert", encoder=checkpoint("bert"))
        remove_heads(started.model, {list_sites(started.model)[0].name: [0]})
        write_checkpoint(folder / "pruned", started.model, started.tokenizers, build_description(started))
        return str(folder / "pruned")

    @cache
    def tokenizer() -> str:
        trained = train_tokenizer([*SOURCES, *TARGETS], kind="unigram", size=300, lowercase=True)
        (folder / "tokenizer").mkdir()
        TokenizerPair(trained, trained).save(folder / "tokenizer", max_source_tokens=64)
        return str(folder / "tokenizer")

    @cache
    def data(name: str, columns: str, header: str) -> str:
        return str(write_rows(folder, name, json.loads(columns), json.loads(header)))

    def cut_down(recipe: Recipe) -> Recipe:
        values = recipe.model_dump(mode="json")
        model, texts = values["model"], values["data"]
        for side in ("encoder", "decoder"):
            if name := model[side]:
                model[side] = checkpoint(next((family for family in ("gpt2", "roberta") if family in name), "bert"))
        for side in ("source_tokenizer", "target_tokenizer"):
            model[side] = model[side] and tokenizer()
        model["checkpoint"] = model["checkpoint"] and pruned()
        model["max_positions"] = model["max_positions"] and 80  # the tiny ones have 64
        layout = json.dumps(texts["columns"]), json.dumps(texts["header"])
        for split in ("train", "validation", "test"):
            texts[split] = [data(name, *layout) for name in texts[split]]
        texts |= {"max_source_tokens": 24, "max_target_tokens": 16}
        values["generation"]["max_target_tokens"] = 6
        values["training"] |= {"max_steps": 1, "max_epochs": None, "warmup_steps": 0, "precision": "fp32"}
        # What has no say in one step of two rows on a processor, and would keep recipes from being the same.
        values["training"] |= {"learning_rate": 1e-3, "validate_every_steps": 1, "checkpoint_every_steps": 1}
        return build_recipe(values | {"output": str(folder / "run")})

    @cache
    def start(model: str) -> WarmStart:
        return start_from_options(ModelOptions(**json.loads(model)), seed=1)

    @cache
    def run(resolved: str) -> tuple[list[dict], list[str], dict[str, float]]:
        recipe = build_recipe(json.loads(resolved))
        begun = start(json.dumps(recipe.model.model_dump(mode="json")))
        started = Start(begun.model, begun.tokenizers, begun.framing, begun.origin, TrainingState(), {})
        events = []
        run = Run(recipe, started, RunFolder(folder / "run"), build_accelerator(recipe))
        trainer = run.trainer
        trainer.callbacks = replace(trainer.callbacks, save=lambda state, best: None, log=events.append)
        trainer.train()
        examples = run.data.test.examples
        sources = [example.source for example in examples]
        predictions = run.outputs.write(started.model, sources, recipe.generation).texts
        return events, predictions, score_predictions(examples, predictions, recipe.evaluation).values

    return lambda recipe: run(json.dumps(cut_down(recipe).model_dump(mode="json")))


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_reads_trains_writes_and_scores(run_small, name):
    recipe = load(ROOT / name)
    if not recipe.data.test:  # reference.yaml: the default is none
        recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"test": recipe.data.train})})
    events, predictions, scores = run_small(recipe)
    trained = next(event for event in events if event["event"] == "train")
    assert math.isfinite(trained["loss"])
    assert trained["examples"] == len(predictions) == 2
    assert list(scores) == list(recipe.evaluation.metrics)


# Tokens that a side can read at most, by a part of the checkpoint's name; the last that fits holds.
POSITIONS = {"bert": 512, "MiniLM": 512, "quickstart-bert": 128, "gpt2": 1024}


def count_positions(side: str | None, model: ModelOptions) -> int:
    if side is None:
        return model.shape.positions
    fitting = [count for part, count in POSITIONS.items() if part in side]
    return max(fitting[-1], model.max_positions or 0)


def test_texts_of_every_recipe_fit_the_positions_of_its_checkpoints():
    recipes = {name: recipe for name in RECIPES if (recipe := load(ROOT / name)).model.checkpoint is None}
    too_long = []
    for name, recipe in recipes.items():
        model = recipe.model
        target_tokens = max(recipe.data.max_target_tokens, recipe.generation.max_target_tokens)
        if recipe.data.max_source_tokens > count_positions(model.encoder or model.decoder, model):
            too_long.append(f"{name}: sources")
        if target_tokens > count_positions(model.decoder or model.encoder, model):
            too_long.append(f"{name}: targets")
    assert too_long == []
    assert len(recipes) > 100
