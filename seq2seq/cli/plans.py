"""`seq2seq plans`."""

from dataclasses import asdict, fields


def run() -> None:
    """Show the plans that a model can be warm-started by.

    Parameters are those at base size, beside the figures of Rothe et al. 2020.
    """
    from ..base.console import build_table, output
    from ..warmstart.paper_table import COUNTED, PlanParameters
    from ..warmstart.plans import PLANS

    rows = []
    for plan in PLANS.values():
        counted, paper = asdict(COUNTED[plan.name]), asdict(PlanParameters(*plan.paper_millions))
        rows.append(
            [
                plan.name,
                plan.encoder[0].name if plan.warm_encoder else "random",
                plan.decoder[0].name if plan.warm_decoder else "random",
                "yes" if plan.share_layers else "no",
                *(f"{counted[column] / 1e6:.1f} / {paper[column]}" for column in counted),
            ]
        )
    columns = [field.name for field in fields(PlanParameters)]
    console = output()
    title = "Plans, millions of parameters at base size: here / in the paper"
    console.print(build_table(title, ("plan", "encoder", "decoder", "shared", *columns), rows))
    console.print(
        "Where both sides are warm, the encoder-decoder attention is the random part: 28.4 with its biases and norms, "
        "which the paper prints as 26. Plan pair takes any two checkpoints; share: true shares their layers."
    )
