"""A model from published checkpoints."""

from typing import Any

from ..base.options import build_options
from ..base.signatures import takes_options
from ..runs.start import start_from_options
from ..warmstart.options import ModelOptions
from ..warmstart.start import WarmStart
from ..warmstart.vocabulary import Corpus


@takes_options(ModelOptions)
def warm_start(
    *,
    seed: int = 1,
    corpus: Corpus | None = None,
    **given: Any,
) -> WarmStart:
    """A model started from published checkpoints, with its tokenizers and the origin of every parameter.

    Options are those under `model:` of a recipe. `seed` is that of the random parts, `corpus` what trim_vocabulary
    trims to.

    Example: warm_start(plan="bert2gpt", encoder="google-bert/bert-base-uncased", decoder="openai-community/gpt2")

    Raises:
        WarmStartError: an option is unknown or out of its range; a checkpoint is missing, cannot serve, lacks a tensor
            or does not fit the other.
        TokenizerError: a tokenizer is missing or has no begin, end or pad mark.
    """
    return start_from_options(
        build_options(ModelOptions, given),
        seed=seed,
        corpus=corpus,
    )
