"""`seq2seq init`."""

from typing import Annotated, Any

import typer

from ..verbs.options.init import InitOptions
from .flags import read_flags, takes_flags


@takes_flags(InitOptions)
def run(
    data: Annotated[str, typer.Argument(help="The file of pairs: JSONL, JSON, CSV, TSV or Parquet, also .gz.")],
    **flags: Any,
) -> None:
    """Look at a file of pairs and write a recipe that fits.

    Pairs for validation and test are set aside where none are given. Every setting says why. Nothing is replaced.
    """
    from ..base.console import output
    from ..verbs.early_checks import check_init

    options = read_flags(InitOptions, flags)
    check_init(data, options)
    from ..verbs.init.display import list_parts
    from ..verbs.init.init import init

    for part in list_parts(init(data, **dict(options))):
        output().print(part)
