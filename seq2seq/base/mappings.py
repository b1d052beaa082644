"""Nested mappings, as recipes and other settings are: merged, and flattened to dotted keys. Knows no settings."""

from collections.abc import Iterable, Mapping
from typing import Any


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `base` in which the values of `over` stand, mapping by mapping; lists are replaced whole."""
    merged = dict(base)
    for key, value in over.items():
        under = merged.get(key)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            value = merge(under, value)
        merged[key] = value
    return merged


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings by dotted key. {'a': {'b': 1}} -> {'a.b': 1}"""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        whole_key = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{whole_key}.")
        else:
            flat[whole_key] = value
    return flat


def nest(key: str, value: Any) -> dict[str, Any]:
    """A nested mapping of one dotted key. 'a.b', 1 -> {'a': {'b': 1}}"""
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def list_keys(mappings: Iterable[Iterable[str]]) -> list[str]:
    """The keys of several mappings, each once, in the order in which they first come."""
    return list(dict.fromkeys(key for mapping in mappings for key in mapping))
