"""Options that several verbs spell alike. Imports no torch, as no file of options does."""

from typing import Annotated

from pydantic import Field

from ...base.options import Flag, Strings

Overwrite = Annotated[
    bool, Field(description="Whether to replace an earlier output; without it, what is there is left and refused.")
]
Files = Annotated[Strings, Flag(repeated=True)]
SomeFiles = Annotated[Strings | None, Flag(repeated=True)]
