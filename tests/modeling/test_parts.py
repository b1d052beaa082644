"""Which part of a model a parameter belongs to."""

from seq2seq.modeling.parts import map_parts


def test_parts_follow_from_the_place_in_the_model(started):
    parts = map_parts(started.model)
    names = {
        "encoder.embeddings.word_embeddings.weight": "embeddings",
        "encoder.embeddings.position_embeddings.weight": "encoder",
        "encoder.encoder.layer.0.output.dense.bias": "encoder",
        "decoder.bert.encoder.layer.0.output.dense.bias": "decoder",
        "decoder.bert.encoder.layer.0.crossattention.self.key.bias": "cross_attention",
        "decoder.lm_head.bias": "output",
        "decoder.lm_head.decoder.weight": "output",
    }
    assert {name: parts[name] for name in names} == names
