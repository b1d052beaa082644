"""Runs that are to be the same on a simulated device, and what is compared of them."""

from tests.training.runs import read_events

# 8 pairs of 4 to 15 padded tokens; 65 cut most steps into two micro-batches or three.
CUT = {"micro_batch_tokens": 65}
RUNS = {
    "whole": {},
    "cut": CUT,
    "averaged": CUT | {"ema_decay": 0.9, "max_gradient_norm": None},
    "thawed": CUT | {"freeze": {"encoder": 2}, "layer_decay": 0.9, "learning_rates": {"cross_attention": 1e-2}},
    "smoothed": CUT | {"label_smoothing": 0.1, "gradient_checkpointing": True, "checkpoint_every_minutes": 1000},
}


def read_figures(run) -> list:
    """What a run found at every step."""
    return [(row["loss"], row["gradient_norm"]) for row in read_events(run, "train")]


def read_last(run) -> dict[str, bytes]:
    """The tensors that a run could go on from."""
    last = run / "checkpoints/step_00000006"
    files = [last / "model.safetensors", *last.glob("training/*.safetensors")]
    return {path.name: path.read_bytes() for path in files}
