"""`seq2seq plans`."""


def run() -> None:
    """Show the plans a model can be warm-started by, at base size beside the figures of Rothe et al. 2020."""
    from ..base.console import build_table, output
    from ..warmstart.paper_table import COLUMNS, count_plan_parameters
    from ..warmstart.plans import PLANS

    rows = []
    for plan in PLANS.values():
        counted = count_plan_parameters(plan)
        cells = [
            f"{counted[column] / 1e6:.1f} / {paper}" for column, paper in zip(COLUMNS, plan.paper_millions, strict=True)
        ]
        sides = (
            families[0].name if warm else "random"
            for families, warm in ((plan.encoder, plan.warm_encoder), (plan.decoder, plan.warm_decoder))
        )
        rows.append([plan.name, *sides, "yes" if plan.share_layers else "no", *cells])
    header = ("plan", "encoder", "decoder", "shared", *COLUMNS)
    console = output()
    console.print(build_table("Plans, millions of parameters at base size: here / in the paper", header, rows))
    console.print(
        "Where both sides are warm, the encoder-decoder attention is the random part: 28.4 with its biases and norms, "
        "which the paper prints as 26. Plan pair takes any two checkpoints; share: true shares their layers."
    )
