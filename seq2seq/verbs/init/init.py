"""A recipe for a file of pairs, with its splits beside it: what `seq2seq init` finds, chooses and writes.

Shown by display.py. Downloads nothing and trains nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ...base.console import show_progress
from ...base.files import write_text
from ...base.options import build_options
from ...base.output_paths import make_folder
from ...base.signatures import takes_options
from ...data.options import LayoutOptions
from ...data.readers import resolve_path
from ...recipe.recipe import build_recipe
from ...recipe.yaml_text import read_yaml
from ..early_checks import check_init, list_init_outputs
from ..options.init import InitOptions
from .figures import Beginning, FileFigures, Setting
from .findings import list_findings
from .look import Looked, build_layout_of, find_columns, look_through
from .recipe_text import format_recipe
from .settings import Facts, choose_normalization, choose_steps, estimate_step, list_settings, measure_tokens
from .splits import count_rows, draw_parts, hash_sources, leave_out_references, write_splits
from .start import choose_origin
from .task import GuessedTask, guess_task

RECIPE_NAMES = ("recipe",)  # of recipes whose run is called like their folder


@takes_options(InitOptions)
def init(data: str | Path, **given: Any) -> Beginning:
    """Looks at a file of pairs, sets some aside where no test set is given, and writes a recipe that fits.

    Every setting has its reason behind it. Nothing that is there is replaced.

    Raises:
        DataError: the file cannot be read, nobody can tell its columns, it has too few sources, or an output exists.
        RecipeError: an option is wrong, or there is no such task.
        WarmStartError, CheckpointError, TokenizerError: a checkpoint on this machine cannot be read.
    """
    name = str(data)
    options = build_options(InitOptions, given)
    check_init(name, options)
    columns = find_columns(name, options)
    layout = build_layout_of(options, columns)
    with show_progress(f"reading {name}", None) as bar:
        looked = look_through(name, layout, columns, bar.advance)
    if looked.file.references is False:
        layout = leave_out_references(layout)
    outputs = list_init_outputs(name, options)
    splits = _plan_splits(name, layout, looked, options, outputs)
    facts = _find_facts(looked.file, options, splits.counts["train"])
    settings = [*_list_frame(facts, splits, layout, options, outputs["recipe"]), *list_settings(facts)]
    text = format_recipe(_list_heading(name, outputs["recipe"]), settings)
    # Before anything is written: a recipe that is wrong leaves nothing behind.
    recipe = build_recipe(read_yaml(text), str(outputs["recipe"]))
    make_folder(outputs["recipe"].parent, told=False)
    if splits.paths:
        with show_progress(f"writing {', '.join(splits.paths)}", looked.file.rows) as bar:
            write_splits(name, layout, splits.paths, splits.parts, splits.known, bar.advance)
    write_text(outputs["recipe"], text)
    return Beginning(
        file=looked.file,
        source_tokens=facts.source_tokens,
        target_tokens=facts.target_tokens,
        splits=splits.counts,
        settings=tuple(settings),
        recipe=recipe,
        path=outputs["recipe"],
        written=(outputs["recipe"], *splits.paths.values()),
        seconds=None if facts.has_gpu else estimate_step(facts) * choose_steps(facts),
        warnings=tuple(list_findings(facts)),
    )


@dataclass(frozen=True)
class _Splits:
    """Which rows go where.

    names: the files of each split as the recipe names them. counts: rows of those that are made of the file.
    paths: of those that are written. parts: the hashes of the sources that are set aside in each.
    known: the hashes of the sources of given splits, whose rows go nowhere.
    """

    names: dict[str, tuple[str, ...]]
    counts: dict[str, int]
    paths: dict[str, Path] = field(default_factory=dict)
    parts: dict[str, frozenset[int]] = field(default_factory=dict)
    known: frozenset[int] = frozenset()


def _plan_splits(
    name: str,
    layout: LayoutOptions,
    looked: Looked,
    options: InitOptions,
    outputs: dict[str, Path],
) -> _Splits:
    given = {split: getattr(options, split) for split in ("validation", "test") if getattr(options, split) is not None}
    paths = {split: path for split, path in outputs.items() if split != "recipe"}
    if not paths:
        return _Splits({"train": (name,), **given}, {"train": looked.file.rows})
    sources = looked.hashes.sources
    known = hash_sources([one for names in given.values() for one in names], layout)
    parts = draw_parts(
        sources,
        [split for split in paths if split != "train"],
        seed=options.seed,
        given=known,
    )
    counts = {part: count_rows(sources, hashes) for part, hashes in parts.items()}
    left = len(sources) - count_rows(sources, known) - sum(counts.values())
    names = {split: (_name_file(path),) for split, path in paths.items()}
    return _Splits(
        names={**names, **given},
        counts={"train": left, **counts},
        paths=paths,
        parts=parts,
        known=known,
    )


def _name_file(path: Path) -> str:
    """A path as a data name; whole where SEQ2SEQ_DATA would lead it elsewhere."""
    return str(path) if resolve_path(str(path)) == path else str(path.absolute())


def _find_facts(file: FileFigures, options: InitOptions, rows: int) -> Facts:
    origin = choose_origin(options, file)
    has_gpu = torch.cuda.is_available()
    return Facts(
        file=file,
        origin=origin,
        task=guess_task(file) if options.task is None else GuessedTask(options.task, "as you said"),
        rows=rows,
        has_gpu=has_gpu,
        takes_bf16=has_gpu and torch.cuda.is_bf16_supported(including_emulation=False),
        source_tokens=measure_tokens(file.source, origin, "source"),
        target_tokens=measure_tokens(file.target, origin, "target"),
        normalization=choose_normalization(file, origin),
    )


def _list_heading(name: str, path: Path) -> list[str]:
    return [
        f"For the pairs of {name}. Any line may be changed; all options there are: seq2seq recipes show reference",
        "",
        f"  seq2seq inspect {path}",
        f"  seq2seq train {path}",
    ]


def _list_frame(
    facts: Facts,
    splits: _Splits,
    layout: LayoutOptions,
    options: InitOptions,
    path: Path,
) -> Iterator[Setting]:
    """What is not chosen by size: task, files, columns."""
    others = "else: summarization, sentence_splitting, sentence_fusion, translation"
    yield Setting("task", facts.task.name, f"{facts.task.why}; {others}" if options.task is None else facts.task.why)
    yield Setting("seed", options.seed, "")
    run = path.stem if path.stem not in RECIPE_NAMES else path.absolute().parent.name
    yield Setting("output", f"runs/{run}", "the run folder")
    for split, names in splits.names.items():
        rows = f"{splits.counts[split]:,} pairs" if split in splits.counts else "as you said"
        yield Setting(f"data.{split}", names[0] if len(names) == 1 else list(names), rows)
    columns = facts.file.columns
    named: dict[str, str | list[str] | None] = {
        "source": columns.source[0] if len(columns.source) == 1 else list(columns.source),
        "target": columns.target[0] if len(columns.target) == 1 else list(columns.target),
    }
    if layout.columns.references is None:
        named["references"] = None
    yield Setting("data.columns", named, f"found {columns.why}")
    for option in ("header", "delimiter", "quoting"):
        value = getattr(options, option)
        if value:
            yield Setting(f"data.{option}", list(value) if option == "header" else value, "as you said")
    if facts.file.left_out.rows and splits.names["train"] == (facts.file.name,):
        yield Setting("data.empty", "skip", f"{facts.file.left_out.rows:,} rows have no text")
