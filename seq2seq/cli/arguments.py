"""What several commands understand alike."""


def split_names(names: str | None) -> list[str] | None:
    """Names separated by commas; an option left out stays so. 'a,b' -> ['a', 'b'], '' -> []"""
    return names if names is None else [name.strip() for name in names.split(",")] if names else []
