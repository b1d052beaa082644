"""Families of one's own: two that transformers has and the package no row for, and one that only its author has.

seq2seq train recipe.yaml model.plan=pair model.encoder=FOLDER model.families=tests.extensions.family:ROFORMER
"""

from dataclasses import replace

from transformers import AutoConfig, AutoModel, RoFormerConfig, RoFormerModel

from seq2seq import Family
from seq2seq.families.bert import BERT
from seq2seq.families.family import AttentionNames, Layers, Positions

# An encoder, told field by field; names are those of its modules and settings in transformers.
ROFORMER = Family(
    model_types=("roformer",),
    layers=Layers("encoder.layer"),
    positions=Positions(None),  # rotary: no table is learned
    attention=AttentionNames(("attention",), ("output.dense",), projections=("query", "key", "value")),
    dropouts=("hidden_dropout_prob", "attention_probs_dropout_prob"),
)
# A family that is built like another derives from its row; what makes a BERT a BertGeneration is not said to fit.
ERNIE = replace(BERT, model_types=("ernie",), conversion=None)


class OwnConfig(RoFormerConfig):
    model_type = "own-roformer"


class OwnModel(RoFormerModel):
    config_class = OwnConfig


# Classes of one's own are registered where the row stands: it is imported before any config is read.
AutoConfig.register(OwnConfig.model_type, OwnConfig)
AutoModel.register(OwnConfig, OwnModel)
OWN = replace(ROFORMER, model_types=(OwnConfig.model_type,))
