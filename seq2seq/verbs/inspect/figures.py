"""The figures that `seq2seq inspect` finds about a recipe, as plain objects: what a caller gets and what JSON holds."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ...data.empty_rows import LeftOut
from ...data.lengths import LengthSummary
from ...text.round_trip import RoundTrip
from ...text.written_marks import WrittenMarks
from ...warmstart.origin import OriginReport

DuplicateKind = Literal["repeated", "conflicting", "same source", "same pair"]


@dataclass(frozen=True)
class ShownRow:
    """A row as the model sees it, in tokens; and how many tokens of either side were truncated."""

    place: str
    source: tuple[str, ...]
    decoder_input: tuple[str, ...]
    labels: tuple[str, ...]
    cut_source_tokens: int
    cut_target_tokens: int


@dataclass(frozen=True)
class SplitFigures:
    """One split: its lengths before truncation, whether a sample of its targets can be written, its first rows.

    source_marks, target_marks: those that stand in its texts.
    left_out: rows without text, which are not among `rows`.
    """

    rows: int
    source: LengthSummary
    target: LengthSummary
    round_trip: RoundTrip
    examples: tuple[ShownRow, ...]
    source_marks: WrittenMarks = field(default_factory=WrittenMarks)
    target_marks: WrittenMarks = field(default_factory=WrittenMarks)
    left_out: LeftOut = field(default_factory=LeftOut)


@dataclass(frozen=True)
class Duplicates:
    """Rows of a split that stand in the data more than once.

    kind: repeated (source and target stand in an earlier row), conflicting (the source stands with another target too),
    same source or same pair (they stand in the split `other`).
    place, like: file and line of the first of these rows, and of one that it equals or contradicts.
    """

    kind: DuplicateKind
    split: str
    other: str
    rows: int
    of: int
    place: str | None = None
    like: str | None = None

    @property
    def share(self) -> float:
        return self.rows / self.of


@dataclass(frozen=True)
class Schedule:
    """The steps of a run, and a step's means over the batches that were looked at.

    examples, source_tokens, target_tokens: real ones, over all processes; micro_batches, padded_tokens: of one process.
    padding_efficiency: the share of padded tokens that are real.
    """

    steps: int
    steps_per_epoch: int
    epochs: float
    examples: float
    source_tokens: float
    target_tokens: float
    micro_batches: float
    padded_tokens: float
    padding_efficiency: float
    processes: int
    batches_looked_at: int


@dataclass(frozen=True)
class Memory:
    """Bytes of the model while it trains, without sharding; what its layers remember for the way back comes on top."""

    parameters: int
    trained_parameters: int
    parameter_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    average_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.parameter_bytes + self.gradient_bytes + self.optimizer_bytes + self.average_bytes


@dataclass(frozen=True)
class TimeEstimate:
    """Seconds, extrapolated from a few updates and outputs on this machine.

    updates, largest_update_tokens: how many were timed, and the padded tokens of a process in the largest of them.
    validations: how many the run has, each of validation_seconds; peak_bytes: the most the GPU held, if there is one.
    """

    device: str
    processes: int
    updates: int
    largest_update_tokens: int
    seconds_per_step: float
    training_seconds: float
    validations: int
    validation_seconds: float
    test_seconds: float
    peak_bytes: int | None = None

    @property
    def total_seconds(self) -> float:
        return self.training_seconds + self.validations * self.validation_seconds + self.test_seconds


@dataclass(frozen=True)
class Finding:
    """Something that will hurt, and what to do about it."""

    about: str
    text: str


@dataclass(frozen=True)
class Inspection:
    """All figures. comparison: how rows were compared for duplicates; time: None where it was not estimated."""

    recipe: dict[str, Any]
    origin: OriginReport
    splits: dict[str, SplitFigures]
    duplicates: tuple[Duplicates, ...]
    comparison: str
    schedule: Schedule
    memory: Memory
    time: TimeEstimate | None
    warnings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON, totals included."""
        figures = asdict(self) | {"origin": self.origin.to_dict()}
        figures["memory"]["total_bytes"] = self.memory.total_bytes
        if self.time is not None:
            figures["time"]["total_seconds"] = self.time.total_seconds
        return figures
