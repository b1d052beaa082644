"""Configs of tiny encoder-decoders whose encoder attends locally, sparsely, or beside experts.

Knows nothing of the package under test.
"""

from transformers import BigBirdPegasusConfig, LEDConfig, LongT5Config, NllbMoeConfig, PegasusXConfig

WIDE = {
    "vocab_size": 64, "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "init_std": 0.3,
    "decoder_start_token_id": 2,
}  # fmt: skip
T5 = {
    "vocab_size": 64, "d_model": 32, "d_ff": 64, "d_kv": 8, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4,
    "decoder_start_token_id": 0,
}  # fmt: skip
TABLES = {"max_encoder_position_embeddings": 48, "max_decoder_position_embeddings": 24}
LOCAL = {
    "led": LEDConfig(**WIDE, **TABLES, attention_window=8),
    "longt5": LongT5Config(**T5, local_radius=3),
    "longt5, global": LongT5Config(**T5, global_block_size=2, encoder_attention_type="transient-global"),
    "pegasus_x": PegasusXConfig(**WIDE, max_position_embeddings=64, block_size=4, num_global_tokens=2),
}
LOCAL_OR_SPARSE = LOCAL | {
    "bigbird_pegasus": BigBirdPegasusConfig(**WIDE, max_position_embeddings=64, attention_type="original_full"),
    "nllb-moe": NllbMoeConfig(**WIDE, num_experts=2, encoder_sparse_step=2, decoder_sparse_step=2),
}
