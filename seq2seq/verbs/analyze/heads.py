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
from ...checkpoints.folder import Checkpoint
from ...data.encoding import count_truncated
from ...data.examples import load_examples
from ...data.loader import fixed_micro_batches
from ...generation.loading import encode_pairs, load_checkpoint, read_layout
from ...generation.outputs import check_output
from ...modeling.attention_sites import KINDS, list_sites
from ...modeling.head_removal import number_heads
from ...reports.head_maps import build_head_maps
from ...reports.plots import save_figure


def analyze_heads(
    checkpoint: str | Path | Checkpoint,
    data: Sequence[str],
    *,
    output: str | Path,
    normalized: bool = False,
    columns: dict[str, str | list[str]] | None = None,
    header: Sequence[str] | None = None,
    batch_tokens: int = 4096,
) -> dict[str, Any]:
    """Weighs every head on data files, in one pass; writes heads.json and heads.png.

    The importance of a head is the expected absolute gradient of the loss at a gate on it (Michel, Levy and Neubig
    2019); see `analysis.importance.compute_importance`.

    Args:
        data: names as under `data.test` of a recipe.
        output: the folder to write to.
        normalized: divides the heads of each layer by their l2 norm.
        columns, header: options under `data:` of a recipe, over those of the checkpoint.
        batch_tokens: pairs x (longest source + longest target) of a batch: bounds memory.

    Returns:
        What heads.json holds: `sites`, each with its name, kind (encoder, decoder, cross), layer, `heads`, by the
        numbers they had before any were pruned, and their `importance`.

    Raises:
        CheckpointError, DataError: as `load_checkpoint` and `evaluate`.
        AnalysisError: where the model keeps its attention is not known, or memory ran out.
    """
    check_output(Path(output) / "heads.json")
    loaded = load_checkpoint(checkpoint) if isinstance(checkpoint, str | Path) else checkpoint
    encoded = encode_pairs(loaded, load_examples(data, read_layout(loaded, columns=columns, header=header)))
    model = loaded.model.to("cuda" if torch.cuda.is_available() else "cpu")
    batches = fixed_micro_batches(encoded, model.source_pad_id, micro_batch_tokens=batch_tokens)
    try:
        sites = list_sites(model)
        with explain_batch_memory(batch_tokens), show_progress("weighing heads", len(encoded)) as bar:
            importance = compute_importance(model, batches, bar.advance)
    except ValueError as error:
        raise AnalysisError(f"{loaded.folder}: {error}.") from None
    if normalized:
        importance = normalize_by_layer(importance)
    result = {
        "checkpoint": str(loaded.folder),
        "data": list(data),
        "pairs": len(encoded),
        **count_truncated(encoded),
        "target_tokens": len(encoded.labels.ids),
        "normalized": normalized,
        "sites": [
            {
                "name": site.name,
                "kind": site.kind,
                "layer": site.layer,
                "heads": number_heads(model, site),
                "importance": importance[site.name].tolist(),
            }
            for site in sites
        ],
    }
    maps: dict[str, list[dict[int, float]]] = {kind: [] for kind in KINDS}
    for described in result["sites"]:
        maps[described["kind"]].append(dict(zip(described["heads"], described["importance"], strict=True)))
    title = "importance of heads" + (", layers normalized" if normalized else "")
    save_figure(build_head_maps(maps, title), Path(output) / "heads.png")
    write_json(Path(output) / "heads.json", result)
    return result
