"""Which columns of a file hold sources and targets: by names that are usual, else by lengths, else nobody can tell.

Imports no torch. Knows nothing of what is done with them.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from ...base.errors import DataError
from ...reports.markdown import shorten, show_on_one_line
from ...sources.columns import MISSING, Row, search

LOOKED_AT = 100  # rows: enough to tell texts from numbers, read at once from any file
SHOWN_CHARACTERS = 60  # of a sample in the list of columns
LONGER = 1.5  # times as many characters make a column the source of the other, as of summaries and their texts

# What data sets on the hub and in other toolkits call the two sides; pairs that are usual go before names alone.
PAIRS = (
    ("source", "target"), ("src", "tgt"), ("src", "trg"), ("article", "highlights"), ("article", "summary"),
    ("article", "abstract"), ("document", "summary"), ("dialogue", "summary"), ("text", "summary"),
    ("complex", "simple"), ("complex_sentence", "simple_sentence"), ("input", "output"), ("inputs", "targets"),
    ("question", "answer"), ("prompt", "completion"), ("prompt", "response"), ("text", "label"), ("text", "title"),
    ("sentence1", "sentence2"),
)  # fmt: skip
SOURCES = (
    "source", "sources", "src", "article", "articles", "document", "documents", "dialogue", "dialog", "text", "input",
    "inputs", "input_text", "source_text", "complex", "complex_sentence", "original", "question", "prompt", "body",
    "content", "passage", "report", "transcript", "sentence1",
)  # fmt: skip
TARGETS = (
    "target", "targets", "tgt", "trg", "highlights", "summary", "summaries", "abstract", "tldr", "output", "outputs",
    "target_text", "output_text", "summary_text", "simple", "simple_sentence", "simplified", "answer", "completion",
    "response", "label", "labels", "title", "headline", "paraphrase", "translation", "sentence2",
)  # fmt: skip
# Codes of languages that columns are called by, of two letters, as ISO 639-1 has them; with a country, as in en_XX.
LANGUAGES = frozenset(
    "af am ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk km kn "
    "ko ky la lb lo lt lv mg mk ml mn mr ms mt my nb ne nl nn no pa pl ps pt ro ru rw sd si sk sl so sq sr su sv sw ta "
    "te tg th tk tl tr tt ug uk ur uz vi xh yi yo zh zu".split()
)
# Columns that hold texts, or what looks like some, and are no side.
OTHERS = frozenset("id idx index guid uid url link date time author lang language split references".split())


@dataclass(frozen=True)
class TextColumn:
    """A column with text in it. characters: the median of its texts in the rows that were looked at."""

    name: str
    characters: float
    sample: str

    @property
    def short_name(self) -> str:
        """Its own name, in lower case. 'translation.EN' -> 'en'"""
        return self.name.rpartition(".")[2].lower()


@dataclass(frozen=True)
class ChosenColumns:
    """The columns of each side. why: how they were found, as part of a sentence. others: those that are left."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    why: str
    others: tuple[str, ...] = ()


def choose_columns(
    name: str,
    rows: Sequence[Row],
    *,
    source: tuple[str, ...] | None = None,
    target: tuple[str, ...] | None = None,
) -> ChosenColumns:
    """The columns of the sources and of the targets, those given as they are.

    Args:
        name: of the file, for errors.
        rows: the first of it.

    Raises:
        DataError: what is not given cannot be told; every column is shown with a sample.
    """
    columns = _list_text_columns(rows)
    given = (*(source or ()), *(target or ()))
    free = [column for column in columns if column.name not in given]
    if source and target:
        return ChosenColumns(source, target, "as you said", tuple(column.name for column in free))
    pair = _complete_pair(free, source, target) or _find_pair(free, given)
    if pair is None:
        _refuse(name, columns)
    left = [column.name for column in free if column.name not in (*pair.source, *pair.target)]
    return ChosenColumns(pair.source, pair.target, pair.why, tuple(left))


