"""The heads of a model: what each attends to, and how much it matters."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from ..analysis.importance import compute_importance, normalize_by_layer
from ..assembly.pair_attention import (
    average_statistics,
    frame_given_pairs,
    frame_written_pairs,
    look_at_pair,
    remove_pictures,
)
from ..checkpoints.folder import Checkpoint
from ..data.examples import load_examples
from ..data.loader import fixed_micro_batches
from ..data.outputs import check_output
from ..errors import AnalysisError
from ..files import write_json, write_text
from ..modeling.attention_sites import KINDS, find_sites
from ..modeling.head_removal import number_heads
from ..reports.attention_maps import build_attention_page
from ..reports.console import show_progress
from ..reports.head_maps import build_head_maps
from ..reports.plots import save_figure
from .models import (
    count_truncated,
    encode_pairs,
    explain_batch_memory,
    load_checkpoint,
    load_generator,
    read_layout,
)


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
        sites = find_sites(model)
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


def analyze_attention(
    checkpoint: str | Path | Checkpoint,
    texts: Sequence[str],
    targets: Sequence[str] | None = None,
    *,
    output: str | Path,
    pictures: bool = True,
    **options: Any,
) -> dict[str, Any]:
    """Writes the attention weights of every head and the states of every layer, for pairs of texts.

    Files: attention.safetensors with `PAIR.encoder`, `PAIR.decoder` and `PAIR.cross`, (layers, heads, positions that
    attend, positions attended to), and `PAIR.encoder_states` and `PAIR.decoder_states`, (layers + 1, positions, width);
    attention.json, its index; attention.html, to look at; and for each pair a folder of PNGs, a layer each.

    Args:
        texts: the sources. targets: left out, the outputs that the model writes for them.
        output: the folder to write to.
        pictures: whether to draw the PNGs.
        options: generation options, for targets that are left out.

    Returns:
        What attention.json holds: where the targets are from, with the `generation` options of those that were written;
        `pruned`, by site the heads left where some are gone; `pairs`, each with its texts and tokens, the names and
        shapes of its tensors and its folder of pictures; and `statistics`, by kind of attention those of its heads:
        entropy, confidence, distance, special and punctuation (see `analysis.attention.HeadStatistics`), each by layer
        and head, means over the pairs.

    Raises:
        CheckpointError: as `load_checkpoint`.
        GenerationError: as `generate`; the lists differ in length.
        AnalysisError: a source has no token, a text is too long, or the model does not give its weights.
    """
    folder = Path(output)
    check_output(folder / "attention.json")
    loaded = load_checkpoint(checkpoint) if isinstance(checkpoint, str | Path) else checkpoint
    generator = load_generator(loaded, **options)
    if targets is None:
        framed = frame_written_pairs(generator, texts)
    else:
        framed = frame_given_pairs(loaded, generator, texts, targets)
    pairs = [look_at_pair(loaded, pair) for pair in framed]
    remove_pictures(folder)  # of an earlier call
    tensors, described = {}, []
    for number, pair in enumerate(pairs, 1):
        own = pair.name_tensors(number)
        tensors |= own
        shapes = {name: list(tensor.shape) for name, tensor in own.items()}
        described.append(pair.describe() | {"tensors": shapes, "pictures": f"pair_{number}" if pictures else None})
    result = {
        "checkpoint": str(loaded.folder),
        "targets": "written by the model" if targets is None else "given",
        "generation": generator.options.model_dump(mode="json") if targets is None else None,
        "pruned": loaded.model.pruned,
        "pairs": described,
        "statistics": average_statistics(pairs),
    }
    if pictures:
        with show_progress("drawing", len(pairs)) as bar:
            for number, pair in enumerate(pairs, 1):
                pair.draw(folder / f"pair_{number}")
                bar.advance()
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "attention.safetensors")
    write_text(folder / "attention.html", build_attention_page([pair.to_page() for pair in pairs]))
    write_json(folder / "attention.json", result)
    return result
