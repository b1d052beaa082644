"""One side of the model as its checkpoint fills it: the config to build, and the tensors behind every parameter.

A side is a checkpoint that was converted to BertGeneration, as BERT and RoBERTa are, or one of any family in its own
classes. H is the width, V the rows of the embedding table, P the positions.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from transformers import MODEL_MAPPING, PreTrainedConfig

from ..base.errors import WarmStartError
from ..families.configs import count_positions, find_positions, set_positions
from ..families.conversion import convert_config, convert_positions
from ..families.family import require
from ..families.table import find_family
from ..modeling.layers import apply_layers, find_obstacle
from .layers import choose_layers
from .published_checkpoint import PublishedCheckpoint


@dataclass(frozen=True)
class FilledTensor:
    """One parameter of a side: its name there, its numbers, the tensors it was made of, and what was changed."""

    name: str
    value: torch.Tensor
    tensors: tuple[str, ...]
    changes: tuple[str, ...] = ()


# What was filled, by the first name of the parameter in the model.
Written = dict[str, tuple[PublishedCheckpoint, FilledTensor]]


@dataclass(frozen=True)
class Side:
    """One side of the model.

    config: what to build. layers: the checkpoint's layer behind each layer of the side.
    converted: whether the side is a BertGeneration made of another family.
    old_rows: for each row of the embedding table the checkpoint's rows whose mean it begins from; none: the mean of
        all. None where the table stays as it is.
    """

    checkpoint: PublishedCheckpoint
    config: PreTrainedConfig
    layers: tuple[int, ...]
    converted: bool
    old_rows: list[tuple[int, ...]] | None = None

    def read_tensors(
        self,
        wanted: Mapping[str, torch.Size],
        lm_head: Mapping[str, torch.Size],
        table: str | None,
    ) -> Iterator[FilledTensor]:
        """The parameters `wanted`, by their names in the side's body, and those of the LM head, if the file has it.

        `table` names the embeddings of the words among them.

        Raises:
            WarmStartError: the file lacks a tensor, or holds one of another shape or with numbers that are not finite;
                nothing is left random in silence.
        """
        prefix = MODEL_MAPPING[type(self.checkpoint.config)].base_model_prefix
        in_file = self.checkpoint.weights.map_names((f"{prefix}.",))
        in_vocabulary = {table, *lm_head}
        if any(name in in_file for name in lm_head):
            wanted = {**wanted, **lm_head}
        needed = {name: self._name_in_file(name) for name in wanted}
        token_types = self._find_token_types(wanted)
        further = [] if token_types is None else [token_types]
        self._check_in_file([*needed.values(), *further], in_file)
        for name, shape in wanted.items():
            tensor = self._fill(name, in_file[needed[name]], None if token_types is None else in_file[token_types])
            if name in in_vocabulary:
                tensor = self._gather(tensor, shape)
            if tensor.value.shape != shape:
                raise WarmStartError(
                    f"{self.checkpoint.name}: tensor {tensor.tensors[0]} has shape {tuple(tensor.value.shape)}, "
                    f"the config asks for {tuple(shape)}. Weights and config.json do not belong together."
                )
            yield tensor

    def _check_in_file(self, needed: list[str], in_file: Mapping[str, str]) -> None:
        missing = [name for name in needed if name not in in_file]
        if missing:
            raise WarmStartError(
                f"{self.checkpoint.name}: {len(missing)} tensors that the plan copies are not in the weights: "
                f"{_format_some(missing)} (found {len(in_file)}: {_format_some(sorted(in_file))})."
            )

    def _find_token_types(self, wanted: Mapping[str, torch.Size]) -> str | None:
        """The table that goes into that of the positions, where the side is converted and has these to fill."""
        positions = find_positions(self.config)
        if not self.converted or positions is None or positions.table not in wanted:
            return None
        return require(find_family(self.checkpoint.config).conversion, "conversion").token_types

    def _name_in_file(self, name: str) -> str:
        """The layer of the side as the layer of the checkpoint: encoder.layer.1... as encoder.layer.3..."""
        layers = find_family(self.config).layers
        if layers is None or layers.path is None or not name.startswith(f"{layers.path}."):
            return name
        path = f"{layers.path}."
        layer, _, rest = name.removeprefix(path).partition(".")
        if layers.of_first and layers.of_first in rest:
            return f"{path}0.{rest}"
        return f"{path}{self.layers[int(layer)]}.{rest}"

    def _fill(
        self,
        name: str,
        tensor: str,
        token_types: str | None,
    ) -> FilledTensor:
        value = self.checkpoint.weights.load(tensor)
        positions = find_positions(self.config)
        if positions is None or name != positions.table:
            return FilledTensor(name, value, (tensor,))
        tensors: tuple[str, ...] = (tensor,)
        changes: tuple[str, ...] = ()
        if token_types is not None:
            # BertGeneration has no token types: the one that texts have goes into the positions.
            types = self.checkpoint.weights.load(token_types)
            value, changes = convert_positions(value, types, self.checkpoint.config)
            tensors = (tensor, token_types)
        value, repeated = _repeat_positions(value, self.config.max_position_embeddings, positions.first)
        return FilledTensor(name, value, tensors, changes + repeated)

    def _gather(self, tensor: FilledTensor, shape: torch.Size) -> FilledTensor:
        """The tensor with the rows of the side's vocabulary, where it has a row a token."""
        has_old_rows = len(tensor.value) == self.checkpoint.config.vocab_size
        gets_new_rows = shape[0] == self.config.vocab_size
        if self.old_rows is None or not has_old_rows or not gets_new_rows:
            return tensor
        value, changes = _gather_rows(tensor.value, self.old_rows)
        return replace(tensor, value=value, changes=tensor.changes + changes)


