"""The origin report: for every parameter of a started model where its numbers came from.

The warm start fills it; run folders and model cards show it.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import torch

from ..modeling.parts import Part, map_parts
from ..modeling.sharing import map_shared_names
from ..modeling.token_loss import TokenLossModel
from .options import LearningRateGroup
from .sides import Written

OriginKind = Literal["copied", "converted", "shared", "random"]


@dataclass(frozen=True)
class ParameterOrigin:
    """Where one parameter came from.

    name: its name in the model; part: where it belongs there.
    kind: copied (bit for bit), converted (computed from the tensors named), shared (another name of the first tensor
        named, a parameter of this model) or random (drawn, or the constant that `note` tells).
    file: the weights file the tensors were read from; note: what was computed, or how it was drawn.
    """

    name: str
    part: Part
    kind: OriginKind
    shape: tuple[int, ...]
    file: str | None = None
    tensors: tuple[str, ...] = ()
    note: str | None = None

    @property
    def parameters(self) -> int:
        """How many numbers it adds to the model; a shared name adds none."""
        return 0 if self.kind == "shared" else math.prod(self.shape)


@dataclass(frozen=True)
class OriginReport:
    """The origin of every parameter name, the tensors of the files that found no use, and what else was changed."""

    plan: str
    parameters: tuple[ParameterOrigin, ...]
    unused_tensors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def count(self, *kinds: OriginKind) -> int:
        """Parameters of these kinds; of all kinds where none is named."""
        counted = [origin for origin in self.parameters if not kinds or origin.kind in kinds]
        return sum(origin.parameters for origin in counted)

    def totals(self) -> dict[str, int]:
        """The columns of the paper's table: total, embeddings, initialised, random."""
        embeddings = [origin for origin in self.parameters if origin.part == "embeddings"]
        return {
            "total": self.count(),
            "embeddings": sum(origin.parameters for origin in embeddings),
            "initialised": self.count("copied", "converted"),
            "random": self.count("random"),
        }

    def learning_rate_groups(self) -> dict[str, LearningRateGroup]:
        """The group of each parameter for `training.learning_rates`.

        cross_attention before random before decoder before encoder; shared parameters and embeddings count as encoder.
        """
        own = [origin for origin in self.parameters if origin.kind != "shared"]
        return {origin.name: _learning_rate_group(origin) for origin in own}

    def to_dict(self) -> dict:
        return {"totals": self.totals(), **asdict(self)}

    @classmethod
    def from_dict(cls, values: dict) -> Self:
        """The report that `to_dict` wrote."""
        parameters = []
        for row in values["parameters"]:
            tuples = {"shape": tuple(row["shape"]), "tensors": tuple(row["tensors"])}
            parameters.append(ParameterOrigin(**row | tuples))
        return cls(
            plan=values["plan"],
            parameters=tuple(parameters),
            unused_tensors=tuple(values["unused_tensors"]),
            notes=tuple(values["notes"]),
        )


def report_started(
    plan: str,
    model: TokenLossModel,
    written: Written,
    notes: dict[str, str],
    further: tuple[str, ...],
) -> OriginReport:
    """The origins in a model that was filled from its sides.

    Args:
        notes: by parameter, what its start was beyond being copied. further: notes on the whole.
    """

    def trace(name: str, parameter: torch.Tensor) -> dict[str, Any]:
        if name not in written:
            return {"kind": "random", "note": notes.get(name) or _format_initial(parameter)}
        checkpoint, tensor = written[name]
        changes = list(tensor.changes)
        if name in notes:
            changes.append(notes[name])
        return {
            "kind": "converted" if tensor.changes else "copied",
            "file": f"{checkpoint.name}/{checkpoint.weights.files[tensor.tensors[0]].name}",
            "tensors": tensor.tensors,
            "note": "; ".join(changes) or None,
        }

    return OriginReport(
        plan=plan,
        parameters=_list_origins(model, trace),
        unused_tensors=_list_unused(written),
        notes=further,
    )


def _list_unused(written: Written) -> tuple[str, ...]:
    """The tensors of the checkpoints behind `written` that nothing was filled from."""
    checkpoints = {checkpoint.name: checkpoint for checkpoint, _ in written.values()}
    used: dict[str, set[str]] = {name: set() for name in checkpoints}
    for checkpoint, filled in written.values():
        used[checkpoint.name].update(filled.tensors)
    unused = []
    for name, checkpoint in checkpoints.items():
        unused += [tensor for tensor in checkpoint.weights.files if tensor not in used[name]]
    return tuple(dict.fromkeys(unused))


def report_loaded(
    plan: str,
    model: TokenLossModel,
    file: str,
    unused_tensors: tuple[str, ...],
) -> OriginReport:
    """The origins in a model that one weights file filled whole."""

    def trace(name: str, parameter: torch.Tensor) -> dict[str, Any]:
        return {"kind": "copied", "file": file, "tensors": (name,)}

    return OriginReport(plan, _list_origins(model, trace), unused_tensors)


def _list_origins(
    model: TokenLossModel, trace: Callable[[str, torch.Tensor], dict[str, Any]]
) -> tuple[ParameterOrigin, ...]:
    """The origin of every parameter name; `trace` tells it of those that are not another's further name."""
    shared = map_shared_names(model)
    parts = map_parts(model)
    origins = []
    for name, parameter in model.named_parameters(remove_duplicate=False):
        of_first = {"kind": "shared", "tensors": (shared.get(name),)}
        traced = of_first if name in shared else trace(name, parameter)
        origin = ParameterOrigin(
            name=name,
            part=parts[name],
            shape=tuple(parameter.shape),
            **traced,
        )
        origins.append(origin)
    return tuple(origins)


def _format_initial(parameter: torch.Tensor) -> str:
    # transformers' initialisers set biases and norms to one of these, and draw everything else.
    for value, word in ((0, "zeros"), (1, "ones")):
        if bool((parameter == value).all()):
            return word
    return "normal"


def _learning_rate_group(parameter: ParameterOrigin) -> LearningRateGroup:
    if parameter.part == "cross_attention":
        return "cross_attention"
    if parameter.kind == "random":
        return "random"
    return "decoder" if parameter.part in ("decoder", "output") else "encoder"
