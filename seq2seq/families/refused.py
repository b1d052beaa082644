"""Families that load and run, but wrongly, measured with transformers 5.23."""

from .family import Family

MIXING = Family(model_types=("fnet", "canine", "yoso", "convbert"), no_encoder="mixes padding into the real tokens")
BIG_BIRD = Family(
    model_types=("big_bird",),
    no_encoder="changes its kind of attention with the length of the input, for good",
    no_decoder="fails in its attention to the source",
)
GPT_BIGCODE = Family(model_types=("gpt_bigcode",), no_decoder="fails in its attention to the source")
MEGATRON_BERT = Family(model_types=("megatron-bert",), no_decoder="fails where source and target differ in length")
PROPHETNET = Family(
    model_types=("prophetnet",), no_training="in transformers its decoder's logits change with later target tokens"
)
