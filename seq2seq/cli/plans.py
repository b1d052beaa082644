"""`seq2seq plans`."""

from dataclasses import astuple, fields


def run() -> None:
    """Show the plans that a model can be warm-started by.

    Parameters are those at base size, beside the figures of Rothe et al. 2020.
    """
    from ..base.console import build_table, output
    from ..warmstart.paper_table import COUNTED, PlanParameters
    from ..warmstart.plans import PLANS

    rows = []
    for plan in PLANS.values():
        counted = astuple(COUNTED[plan.name])
        paper = plan.paper_millions
        row = [
            plan.name,
            plan.encoder[0].name if plan.warm_encoder else "random",
            plan.decoder[0].name if plan.warm_decoder else "random",
            "yes" if plan.share_layers else "no",
        ]
        row += [f"{here / 1e6:.1f} / {there}" for here, there in zip(counted, paper, strict=True)]
        rows.append(row)
    columns = [field.name for field in fields(PlanParameters)]
    console = output()
    title = "Plans, millions of parameters at base size: here / in the paper"
    console.print(build_table(title, ("plan", "encoder", "decoder", "shared", *columns), rows))
    console.print(
        "Where both sides are warm, the encoder-decoder attention is the random part: 28.4 with its biases and norms, "
        "which the paper prints as 26. Plan pair takes any two checkpoints; share: true shares their layers."
    )
