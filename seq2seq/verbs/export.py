"""A checkpoint written for another library."""

from itertools import islice
from pathlib import Path
from typing import Any

from ..base.errors import ExportError
from ..base.options import build_options
from ..base.signatures import takes_options
from ..data.empty_rows import LeftOut
from ..data.examples import read_examples
from ..data.options import LayoutOptions
from ..engines.engine import EXACT
from ..engines.export import Exported, check_reads_texts, export_checkpoint, export_transformers
from ..generation.loading import complete_generation, load_checkpoint, read_layout
from ..sources.text import build_reader
from .early_checks import check_export
from .options.export import ExportOptions

COMPARED_PAIRS = 64  # that an export is compared with its model on


@takes_options(ExportOptions)
def export(checkpoint: str | Path, **given: Any) -> Exported:
    """Writes a checkpoint for another library and compares it with the model before it is kept.

    Raises:
        CheckpointError: as `load_checkpoint`.
        ExportError: the format cannot hold the model, the output exists and is not to be replaced, or a float32 export
            is not equal to the model.
        GenerationError: CTranslate2 is not installed.
        DataError: as `load_examples`.
    """
    options = build_options(ExportOptions, given)
    check_export(checkpoint, options)
    loaded = complete_generation(load_checkpoint(checkpoint))
    check_reads_texts(loaded)
    # The embedded pairs stand in the columns of the defaults, whatever the checkpoint's own data had.
    layout = read_layout(loaded) if options.data else LayoutOptions()
    names = options.data or ["embedded:quickstart:test"]
    left_out = LeftOut()
    examples = islice(read_examples(names, layout, build_reader(layout.normalization), left_out), COMPARED_PAIRS)
    pairs = [(example.source, example.target) for example in examples]
    left_out.tell()
    format = options.format
    quantization = options.quantization
    if format != "transformers":
        return export_checkpoint(
            loaded,
            options.output,
            format=format,
            quantization=quantization,
            pairs=pairs,
            overwrite=options.overwrite,
        )
    if quantization != EXACT:
        raise ExportError(f"quantization is for ctranslate2; transformers has float32 (found {quantization!r}).")
    return export_transformers(loaded, options.output, pairs=pairs, overwrite=options.overwrite)
