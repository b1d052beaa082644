"""Every verb as a Python function: what `import seq2seq` offers, and what the commands call."""

from .analysis import analyze_attention, analyze_heads
from .generation import fuse, generate, generate_file, split, summarize, translate
from .models import average, export, load_checkpoint, load_generator, load_model, read_layout, warm_start
from .pruning import prune
from .scoring import compare, evaluate, score
from .training import inspect, report, train, train_tokenizer

__all__ = [
    "analyze_attention", "analyze_heads", "average", "compare", "evaluate", "export", "fuse", "generate",
    "generate_file", "inspect", "load_checkpoint", "load_generator", "load_model", "prune", "read_layout", "report",
    "score", "split", "summarize", "train", "train_tokenizer", "translate", "warm_start",
]  # fmt: skip
