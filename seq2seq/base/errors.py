"""The errors a user can act on. Each says what was expected, what was found, where, and what to do.

The command line shows them as one screen without a traceback; anything else that escapes is a defect of ours.
"""

from collections.abc import Callable


class Seq2SeqError(Exception):
    """Base of all errors below; catch this one to catch every user mistake.

    rename: makes the message as who is told calls the options in it; see `base.option_names`.
    """

    rename: Callable[[str], str] | None = None

    def __str__(self) -> str:
        message = super().__str__()
        return message if self.rename is None else self.rename(message)


class RecipeError(Seq2SeqError):
    """A recipe, an override or an option is wrong."""


class DataError(Seq2SeqError):
    """A data file, a row or a text is wrong."""


class EmptyTextError(DataError):
    """A row has no text where one is needed: nothing can be learned from it.

    where: where the row stands. reason: what is empty, such as "column 'target' is empty".
    """

    def __init__(self, where: str, reason: str, advice: str = "Remove the row or give it a text.") -> None:
        super().__init__(f"{where}: {reason}. {advice}")
        self.where = where
        self.reason = reason


class TokenizerError(Seq2SeqError):
    """A tokenizer cannot serve as the source's or the target's."""


class WarmStartError(Seq2SeqError):
    """A checkpoint cannot start the model that the plan asks for."""


class CheckpointError(Seq2SeqError):
    """A checkpoint or run folder is missing, broken or of another kind."""


class TrainingError(Seq2SeqError):
    """A training run cannot start, or must stop."""


class TrainingInterrupted(TrainingError):
    """A signal asked a training run to stop; it saved a checkpoint and can go on.

    signal_number: the signal's.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number


class GenerationError(Seq2SeqError):
    """Text cannot be generated as asked."""


class ExportError(Seq2SeqError):
    """A checkpoint cannot be exported as asked."""


class AnalysisError(Seq2SeqError):
    """A model cannot be looked into as asked."""


class ScoringError(Seq2SeqError):
    """Predictions cannot be scored as asked."""


class HubError(Seq2SeqError):
    """A checkpoint cannot be put on the hub as asked."""
