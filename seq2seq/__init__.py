"""Warm-started encoder-decoder models: start, train, generate, measure. Each function has its file in `seq2seq.verbs`.

Importing the package loads neither torch nor transformers; the first use of a function does.
"""

from importlib import import_module
from typing import Any

from .base.threads import wait_passively_if_busy
from .base.version import VERSION

__version__ = VERSION
wait_passively_if_busy()

_MODULES = {  # what is offered, by the module that has it
    "verbs.analyze.attention": ("analyze_attention",),
    "verbs.analyze.heads": ("analyze_heads",),
    "verbs.average": ("average",),
    "verbs.compare": ("compare",),
    "verbs.evaluate": ("evaluate",),
    "verbs.export": ("export",),
    "verbs.generate": ("generate",),
    "verbs.generate_file": ("generate_file",),
    "verbs.init.init": ("init",),
    "verbs.inspect.inspect": ("inspect",),
    "verbs.prune": ("prune",),
    "verbs.push": ("push",),
    "verbs.report.report": ("report",),
    "verbs.score": ("score",),
    "verbs.task_functions": ("fuse", "split", "summarize", "translate"),
    "verbs.tokenizer": ("train_tokenizer",),
    "verbs.train": ("train",),
    "verbs.warm_start": ("warm_start",),
    "base.options": ("Options",),
    "engines.engine": ("Engine", "Hypothesis"),
    "families.family": ("Family",),
    "metrics.metric": ("MeanMetric", "Metric"),
    "modeling.token_loss": ("TokenLoss",),
    "recipe.task": ("Task",),
    "sources.source": ("Source",),
    "training.objectives.objective": ("Objective",),
    "generation.loading": ("load_checkpoint", "load_generator", "load_model", "read_layout"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What the package offers, for `dir` and for Tab."""
    return [*__all__, "__version__"]
