"""How large a batch may be that a GPU's memory holds while it is written; what other memory holds is not asked.

Reckoned from above by the shapes of the model: D width of all heads of a site, H width of the encoder's states, V
vocabulary.
"""

import torch

from ..modeling.attention_sites import list_sites
from ..modeling.token_loss import TokenLossModel
from .casting import TYPES
from .options import BATCH_TOKENS, GenerationOptions

SPARE = 0.5  # of the free memory, for what is not reckoned: attention that holds its scores, and memory in pieces
MOST_TOKENS = 2**20  # beyond which a batch is no faster
# Of a row: its logits, their logarithms with and without penalties, and the search's or the draw's own copy.
COPIES_OF_LOGITS = 4
COPIES_OF_STATES = 16  # of a source position while the encoder runs: a layer's states, its heads' and its inner ones


def choose_batch_tokens(model: TokenLossModel, options: GenerationOptions) -> int:
    """`generation.batch_tokens`, by the free memory where the options leave it out and the model is on a GPU."""
    if options.batch_tokens is not None:
        return options.batch_tokens
    if model.device.type != "cuda":
        return BATCH_TOKENS
    try:
        return fit_batch_tokens(measure_free_bytes(model.device), model, options)
    except ValueError:  # nobody knows where it attends
        return BATCH_TOKENS


def measure_free_bytes(device: torch.device) -> int:
    """What the process could still take on a GPU, with what its torch holds and does not use."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def fit_batch_tokens(free_bytes: int, model: TokenLossModel, options: GenerationOptions) -> int:
    """How many tokens, as `generation.batch_tokens` counts them, a model can write in some memory; at least one.

    Raises:
        ValueError: as `list_sites`.
    """
    tokens = int(free_bytes * (1 - SPARE) / count_token_bytes(model, options))
    return max(1, min(tokens, MOST_TOKENS))


def count_token_bytes(model: TokenLossModel, options: GenerationOptions) -> float:
    """What a position of a row takes while a batch is written, of whichever side takes more.

    Raises:
        ValueError: as `list_sites`.
    """
    size = TYPES.get(options.precision, torch.float32).itemsize
    widths = {"encoder": 0, "decoder": 0, "cross": 0}
    states = 0
    for site in list_sites(model):
        if site.kind == "encoder":
            states = max(states, site.width)
        widths[site.kind] += site.width
    # Keys and values; of the target twice, as rows that follow their beams are gathered from one buffer into another.
    of_target = 2 * 2 * widths["decoder"]
    of_source = 2 * widths["cross"] + (1 + COPIES_OF_STATES) * states
    # A row has the logits of one position at a time, and room for the longest output.
    of_logits = COPIES_OF_LOGITS * 4 * model.target_rows / (options.max_target_tokens + 1)
    return size * max(of_target, of_source) + of_logits
