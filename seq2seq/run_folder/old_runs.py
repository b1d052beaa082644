"""What earlier versions wrote, brought up to today: a run, checkpoint or unfinished output can be gone on with.

Whoever adds a key to a recipe, or gives one another default, adds a line to `OLD_VALUES`; a test demands it. Values
only: this file knows no files, and no torch.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from ..base.mappings import flatten, merge

# What each key of a recipe came to, for a recipe that did not name it, before the key or its present default came.
OLD_VALUES: dict[str, Any] = {
    "data.delimiter": None,
    "data.empty": "refuse",
    "data.header": [],
    "data.normalization": [],
    "data.quoting": "by_ending",
    "evaluation.normalization": ["collapse_spaces"],
    "evaluation.bleu_tokenizer": "13a",
    "evaluation.language": None,
    "evaluation.lead_sentences": 1,
    "evaluation.first_words": None,
    "generation.batch_tokens": 16384,
    "generation.early_stopping": False,
    "generation.encoder_no_repeat_ngram_size": 0,
    "generation.encoder_repetition_penalty": 1.0,
    "generation.length_penalty_form": "power",
    "generation.max_target_tokens": 128,  # whatever data.max_target_tokens was
    "generation.min_target_tokens": 0,
    "generation.num_outputs": 1,
    "generation.repetition_penalty": 1.0,
    "generation.sampling": False,
    "generation.scores": False,
    "generation.seed": 1,
    "generation.precision": "fp32",
    "generation.target_prefix": "",
    "generation.temperature": 1.0,
    "generation.top_k": 0,
    "generation.top_p": 1.0,
    "model.convert": True,
    "model.cross_attention": "random",
    "model.decoder_layers": None,
    "model.encoder_layers": None,
    "model.families": [],
    "model.max_positions": None,
    "model.new_tokens": "pieces",
    "model.shape": None,
    "model.source_language": None,
    "model.source_marks": False,  # sources were bare, as in the paper
    "model.source_tokenizer": None,
    "model.target_language": None,
    "model.target_tokenizer": None,
    "model.trim_vocabulary": False,
    "source": {"kind": "text"},  # a whole section
    "training.checkpoint_every_minutes": None,
    "training.compile": False,
    "training.early_stopping": None,
    "training.early_stopping_min_improvement": 0.0,
    "training.ema_decay": None,
    "training.embeddings_only_steps": 0,
    "training.freeze": {},
    "training.gradient_checkpointing": False,
    "training.layer_decay": 1.0,
    "training.max_skipped_steps": 5,
    "training.objective": {"kind": "cross_entropy"},
    "training.precision": "fp32",
    "training.tf32": False,
    "training.threads": None,
    "training.trackers": [],
    "training.validation_samples": 0,
    "training.warmups": {},
}

# What a training state came to, of the keys that the first states lacked.
OLD_STATE: dict[str, Any] = {
    "fingerprints": {},
    "improved_value": None,
    "loss_scaler": {},
    "micro_batch_tokens": None,
    "micro_batch_tokens_asked": None,
    "skipped_in_a_row": 0,
    "skipped_steps": 0,
    "stale_validations": 0,
}

_STEPS_OF_SPACING = {"keep": [], "collapse": ["collapse_spaces"], "separate_punctuation": ["separate_punctuation"]}


def bring_up_recipe(values: Mapping[str, Any]) -> dict[str, Any]:
    """A run's recipe with every key that today's have, each as it was then. Sections that are none stay as they are."""
    values = dict(values)
    for name, bring_up in {"data": bring_up_data, "evaluation": bring_up_evaluation}.items():
        if isinstance(values.get(name), Mapping):
            values[name] = bring_up(values[name])
    for key, old in OLD_VALUES.items():
        section, _, name = key.partition(".")
        if not name:
            values.setdefault(section, deepcopy(old))
        elif isinstance(values.get(section), Mapping):
            values[section] = {name: deepcopy(old)} | dict(values[section])
    return values


def bring_up_data(section: Mapping[str, Any]) -> dict[str, Any]:
    """A section `data`, or a checkpoint's layout: columns are lists of names. {'columns': {'source': 'a'}} -> ['a']"""
    columns = section.get("columns")
    if not isinstance(columns, Mapping):
        return dict(section)
    lists = {side: [columns[side]] for side in ("source", "target") if isinstance(columns.get(side), str)}
    return merge(section, {"columns": lists})


def bring_up_evaluation(section: Mapping[str, Any]) -> dict[str, Any]:
    """A section `evaluation`: `case` and `spacing` are normalizers now, in the order they were taken in."""
    section = dict(section)
    if not {"case", "spacing"} & section.keys():
        return section
    steps = ["lowercase"] if section.pop("case", "keep") == "lower" else []
    steps += _STEPS_OF_SPACING.get(section.pop("spacing", "collapse"), [])
    return {"normalization": steps} | section


def bring_up_generation(section: Mapping[str, Any]) -> dict[str, Any]:
    """A section `generation` with every option, each as it was then."""
    return list_old_values("generation") | dict(section)


def bring_up_origin(values: Mapping[str, Any]) -> dict[str, Any]:
    """An origin.json: the first had no notes on the whole."""
    return {"notes": []} | dict(values)


def list_old_values(section: str) -> dict[str, Any]:
    """The old values of a section by the names of its options."""
    start = f"{section}."
    return {key.removeprefix(start): old for key, old in OLD_VALUES.items() if key.startswith(start)}


def choose_old_values(
    run: Mapping[str, Any],
    now: Mapping[str, Any],
    given: frozenset[str],
) -> dict[str, Any]:
    """The options of a run, by dotted key, that hold although today's recipe comes to something else.

    They are those that have their old value in the run, and that whoever goes on has not given.

    Args:
        run, now: both recipes, with all keys. given: dotted keys.
    """
    then = flatten(dict(run))
    chosen = {}
    for key, value in flatten(dict(now)).items():
        is_old = key in OLD_VALUES and key in then and then[key] == OLD_VALUES[key]
        if is_old and then[key] != value and not _is_given(key, given):
            chosen[key] = then[key]
    return chosen


def _is_given(key: str, given: frozenset[str]) -> bool:
    """Whether a key, a mapping that it lies in, or a key in its mapping is given."""
    # With a dot behind each: data.column is no part of data.columns.
    return any(f"{key}.".startswith(f"{one}.") or f"{one}.".startswith(f"{key}.") for one in given)
