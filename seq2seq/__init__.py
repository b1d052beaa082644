"""Warm-started encoder-decoder models: start, train, generate, measure. The functions are those of `seq2seq.api`.

Importing the package loads neither torch nor transformers; the first use of a function does.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = [
    "analyze_attention", "analyze_heads", "average", "compare", "evaluate", "export", "fuse", "generate",
    "generate_file", "inspect", "load_checkpoint", "load_generator", "load_model", "prune", "read_layout", "report",
    "score", "split", "summarize", "train", "train_tokenizer", "translate", "warm_start",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("seq2seq.api"), name)
    raise AttributeError(f"module 'seq2seq' has no attribute {name!r}")
