"""`seq2seq plans`."""


def run() -> None:
    """Show the plans a model can be warm-started by, at BERT-base size beside the figures of Rothe et al. 2020."""
    from transformers import BertGenerationConfig

    from ..reports.console import build_table, output
    from ..warmstart.plans import PLANS
    from ..warmstart.start import count_plan_parameters

    base = BertGenerationConfig(
        vocab_size=30522, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072
    )
    rows = []
    for plan in PLANS.values():
        sides = ("BERT" if warm else "random" for warm in (plan.warm_encoder, plan.warm_decoder))
        counted = f"{count_plan_parameters(plan, base) / 1e6:.1f}"
        shared = "yes" if plan.share_layers else "no"
        rows.append([plan.name, *sides, shared, counted, *map(str, plan.paper_millions)])
    header = ("plan", "encoder", "decoder", "shared", "parameters here", "paper", "paper warm", "paper random")
    output().print(build_table("Plans, millions of parameters at BERT-base size", header, rows))