def _list_text_columns(rows: Sequence[Row]) -> list[TextColumn]:
    """Columns of which half of the values that are there are texts with letters, in the file's order."""
    columns = []
    for path in dict.fromkeys(path for row in rows for path in _list_paths(row.values)):
        values = [search(row.values, path) for row in rows]
        values = [value for value in values if value is not MISSING and value is not None and value != ""]
        texts = [value for value in values if isinstance(value, str) and any(map(str.isalpha, value))]
        if texts and 2 * len(texts) >= len(values):
            columns.append(TextColumn(path, median(map(len, texts)), texts[0]))
    return columns


def _list_paths(values: dict, prefix: str = "") -> Iterator[str]:
    """The columns, those in columns by their dotted paths."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _list_paths(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _complete_pair(
    free: Sequence[TextColumn],
    source: tuple[str, ...] | None,
    target: tuple[str, ...] | None,
) -> ChosenColumns | None:
    """The pair of which one side is given, where the other can be told."""
    if not source and not target:
        return None
    names = TARGETS if source else SOURCES
    found = [column for column in free if column.short_name in names] or _leave_out_others(free)
    if len(found) != 1:
        return None
    other = (found[0].name,)
    why = "one side as you said, the other is the only one left that may be it"
    return ChosenColumns(source or other, target or other, why)


def _find_pair(free: Sequence[TextColumn], given: Collection[str]) -> ChosenColumns | None:
    """The pair that names or lengths tell of; with one side given, neither is asked."""
    if given:
        return None
    return _find_by_names(free) or _find_by_languages(free) or _find_by_lengths(_leave_out_others(free))


def _leave_out_others(columns: Sequence[TextColumn]) -> list[TextColumn]:
    return [column for column in columns if column.short_name not in OTHERS]


def _find_by_names(columns: Sequence[TextColumn]) -> ChosenColumns | None:
    by_name = {column.short_name: column.name for column in columns}
    known = [(by_name[source], by_name[target]) for source, target in PAIRS if source in by_name and target in by_name]
    if not known:
        sources = [by_name[name] for name in SOURCES if name in by_name]
        targets = [by_name[name] for name in TARGETS if name in by_name]
        known = [(sources[0], targets[0])] if len(sources) == len(targets) == 1 else []
    if not known:
        return None
    source, target = known[0]
    return ChosenColumns((source,), (target,), "by their names")


def _find_by_languages(columns: Sequence[TextColumn]) -> ChosenColumns | None:
    """Two columns that are called by languages, the first of them the source."""
    named = [column.name for column in columns if is_language(column.short_name)]
    if len(named) != 2:
        return None
    source, target = named
    return ChosenColumns((source,), (target,), "by their names, two languages in the file's order")


def is_language(name: str) -> bool:
    """Whether a column is called by a language. 'en', 'de_DE', 'zh-CN' -> True"""
    return name.lower().replace("-", "_").partition("_")[0] in LANGUAGES


def _find_by_lengths(columns: Sequence[TextColumn]) -> ChosenColumns | None:
    """Of the only two, the longer one, if it is clearly longer, is the source."""
    if len(columns) != 2:
        return None
    shorter, longer = sorted(columns, key=lambda column: column.characters)
    if longer.characters < LONGER * shorter.characters:
        return None
    times = f"{longer.characters / shorter.characters:.1f} times"
    return ChosenColumns((longer.name,), (shorter.name,), f"by their lengths: the source is {times} as long")


def _refuse(name: str, columns: Sequence[TextColumn]) -> None:
    """Lists all columns.

    Raises:
        DataError: always.
    """
    if len(columns) < 2:
        listed = f" (found: {columns[0].name!r})" if columns else ""
        raise DataError(
            f"{name}: expected two columns of texts, sources and targets, found {len(columns)}{listed}. If its cells "
            "were told apart wrongly, set data.delimiter; if it has no header line, data.header."
        )
    lines = []
    for column in columns:
        sample = show_on_one_line(shorten(column.sample, SHOWN_CHARACTERS))
        lines.append(f"  {column.name!r}, {column.characters:,.0f} characters in the middle: {sample}")
    listed = "\n".join(lines)
    raise DataError(
        f"{name}: nobody can tell which columns hold the sources and the targets. Set data.columns.source and "
        f"data.columns.target, and data.header if the file has no header line. Its columns of texts:\n{listed}"
    )
