"""The table of families, the rows that users add to it, and the one question asked of it: which row is a config's.

Families without a row work too where their classes do: they are looked at with the names that are common. Imports
neither torch nor transformers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from ..base.errors import Seq2SeqError
from ..base.objects import load_object
from . import bart, bert, deberta, gpt2, modern, refused, t5
from .family import NO_NAMES, AttentionNames, Family, Side

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

# Families whose names others have too: one without a row is looked at with them.
COMMON = (
    bert.BERT, bert.BERT_GENERATION, bert.ROBERTA, bert.DATA2VEC, bert.PRE_NORM_ROBERTA, bert.ROBERTA_ENCODER,
    bert.LONGFORMER, bert.ELECTRA, gpt2.GPT2, bert.REMBERT, deberta.DEBERTA, deberta.DEBERTA_V2, bert.DISTILBERT,
    bert.ALBERT, bert.MPNET, modern.MODERNBERT, modern.EUROBERT,
    t5.T5, t5.UMT5, t5.LONGT5, t5.SWITCH, bart.BART, bart.MVP, bart.FSMT, bart.NLLB_MOE, bart.PEGASUS_X,
)  # fmt: skip
# Families with names that mean something else elsewhere, and those that are refused.
SPECIAL = (
    bart.LED, bart.BIGBIRD_PEGASUS,
    refused.MIXING, refused.BIG_BIRD, refused.GPT_BIGCODE, refused.MEGATRON_BERT, refused.PROPHETNET,
)  # fmt: skip
ROWS = COMMON + SPECIAL


def _join(values: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """All values, each once."""
    return tuple(dict.fromkeys(chain.from_iterable(values)))


def _join_rows(rows: Sequence[Family]) -> Family:
    """What a family without a row is looked at with."""
    known = [row.attention for row in rows]
    attention = AttentionNames(
        modules=_join(names.modules for names in known),
        outputs=_join(names.outputs for names in known),
        cross=_join(names.cross for names in known),
        projections=_join(names.projections for names in known),
        head_by_head=_join(names.head_by_head for names in known),
        of_all_heads=_join(names.of_all_heads for names in known),
    )
    return Family(
        model_types=(),
        whole_layers=_join(row.whole_layers for row in rows),
        attention=attention,
        dropouts=_join(row.dropouts for row in rows),
        unreached=_join(row.unreached for row in rows),
    )


UNKNOWN = _join_rows(COMMON)


def _complete(row: Family) -> Family:
    """The row, with the common names where it leaves its own out."""
    return replace(
        row,
        attention=UNKNOWN.attention if row.attention == NO_NAMES else row.attention,
        dropouts=row.dropouts or UNKNOWN.dropouts,
    )


FAMILIES = {model_type: _complete(row) for row in ROWS for model_type in row.model_types}
# By model type, the rows that users named in this process, and the names. A recipe or a checkpoint says which it needs.
_added: dict[str, tuple[str, Family]] = {}


def find_family(config: "PreTrainedConfig") -> Family:
    """The row of a config's family; that of the unknown where there is none."""
    model_type = config.model_type
    if model_type in _added:
        return _added[model_type][1]
    return FAMILIES.get(model_type, UNKNOWN)


def add_families(names: Sequence[str], where: str, error: type[Seq2SeqError]) -> None:
    """Adds rows of the user's own, each named as package.module:OBJECT, for the rest of the process.

    Importing the module is the user's chance to register classes with transformers.

    Args:
        where: the option or file that names them; it opens every message.

    Raises:
        error: an object is not there or no `Family`; or a row is for a model type that has another one.
    """
    for name in names:
        row = _complete(load_object(name, Family, where, error))
        for model_type in row.model_types:
            other, known = _added.get(model_type, ("the package", FAMILIES.get(model_type, row)))
            if known != row:
                raise error(
                    f"{where}: {name} is for {model_type!r}, which has a row already, of {other}. Leave one out."
                )
        _added.update({model_type: (name, row) for model_type in row.model_types if model_type not in FAMILIES})


def list_added_names(config: "PreTrainedConfig") -> list[str]:
    """The names of the user's own rows that a model of this config needs."""
    names = [_added[side.model_type][0] for side in list_side_configs(config) if side.model_type in _added]
    return sorted(set(names))


def list_side_configs(config: "PreTrainedConfig") -> list["PreTrainedConfig"]:
    """The configs of encoder and decoder of a pair; of any other model, its own."""
    return [config.encoder, config.decoder] if config.model_type == "encoder-decoder" else [config]


def list_exported(side: Side) -> list[str]:
    """The families that can be exported for CTranslate2 as a side."""
    rows = [row for row in ROWS if row.ctranslate2 is not None and side in row.ctranslate2.sides]
    return [model_type for row in rows for model_type in row.model_types]


def list_suggested(side: Side) -> str:
    """The families that messages suggest for a side. 'bert, roberta or t5'"""
    *names, last = [row.name for row in ROWS if side in row.suggested]
    return f"{', '.join(names)} or {last}"
