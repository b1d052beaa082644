"""`seq2seq export`."""

from pathlib import Path
from typing import Annotated

import typer

from ..engines.export_options import Format, Quantization


def run(
    checkpoint: Annotated[str, typer.Argument(help="A run folder, a checkpoint folder or a hub name.")],
    output: Annotated[Path, typer.Option(help="The folder to write; it must not exist.")],
    format: Annotated[Format, typer.Option(help="The library that shall load it.")] = "ctranslate2",
    quantization: Annotated[
        Quantization, typer.Option(help="Number type of the weights, for ctranslate2.")
    ] = "float32",
    data: Annotated[
        list[str] | None,
        typer.Option(help="Data files whose first pairs the export is compared on; left out: embedded ones."),
    ] = None,
) -> None:
    """Write a checkpoint for another library, compared with the model before it is kept."""
    from ..base.console import errors
    from ..base.formats import format_bytes
    from ..verbs.export import export

    exported = export(checkpoint, output=output, format=format, quantization=quantization, data=data)
    equality = exported.equality
    same_beams = f"{equality.equal_beams} outputs of beams are the same"
    beams = f"{format} has no beams" if equality.equal_beams is None else same_beams
    if exported.restored:
        errors().print(
            f"{exported.restored} heads that were pruned are zeros in it: {format} has one number for all layers."
        )
    errors().print(
        f"Written: {output} ({format_bytes(exported.size)}). Compared with the model on {equality.texts} texts: "
        f"log-probabilities of tokens differ by at most {equality.largest_difference:.2g}; {equality.equal} greedy "
        f"outputs are the same, {equality.ties} others as good; {beams}."
    )
