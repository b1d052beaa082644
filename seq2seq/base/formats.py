"""Figures as people read them, in one form wherever they stand: shares, p-values, durations, sizes.

Knows nothing of what they are figures of. Scores have the digits of their metric: reports/tables.py.
"""

SMALLEST_P = 0.0001  # a test makes ten thousand trials unless told otherwise, which tell no smaller ones
UNITS = ((86400, "days"), (3600, "h"), (60, "min"))  # of durations, with their seconds


def format_share(part: float, whole: float = 1) -> str:
    """Percent, never 0.0% or 100.0% where it is only nearly so; of nothing, 0.0%. 1 of 3000 -> 'under 0.1%'"""
    if not whole:
        return "0.0%"
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "under 0.1%"
    if 99.9 < share < 100:
        return "over 99.9%"
    return f"{share:.1f}%"


def format_part(part: int, whole: int) -> str:
    """A count and its share of another. 1200 of 9600 -> '1,200 (12.5%)'"""
    return f"{part:,} ({format_share(part, whole)})"


def format_count(count: int, noun: str) -> str:
    """A number of things. 1 -> '1 row', 1200 -> '1,200 rows'"""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def format_p_value(value: float) -> str:
    """A probability with the digits that a test can tell apart, never zero. 0.04213 -> '0.0421', 0.0 -> '< 0.0001'"""
    if value < SMALLEST_P:
        return f"< {SMALLEST_P}"
    return f"{value:.4f}"


def format_seconds(seconds: float) -> str:
    """A duration in the largest unit that it fills. 5400 -> '1.5 h'"""
    for size, unit in UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    if seconds < 10:
        return f"{seconds:.2g} s"
    return f"{seconds:.0f} s"


def format_bytes(count: int) -> str:
    """Bytes in decimal units. 1_500_000_000 -> '1.5 GB'"""
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.1f} MB"
