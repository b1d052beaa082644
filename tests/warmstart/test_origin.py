"""The origin report: counts, learning-rate groups, and its way through JSON."""

import json

from seq2seq.reports.run_tables import tabulate_origin
from seq2seq.warmstart.origin import OriginReport, ParameterOrigin

REPORT = OriginReport(
    "bertshare",
    (
        ParameterOrigin("encoder.embeddings.word_embeddings.weight", "embeddings", "copied", (10, 4), "a/m", ("w",)),
        ParameterOrigin(
            "encoder.embeddings.position_embeddings.weight", "encoder", "converted", (3, 4), "a/m", ("p", "t")
        ),
        ParameterOrigin("decoder.bert.layer.weight", "decoder", "copied", (5,), "a/m", ("d",)),
        ParameterOrigin("decoder.bert.layer.crossattention.weight", "cross_attention", "random", (4, 4), note="normal"),
        ParameterOrigin("decoder.bert.layer.random.weight", "decoder", "random", (2,), note="normal"),
        ParameterOrigin("decoder.lm_head.decoder.weight", "output", "shared", (10, 4), tensors=("w",)),
    ),
    ("pooler.dense.weight",),
)


def test_totals_count_shared_parameters_once():
    # 40 + 12 + 5 copied or converted, 16 + 2 random
    assert REPORT.totals() == {"total": 75, "embeddings": 40, "initialised": 57, "random": 18}


def test_learning_rate_groups_put_cross_attention_before_random_before_decoder_before_encoder():
    assert list(REPORT.learning_rate_groups().values()) == [
        "encoder",
        "encoder",
        "decoder",
        "cross_attention",
        "random",
    ]


def test_report_survives_json():
    assert OriginReport.from_dict(without_totals(json.loads(json.dumps(REPORT.to_dict())))) == REPORT


def without_totals(values):
    return {key: value for key, value in values.items() if key != "totals"}


def test_table_has_a_row_a_part_and_the_totals():
    header, rows = tabulate_origin(REPORT.to_dict())
    assert header == ["part", "copied", "converted", "random", "total"]
    assert rows[0] == ["embeddings", "40", "0", "0", "40"]
    assert rows[-1] == ["total", "45", "12", "18", "75"]
