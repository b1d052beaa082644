"""The options of `push`. Imports no torch."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from ...base.errors import HubError, Seq2SeqError
from ...base.hub_terms import check_languages, check_license
from ...base.options import Options, Strings


class PushOptions(Options):
    """Options of `push`."""

    error: ClassVar[type[Seq2SeqError]] = HubError

    license: Annotated[str, AfterValidator(check_license)] | None = Field(
        None,
        description="The license of the model, as the hub names it: apache-2.0, mit, cc-by-4.0 and so on, or other. No "
        "run knows it, so it has to be given.",
    )
    license_name: str | None = Field(
        None, description="The name of a license that the hub has no name for; license is then other."
    )
    license_link: str | None = Field(None, description="The address of the text of such a license.")
    language: Annotated[Strings, AfterValidator(check_languages)] | None = Field(
        None,
        description="The languages of the texts, by their codes in ISO 639, such as de or gsw, or multilingual; left "
        "out, those that the recipe names, if any.",
    )
    datasets: Strings | None = Field(
        None,
        description="The data sets on the hub that the model was trained on, or none; left out, those of the recipe, "
        "where all of its training data are the hub's.",
    )
    private: bool = Field(
        False, description="Whether a new repository can be seen by its owners alone; one that is public is refused."
    )
    revision: str | None = Field(
        None,
        description="The branch to upload to, which is made where it is not there, or refs/pr/N; left out, it is main.",
    )
    message: str | None = Field(
        None, description="The first line of the commit; left out, it names the step of the checkpoint."
    )
    samples: bool = Field(
        False,
        description="Whether the card shows some test texts with the model's outputs, which may be nobody else's "
        "business.",
    )
    dry_run: bool = Field(
        False, description="Whether the files and the card are only shown, and nothing is uploaded; needs no network."
    )
