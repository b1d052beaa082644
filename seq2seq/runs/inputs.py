"""inputs.json of a run folder: what a run begins with besides its recipe and the origin of its parameters.

Cards and reports are made from the files of the folder alone; what they need of data and model stands here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
from transformers import EncoderDecoderConfig, PreTrainedConfig

from ..data.encoding import RaggedIds, Truncation
from ..families.table import find_family
from ..modeling.build import find_published_architecture
from ..modeling.token_loss import TokenLossModel
from ..text.tokenizers import TokenizerPair
from ..warmstart.options import ModelOptions
from ..warmstart.sources import EMBEDDED
from .splits import TextData

MAX_BINS = 64  # of a histogram of lengths: as many bars as a picture shows


def summarize_inputs(
    options: ModelOptions, model: TokenLossModel, tokenizers: TokenizerPair, splits: Mapping[str, TextData]
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
    """Pairs, and of each side tokens, cut texts, the longest before the cut and a histogram of lengths after it."""
    encoded = data.encoded
    return {
        "pairs": len(encoded),
        "source": _summarize_side(encoded.sources, encoded.source_truncation),
        "target": _summarize_side(encoded.labels, encoded.target_truncation),
    }


def _summarize_side(rows: RaggedIds, truncation: Truncation) -> dict[str, Any]:
    return {
        "texts": truncation.texts,
        "tokens": len(rows.ids),
        "cut": truncation.truncated,
        "longest": truncation.longest,
        "limit": truncation.limit,
        "lengths": count_lengths(rows.lengths, truncation.limit),
    }


def count_lengths(lengths: numpy.ndarray, limit: int) -> dict[str, Any]:
    """A histogram of lengths from 1 to a limit.

    Lengths 1, 2, 2, 5 in bins of two tokens: {"bin_tokens": 2, "counts": [3, 0, 1]}, of 1-2, 3-4 and 5-6.
    """
    width = -(-limit // MAX_BINS)
    return {"bin_tokens": width, "counts": numpy.bincount((lengths - 1) // width).tolist()}


def list_hub_models(options: ModelOptions) -> dict[str, str]:
    """The checkpoints, by their place in the recipe, that came from the hub; a folder may go by the same name."""
    names = {role: getattr(options, role) for role in ("encoder", "decoder", "checkpoint")}
    return {
        role: name
        for role, name in names.items()
        if name is not None and not name.startswith(EMBEDDED) and not Path(name).exists()
    }


def hands_over_encoder(config: PreTrainedConfig) -> bool:
    """Whether transformers would take the config of the encoder for that of a whole encoder-decoder."""
    return isinstance(config, EncoderDecoderConfig) and find_family(config.encoder).has_encoder_class
