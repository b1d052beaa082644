"""How much every head matters."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ...analysis.importance import compute_importance, normalize_by_layer
from ...base.console import show_progress
from ...base.errors import AnalysisError
from ...base.files import write_json
from ...base.memory import explain_batch_memory
from ...base.options import build_options
from ...base.signatures import takes_options
from ...checkpoints.folder import Checkpoint
from ...data.empty_rows import LeftOut
from ...data.encoding import EncodedExamples, count_truncated
from ...data.examples import load_examples
from ...data.loader import fixed_micro_batches
from ...generation.loading import build_source, encode_pairs, load_checkpoint, read_layout
from ...modeling.attention_sites import KINDS, list_sites
from ...modeling.head_removal import number_heads
from ...reports.head_maps import build_head_maps
from ...reports.plots import save_figure
from ...sources.source import Source
from ..early_checks import check_analyze_heads
from ..options.analyze import HeadsOptions


@takes_options(HeadsOptions)
def analyze_heads(
    checkpoint: str | Path | Checkpoint,
    data: Sequence[str],
    **given: Any,
) -> dict[str, Any]:
    """Weighs every head on data files, in one pass; writes heads.json and heads.png.

    The importance of a head is the expected absolute gradient of the loss at a gate on it (Michel, Levy and Neubig
    2019); see `analysis.importance.compute_importance`.

    Returns:
        What heads.json holds: `sites`, each with its name, kind (encoder, decoder, cross), layer, `heads`, by the
        numbers they had before any were pruned, and their `importance`.

    Raises:
        CheckpointError, DataError, GenerationError: as `load_checkpoint` and `evaluate`.
        AnalysisError: where the model keeps its attention is not known, or memory ran out.
    """
    options = build_options(HeadsOptions, given | {"data": data})
    check_analyze_heads(checkpoint, options)
    loaded = load_checkpoint(checkpoint) if isinstance(checkpoint, str | Path) else checkpoint
    layout = read_layout(loaded, **options.layout)
    source = build_source(loaded, layout, options.max_source_tokens)
    left_out = LeftOut()
    examples = load_examples(options.data, layout, source, left_out)
    encoded = encode_pairs(loaded, examples, source, layout.empty, left_out)
    left_out.tell()
    rows = _weigh_heads(loaded, encoded, source, options)
    result = {
        "checkpoint": str(loaded.folder),
        "data": list(options.data),
        "pairs": len(encoded),
        "max_source_tokens": source.context.max_source_tokens,
        "left_out": left_out.rows,
        **count_truncated(encoded),
        "target_tokens": len(encoded.labels.ids),
        "normalized": options.normalized,
        "sites": rows,
    }
    title = "importance of heads, layers normalized" if options.normalized else "importance of heads"
    figure = build_head_maps(_list_maps(rows), title)
    save_figure(figure, options.output / "heads.png")
    write_json(options.output / "heads.json", result)
    return result


def _weigh_heads(
    loaded: Checkpoint,
    encoded: EncodedExamples,
    source: Source,
    options: HeadsOptions,
) -> list[dict[str, Any]]:
    """The sites of heads.json.

    Raises:
        AnalysisError: as `analyze_heads`.
    """
    model = loaded.model.to("cuda" if torch.cuda.is_available() else "cpu")
    batches = fixed_micro_batches(encoded, source.collate, micro_batch_tokens=options.batch_tokens)
    try:
        sites = list_sites(model)
        with explain_batch_memory(options.batch_tokens), show_progress("weighing heads", len(encoded)) as bar:
            importance = compute_importance(model, batches, bar.advance)
    except ValueError as error:
        raise AnalysisError(f"{loaded.folder}: {error}.") from None
    if options.normalized:
        importance = normalize_by_layer(importance)
    rows = []
    for site in sites:
        row = {
            "name": site.name,
            "kind": site.kind,
            "layer": site.layer,
            "heads": number_heads(model, site),
            "importance": importance[site.name].tolist(),
        }
        rows.append(row)
    return rows


def _list_maps(rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[int, float]]]:
    """The importance by head of each site, by its kind."""
    maps: dict[str, list[dict[int, float]]] = {kind: [] for kind in KINDS}
    for row in rows:
        by_head = dict(zip(row["heads"], row["importance"], strict=True))
        maps[row["kind"]].append(by_head)
    return maps
