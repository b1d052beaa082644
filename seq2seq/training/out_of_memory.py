"""What a run says where memory runs out: which part of a step it was, and what needs less of it. Knows no loop."""

LESS = "training.freeze, a smaller model, or more processes with training.sharding: fsdp"
LESS_AT_ONCE = (
    "training.precision: bf16, training.gradient_checkpointing: true, shorter data.max_source_tokens and "
    "data.max_target_tokens, or more processes with training.sharding: fsdp"
)
LESS_IN_VALIDATION = (
    "training.precision: bf16, shorter data.max_source_tokens and data.max_target_tokens, or a smaller model"
)

# The parts of a step behind its last micro-batch, in their order, each with what is to be told of it. Behind the norm
# comes the word that processes exchange.
PARTS = {
    "sum": f"the sum of the gradients over all processes. What needs less of it: training.micro_batch_tokens, {LESS}",
    "norm": f"the norm of the gradients. What needs less of it: training.micro_batch_tokens, {LESS}",
    "clipping": f"the clipping of the gradients. What needs less of it: training.micro_batch_tokens, {LESS}",
    "update": f"the update: AdamW keeps two numbers for each weight it trains. What needs less of it: {LESS}",
    "averages": f"the averages of the weights. What needs less of it: training.ema_decay: null, {LESS}",
}
PARTS_BEHIND_THE_WORD = ("clipping", "update", "averages")


def explain_part(step: int, part: str) -> str:
    """Of one of `PARTS`, which cannot be done again: some of the weights or gradients may have changed."""
    return f"Step {step}: memory ran out in {PARTS[part]}."


def explain_single_pair(step: int) -> str:
    """Of a micro-batch that nothing can divide."""
    return f"Step {step}: memory ran out with a single pair in a micro-batch. What needs less of it: {LESS_AT_ONCE}."


def explain_sharded(step: int, micro_batch_tokens: int) -> str:
    """Of a model whose processes wait for each other at every layer."""
    return (
        f"Step {step}: memory ran out. Sharded processes cannot repeat a step: lower training.micro_batch_tokens (now "
        f"{micro_batch_tokens}) and go on with --resume. What else needs less memory: {LESS_AT_ONCE}."
    )


def explain_validation(step: int) -> str:
    """Of a validation, which was tried in smaller batches as long as there were any."""
    return f"Validation at step {step}: memory ran out. What needs less of it: {LESS_IN_VALIDATION}."
