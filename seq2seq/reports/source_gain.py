"""What the sources are worth to a model, for people: one that does not read them has learned nothing but to write."""

NOT_READ = 0.01  # nats a target token: less is no more than chance
UNREAD_ADVICE = (
    "A lower learning rate, above all of the encoder (training.learning_rates), a longer warm-up, larger batches or "
    "more steps may help."
)


def is_unread(gain: float) -> bool:
    return gain < NOT_READ


def format_source_gain(gain: float, step: int) -> str:
    """What the sources are, at a validation: read or not, by what figure, and what may help."""
    figure = f"(at step {step:,} the loss is {gain:.3f} nats a target token higher with another pair's source)"
    if is_unread(gain):
        return f"not read {figure}. {UNREAD_ADVICE}"
    return f"read {figure}"