def build_side(
    checkpoint: PublishedCheckpoint,
    *,
    convert: bool,
    layers: int | str | list[int] | None,
    max_positions: int | None,
    rows: int | None = None,
    old_rows: list[tuple[int, ...]] | None = None,
) -> Side:
    """The side that a checkpoint gives.

    Args:
        convert: whether it becomes a BertGeneration.
        layers: the choice of layers, see `choose_layers`.
        max_positions: the least number of tokens that shall fit; positions beyond the checkpoint's repeat its table.
        rows: of the embedding table; None keeps the checkpoint's. old_rows: see `Side`.

    Raises:
        WarmStartError: the choice of layers or the number of positions does not fit.
    """
    _refuse_relative_positions(checkpoint)
    config = convert_config(checkpoint.config) if convert else deepcopy(checkpoint.config)
    chosen = choose_layers(layers, config.num_hidden_layers, checkpoint.name)
    if layers is not None:
        _check_layers(checkpoint.name, config, chosen)
        apply_layers(config, chosen)
    available = count_positions(config)
    if max_positions is not None and available is not None and available < max_positions:
        if find_positions(config) is None:
            raise WarmStartError(
                f"model.max_positions: {checkpoint.name}: where a {config.model_type} model keeps its positions is not "
                f"known here, so its {available} cannot become more. Leave it out."
            )
        set_positions(config, max_positions)
    if rows is not None:
        config.vocab_size = rows
    converted = convert and checkpoint.config.model_type != config.model_type
    return Side(checkpoint, config, chosen, converted, old_rows)


def _refuse_relative_positions(checkpoint: PublishedCheckpoint) -> None:
    position_type = getattr(checkpoint.config, "position_embedding_type", None) or "absolute"
    if position_type != "absolute":
        raise WarmStartError(
            f"{checkpoint.name}: positions are {position_type!r}, and transformers 5 builds this family with absolute "
            "ones alone. Choose another checkpoint."
        )


def _check_layers(
    name: str,
    config: PreTrainedConfig,
    chosen: tuple[int, ...],
) -> None:
    """Refuses a choice of layers that would not be the checkpoint's layers.

    Raises:
        WarmStartError: naming why.
    """
    reason = find_obstacle(config, chosen)
    if reason is not None:
        raise WarmStartError(
            f"{name}: layers {list(chosen)} of this {config.model_type} cannot be kept: {reason}. Choose others, or "
            "all."
        )


def _repeat_positions(
    table: torch.Tensor,
    rows: int,
    first: int,
) -> tuple[torch.Tensor, tuple[str, ...]]:
    """A position table of `rows` rows: the given one, repeated from its row `first` on, and a note if it was.

    Shape: table (first + P, H); gives (rows, H).
    """
    if rows <= len(table):
        return table, ()
    # Without the rows in front of the first position, which no text reads.
    positions = table[first:]
    further = positions[torch.arange(rows - len(table)) % len(positions)]
    note = f"{len(positions)} positions repeated up to {rows - first}"
    return torch.cat([table, further]), (note,)


def _gather_rows(table: torch.Tensor, old_rows: list[tuple[int, ...]]) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Rows of another vocabulary, each the mean of some old rows, or of all, and a note of what they are.

    Shape: table (old V, ...); gives (V, ...).
    """
    if old_rows == [(row,) for row in range(len(table))]:
        return table, ()
    mean = table.mean(dim=0)
    rows = torch.stack([table[list(old)].mean(dim=0) if old else mean for old in old_rows])
    # Copied once more, bit for bit: the mean of one row may be rounded.
    kept = [index for index, old in enumerate(old_rows) if len(old) == 1]
    rows[torch.tensor(kept, dtype=torch.long)] = table[[old_rows[index][0] for index in kept]]
    pieces = sum(len(old) > 1 for old in old_rows)
    means = sum(not old for old in old_rows)
    if len(old_rows) == len(table) + 1 and means == 1 and pieces == 0:
        return rows, ("1 row added: the mean of all",)
    return rows, (f"{len(kept)} rows kept, {pieces} the mean of old pieces, {means} the mean of all",)


def _format_some(names: list[str], count: int = 10) -> str:
    shown = ", ".join(names[:count])
    return f"{shown}, ..." if len(names) > count else shown
