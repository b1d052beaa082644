"""`seq2seq generate`."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    checkpoint: Annotated[str, typer.Argument(help="A run folder, a checkpoint folder or a hub name.")],
    text: Annotated[list[str] | None, typer.Option(help="A text; may be given more than once.")] = None,
    input: Annotated[
        str | None, typer.Option(help="Texts one a line, or .jsonl, .csv, .tsv, .parquet; - is stdin.")
    ] = None,
    output: Annotated[
        str, typer.Option(help="Where to write, by its name text or .jsonl; - is standard output.")
    ] = "-",
    column: Annotated[
        str | None, typer.Option(help="Of the source; several by commas; left out: as the checkpoint says.")
    ] = None,
    header: Annotated[str | None, typer.Option(help="Columns of CSV and TSV without a header line, by commas.")] = None,
    num_beams: Annotated[int | None, typer.Option(help="Left out: as the checkpoint says.")] = None,
    max_target_tokens: Annotated[int | None, typer.Option(help="Left out: as the checkpoint says.")] = None,
    length_penalty: Annotated[float | None, typer.Option(help="Left out: as the checkpoint says.")] = None,
    no_repeat_ngram_size: Annotated[int | None, typer.Option(help="Left out: as the checkpoint says.")] = None,
    batch_tokens: Annotated[int | None, typer.Option(help="Left out: as the checkpoint says.")] = None,
) -> None:
    """Write one output for each text, in order. Empty lines give empty lines."""
    from .. import api
    from ..data.plain_text import check_output, read_texts, write_texts
    from ..errors import GenerationError
    from ..reports.console import errors, show_progress
    from .arguments import split_names

    if (text is None) == (input is None):
        raise GenerationError("Give either --text or --input.")
    if output != "-":
        check_output(Path(output))
    loaded = api.load_checkpoint(checkpoint)
    layout = api.read_layout(
        loaded,
        columns={"source": split_names(column)} if column else None,
        header=split_names(header),
    )
    read = read_texts(input, layout.columns.source, layout.header) if input is not None else None
    texts = read.texts if read else text
    options = {
        "num_beams": num_beams,
        "max_target_tokens": max_target_tokens,
        "length_penalty": length_penalty,
        "no_repeat_ngram_size": no_repeat_ngram_size,
        "batch_tokens": batch_tokens,
    }
    generator = api.load_generator(loaded, **{name: value for name, value in options.items() if value is not None})
    with show_progress("generating", len(texts), visible=output != "-") as bar:
        generated = generator.generate(texts, bar.advance)
    joined = write_texts(None if output == "-" else Path(output), texts, generated.texts)
    counts = {
        "sources without a token, output empty": generated.empty,
        f"sources cut at {generator.max_source_tokens} tokens": generated.truncated,
        "sources with bytes that are not UTF-8, replaced by U+FFFD": read.replaced if read else 0,
        "outputs whose line breaks became spaces": joined,
    }
    for what, count in counts.items():
        if count:
            errors().print(f"{count} {what}")
