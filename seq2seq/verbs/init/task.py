"""Which task pairs look like, by the names of their columns, their scripts and their lengths. Imports no torch."""

from dataclasses import dataclass
from statistics import median

from ...metrics.words import list_script_words, split_sentences
from .columns import is_language
from .figures import FileFigures

SUMMARIES = ("highlights", "summary", "summaries", "summary_text", "abstract", "tldr", "headline", "title")
SHORT = 0.5  # of the words of its source: a target that says less. Of the sets in recipes/, summaries have 0.06 to 0.25
SHARED = (
    0.5  # of a target's words stand in its source, where both are of one language: of splitting and fusion over 0.8
)
FEW_TARGETS = 20  # that differ, in a sample of at least ten times as many: labels, not texts


@dataclass(frozen=True)
class GuessedTask:
    """A task's name, and why, as part of a sentence."""

    name: str
    why: str


def guess_task(file: FileFigures) -> GuessedTask:
    """The task of a recipe for a file of pairs; where nothing tells, translation, whose settings are the plainest."""
    source_name = file.columns.source[0].rpartition(".")[2]
    target_name = file.columns.target[0].rpartition(".")[2]
    if target_name.lower() in SUMMARIES:
        return GuessedTask("summarization", f"the targets are in a column {target_name!r}")
    if is_language(source_name) and is_language(target_name):
        return GuessedTask("translation", "the columns are called by languages")
    if file.source.script != file.target.script:
        scripts = f"sources are in {file.source.script or 'no'} script, targets in {file.target.script or 'no'}"
        return GuessedTask("translation", scripts)
    return _guess_by_texts(file)


def _guess_by_texts(file: FileFigures) -> GuessedTask:
    ratio = file.target.words.tokens / max(file.source.words.tokens, 1)
    if ratio < SHORT:
        return GuessedTask("summarization", f"targets have {ratio:.2f} times the words of their sources")
    if _measure_shared(file) >= SHARED:
        sources = median(len(split_sentences(text)) for text in file.source.sample)
        targets = median(len(split_sentences(text)) for text in file.target.sample)
        if targets > sources:
            return GuessedTask(
                "sentence_splitting", "targets have more sentences, and share the words of their sources"
            )
        if targets < sources:
            return GuessedTask("sentence_fusion", "targets have fewer sentences, and share the words of their sources")
        return GuessedTask("sentence_fusion", "targets share the words of their sources and are about as long")
    return GuessedTask("translation", "targets share few words with their sources and are about as long")


def _measure_shared(file: FileFigures) -> float:
    """The share of the targets' words that stand in their sources, in the mean of the sample."""
    shares = []
    for source, target in zip(file.source.sample, file.target.sample, strict=True):
        words = list_script_words(target)
        known = set(list_script_words(source))
        if words:
            shares.append(sum(word in known for word in words) / len(words))
    return sum(shares) / len(shares) if shares else 0.0


def has_labels(file: FileFigures) -> bool:
    """Whether targets are a few that come again and again, as labels of classes do."""
    different = len(set(file.target.sample))
    return different <= FEW_TARGETS and len(file.target.sample) >= 10 * different
