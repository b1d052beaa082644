"""What a run must remember to go on exactly where it stopped, apart from weights and optimizer."""

from dataclasses import asdict, dataclass, field, fields
from typing import Self

from ..base.errors import CheckpointError
from ..run_folder.old_runs import OLD_STATE

FORMAT = 2  # 1 had no number


@dataclass
class TrainingState:
    """Counters of a run; dropout masks and the data's order follow from them and the seed.

    step: updates done; epoch, used_batches: the position in the data.
    examples, source_tokens, target_tokens: totals so far; seconds: spent in steps, without validation and saving.
    fingerprints: SHA-256 of the encoded data by split.
    window_loss, window_tokens: sums since the last logged line; best_step, best_value: the best validation so far.
    skipped_steps, skipped_in_a_row: steps whose loss or gradient was not finite, which changed no weight.
    micro_batch_tokens: what is left of micro_batch_tokens_asked, the recipe's, since memory ran out; else None.
    loss_scaler: the state of fp16's.
    stale_validations: how many in a row were no improvement; improved_value: what the last improvement came to.
    """

    step: int = 0
    epoch: int = 0
    used_batches: int = 0
    examples: int = 0
    source_tokens: int = 0
    target_tokens: int = 0
    seconds: float = 0.0
    window_loss: float = 0.0
    window_tokens: int = 0
    best_step: int | None = None
    best_value: float | None = None
    skipped_steps: int = 0
    skipped_in_a_row: int = 0
    micro_batch_tokens: int | None = None
    micro_batch_tokens_asked: int | None = None
    loss_scaler: dict[str, float] = field(default_factory=dict)
    stale_validations: int = 0
    improved_value: float | None = None
    fingerprints: dict[str, str] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """Source and target tokens so far."""
        return self.source_tokens + self.target_tokens

    @property
    def last_update(self) -> int:
        """The last step that changed weights; 0 if none did."""
        return self.step - self.skipped_in_a_row

    def to_dict(self) -> dict:
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_dict(cls, values: dict) -> Self:
        """Restores it.

        Raises:
            CheckpointError: it is of a newer format, or a key is missing or unknown.
        """
        if "format" not in values:  # the first had no number, and the first of these not all keys
            values = OLD_STATE | values | {"format": FORMAT}
        values = dict(values)
        if (number := values.pop("format")) != FORMAT:
            raise CheckpointError(
                f"The training state is of format {number!r}, which is unknown; this version reads up to {FORMAT}."
            )
        expected = {field.name for field in fields(cls)}
        if expected != set(values):
            raise CheckpointError(
                f"The training state has missing keys {sorted(expected - set(values))} and unknown keys "
                f"{sorted(set(values) - expected)}; it was written by another version."
            )
        return cls(**values)

    def counters(self) -> dict[str, int | float]:
        """The cumulative figures that every event of progress.jsonl carries."""
        return {
            "step": self.step,
            "examples": self.examples,
            "source_tokens": self.source_tokens,
            "target_tokens": self.target_tokens,
            "seconds": round(self.seconds, 3),
        }
