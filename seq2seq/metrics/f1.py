"""F1, which ROUGE and SARI have in common: the harmonic mean of precision and recall."""


def compute_f1(precision: float, recall: float) -> float:
    """2pr / (p + r); 0 where either is 0."""
    if precision <= 0 or recall <= 0:  # rounding may leave a little less than nothing
        return 0.0
    return 2 * precision * recall / (precision + recall)
