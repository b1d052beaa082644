"""A checkpoint written for another library."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from ..base.errors import ExportError
from ..data.examples import read_examples
from ..data.options import LayoutOptions
from ..engines.engine import EXACT
from ..engines.export import Exported, export_checkpoint, export_transformers
from ..engines.export_options import Format, Quantization
from ..generation.loading import complete_generation, load_checkpoint, read_layout

COMPARED_PAIRS = 64  # that an export is compared with its model on


def export(
    checkpoint: str | Path,
    *,
    output: str | Path,
    format: Format = "ctranslate2",
    quantization: Quantization = "float32",
    data: Sequence[str] | None = None,
) -> Exported:
    """Writes a checkpoint for another library and compares it with the model before it is kept.

    Args:
        output: the folder to write; it must not exist.
        quantization: number type of the weights, for ctranslate2; all but float32 change the outputs a little.
        data: data files whose first pairs the export is compared on; left out: pairs of the embedded corpus.

    Raises:
        CheckpointError: as `load_checkpoint`.
        ExportError: the format cannot hold the model, the output exists, or a float32 export is not equal to the model.
        GenerationError: CTranslate2 is not installed.
        DataError: as `load_examples`.
    """
    loaded = complete_generation(load_checkpoint(checkpoint))
    layout = read_layout(loaded) if data else LayoutOptions()
    examples = islice(read_examples(data or ["embedded:quickstart:test"], layout), COMPARED_PAIRS)
    pairs = [(example.source, example.target) for example in examples]
    if format != "transformers":
        return export_checkpoint(loaded, Path(output), format=format, quantization=quantization, pairs=pairs)
    if quantization != EXACT:
        raise ExportError(f"quantization is for ctranslate2; transformers has float32 (found {quantization!r}).")
    return export_transformers(loaded, Path(output), pairs=pairs)
