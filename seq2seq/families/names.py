"""What the names of checkpoints tell of their families, where nothing else is known. Imports nothing heavy."""

KNOWN = ("deberta", "xlm-roberta", "roberta", "electra", "gpt2", "distilbert", "bert")  # the longer before its part


def guess_model_type(name: str) -> str:
    """The model's type by its name alone. "FacebookAI/roberta-base" -> "roberta" """
    lowered = name.lower()
    return next((model_type for model_type in KNOWN if model_type in lowered), "bert")


def find_plan_of_paper(encoder_type: str, decoder_type: str, *, one: bool) -> str:
    """The plan by its name in the paper, or "pair", for two sides of types, or for one checkpoint on both."""
    if one:
        return {"bert": "bert2bert", "roberta": "robertashare"}.get(encoder_type, "pair")
    named = {("bert", "gpt2"): "bert2gpt", ("roberta", "gpt2"): "roberta2gpt"}
    return named.get((encoder_type, decoder_type), "pair")
