"""inputs.json of a run folder: what a run begins with besides its recipe and the origin of its parameters.

Cards and reports are made from the files of the folder alone; what they need of data and model stands here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
from transformers import EncoderDecoderConfig, PreTrainedConfig

from ..data.encoding import Truncation
from ..data.ragged import RaggedRows
from ..families.table import find_family
from ..modeling.build import find_published_architecture
from ..modeling.token_loss import TokenLossModel
from ..text.tokenizers import TokenizerPair
from ..warmstart.options import ModelOptions
from ..warmstart.published_checkpoint import EMBEDDED
from .splits import TextData

MAX_BINS = 64  # of a histogram of lengths: what a picture can show as bars


def summarize_inputs(
    options: ModelOptions,
    model: TokenLossModel,
    tokenizers: TokenizerPair,
    splits: Mapping[str, TextData],
) -> dict[str, Any]:
    """The splits in figures, the models that are the hub's, and what plain transformers needs to load a checkpoint."""
    return {
        "splits": {name: summarize_split(data) for name, data in splits.items()},
        "hub_models": list_hub_models(options),
        "model": {
            "class": find_published_architecture(model),
            "hands_over_t5_encoder": hands_over_encoder(model.config),
            "two_tokenizers": tokenizers.target is not tokenizers.source,
            "pruned": bool(model.pruned),
        },
    }


def summarize_split(data: TextData) -> dict[str, Any]:
    """Pairs, and of each side its tokens and truncated texts, the longest whole text, and a histogram of lengths.

    The lengths are those after truncation. `left_out` counts rows without text, by file.
    """
    encoded = data.encoded
    return {
        "pairs": len(encoded),
        "left_out": dict(data.left_out.counts),
        "source": _summarize_side(encoded.sources, encoded.source_truncation),
        "target": _summarize_side(encoded.labels, encoded.target_truncation),
    }


def _summarize_side(rows: RaggedRows, truncation: Truncation) -> dict[str, Any]:
    return {
        "texts": truncation.texts,
        "tokens": int(rows.lengths.sum(dtype=numpy.int64)),
        "cut": truncation.truncated,  # the word of files written before
        "longest": truncation.longest,
        "limit": truncation.limit,
        "lengths": count_lengths(rows.lengths, truncation.limit),
    }


def count_lengths(lengths: numpy.ndarray, limit: int) -> dict[str, Any]:
    """A histogram of lengths from 1 to a limit.

    Lengths 1, 2, 2, 5 in bins of two tokens: {"bin_tokens": 2, "counts": [3, 0, 1]}, of 1-2, 3-4 and 5-6.
    """
    width = -(-limit // MAX_BINS)  # rounded up, so that the limit has a bin
    bins = (lengths - 1) // width
    return {"bin_tokens": width, "counts": numpy.bincount(bins).tolist()}


def list_hub_models(options: ModelOptions) -> dict[str, str]:
    """The checkpoints that came from the hub, by their option of the section `model`."""
    names = {option: getattr(options, option) for option in ("encoder", "decoder", "checkpoint")}
    return {option: name for option, name in names.items() if name is not None and _is_from_hub(name)}


def _is_from_hub(name: str) -> bool:
    if name.startswith(EMBEDDED):
        return False
    # A folder may go by the name of a checkpoint on the hub, and is then what the run read.
    return not Path(name).exists()


def hands_over_encoder(config: PreTrainedConfig) -> bool:
    """Whether transformers would take the config of the encoder for that of a whole encoder-decoder."""
    return isinstance(config, EncoderDecoderConfig) and find_family(config.encoder).has_encoder_class
