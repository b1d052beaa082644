"""The state of a run: written, read back, and read from earlier versions; nothing missing or unknown passes."""

import pytest

from seq2seq.base.errors import CheckpointError
from seq2seq.training.state import TrainingState


def test_state_is_read_back():
    state = TrainingState(step=7, fingerprints={"train": "a"}, loss_scaler={"scale": 2.0})
    assert TrainingState.from_dict(state.to_dict()) == state


def test_first_states_are_read():
    """The keys of 9c2e4e3, the first commit that could train."""
    first = {
        "step": 4, "epoch": 1, "used_batches": 1, "examples": 32, "source_tokens": 9, "target_tokens": 8,
        "seconds": 1.5, "window_loss": 0.5, "window_tokens": 3, "best_step": 4, "best_value": 4.8,
    }  # fmt: skip
    assert TrainingState.from_dict(first) == TrainingState(**first)


def test_state_of_a_later_format_is_refused():
    with pytest.raises(CheckpointError, match="is of format 3, which is unknown; this version reads up to 2"):
        TrainingState.from_dict(TrainingState().to_dict() | {"format": 3})


def test_missing_and_unknown_keys_are_named():
    values = TrainingState().to_dict() | {"colour": "red"}
    del values["step"]
    with pytest.raises(CheckpointError, match=r"missing keys \['step'\] and unknown keys \['colour'\]"):
        TrainingState.from_dict(values)
