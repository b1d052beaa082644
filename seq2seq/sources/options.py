"""What a recipe says about the source: its kind, and beside that the options of that kind. Imports no torch."""

from pydantic import Field

from ..base.kinds import KindOptions
from .source import Source, SourceContext
from .table import SOURCES, find_source


class SourceOptions(KindOptions):
    """The section `source` of a recipe."""

    kind: str = Field(
        "text",
        description=f"What the model reads: {', '.join(SOURCES)}, or package.module:CLASS for one of your own, whose "
        "options stand beside kind.",
    )

    def find_kind(self) -> type[Source]:
        return find_source(self.kind)

    def build(self, context: SourceContext) -> Source:
        """The source itself."""
        return self.find_kind()(self.build_own(), context)

    def build_reader(self, normalization: tuple[str, ...]) -> Source:
        """A source that only reads values, where there is no model yet."""
        return self.build(SourceContext(normalization=normalization))
