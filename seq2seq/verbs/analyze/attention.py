"""What every head attends to, as figures, pictures and a page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from ...base.console import show_progress
from ...base.errors import AnalysisError
from ...base.files import write_json, write_text
from ...base.options import build_options
from ...base.signatures import takes_options
from ...checkpoints.folder import Checkpoint
from ...generation.loading import load_checkpoint, load_generator
from ...reports.attention_maps import build_attention_page
from ..early_checks import check_analyze_attention
from ..options.analyze import AttentionOptions
from .pairs import (
    PairAttention,
    average_statistics,
    frame_given_pairs,
    frame_written_pairs,
    look_at_pair,
    remove_pictures,
)


@takes_options(AttentionOptions)
def analyze_attention(
    checkpoint: str | Path | Checkpoint,
    texts: Sequence[str],
    targets: Sequence[str] | None = None,
    **given: Any,
) -> dict[str, Any]:
    """Writes the attention weights of every head and the states of every layer, for pairs of texts.

    Files: attention.safetensors with `PAIR.encoder`, `PAIR.decoder` and `PAIR.cross`, (layers, heads, positions that
    attend, positions attended to), and `PAIR.encoder_states` and `PAIR.decoder_states`, (layers + 1, positions, width);
    attention.json, its index; attention.html, to look at; and for each pair a folder of PNGs, a layer each.

    Args:
        texts: the sources.
        targets: left out, the outputs that the model writes for them, by the options of generation.

    Returns:
        What attention.json holds: where the targets are from, with the `generation` options of those that were written;
        `pruned`, by site the heads left where some are gone; `pairs`, each with its texts and tokens, the names and
        shapes of its tensors and its folder of pictures; and `statistics`, by kind of attention those of its heads:
        entropy, confidence, distance, special and punctuation (see `analysis.attention.HeadStatistics`), each by layer
        and head, means over the pairs.

    Raises:
        CheckpointError: as `load_checkpoint`.
        GenerationError: as `generate`; the lists differ in length.
        AnalysisError: the model reads no texts, a source has no token, a text is too long, or the model does not give
            its weights.
    """
    options = build_options(AttentionOptions, given)
    check_analyze_attention(checkpoint, options)
    folder = options.output
    loaded = load_checkpoint(checkpoint) if isinstance(checkpoint, str | Path) else checkpoint
    generator = load_generator(loaded, max_source_tokens=options.max_source_tokens, **options.generation)
    if not generator.source.is_text:
        raise AnalysisError(
            f"{loaded.folder} reads {loaded.description.source['kind']}, whose positions have no tokens to be named "
            "by. Choose a model of texts, or analyze its heads."
        )
    if targets is None:
        framed = frame_written_pairs(generator, texts)
    else:
        framed = frame_given_pairs(loaded, generator, texts, targets)
    pairs = [look_at_pair(loaded, pair) for pair in framed]
    remove_pictures(folder)  # of an earlier call
    tensors = [pair.name_tensors(number) for number, pair in enumerate(pairs, 1)]
    result = {
        "checkpoint": str(loaded.folder),
        "targets": "written by the model" if targets is None else "given",
        "generation": generator.options.model_dump(mode="json") if targets is None else None,
        "pruned": loaded.model.pruned,
        "pairs": _summarize_pairs(pairs, tensors, with_pictures=options.pictures),
        "statistics": average_statistics(pairs),
    }
    if options.pictures:
        _draw(pairs, folder)
    _save_tensors(tensors, folder / "attention.safetensors")
    page = build_attention_page([pair.to_page() for pair in pairs])
    write_text(folder / "attention.html", page)
    write_json(folder / "attention.json", result)
    return result


def _summarize_pairs(
    pairs: Sequence[PairAttention],
    tensors: Sequence[Mapping[str, torch.Tensor]],
    *,
    with_pictures: bool,
) -> list[dict[str, Any]]:
    """The pairs of attention.json; `tensors` are those of each."""
    summaries = []
    for number, (pair, own) in enumerate(zip(pairs, tensors, strict=True), 1):
        summary = pair.summarize()
        summary["tensors"] = {name: list(tensor.shape) for name, tensor in own.items()}
        summary["pictures"] = f"pair_{number}" if with_pictures else None
        summaries.append(summary)
    return summaries


def _save_tensors(tensors: Sequence[Mapping[str, torch.Tensor]], path: Path) -> None:
    """Writes the tensors of all pairs into one file."""
    contiguous = {}
    for own in tensors:
        for name, tensor in own.items():
            contiguous[name] = tensor.contiguous()  # safetensors refuses one that does not lie in one piece
    save_file(contiguous, path)


def _draw(pairs: Sequence[PairAttention], folder: Path) -> None:
    with show_progress("drawing", len(pairs)) as bar:
        for number, pair in enumerate(pairs, 1):
            pair.draw(folder / f"pair_{number}")
            bar.advance()
