"""What every settings class shares: strict, frozen, no unknown keys. The classes sit beside what they configure."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema


def _list_strings(value: Any) -> Any:
    """A list in YAML arrives as a Python list, which strict mode refuses for a tuple; one string is a list of one."""
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


_STRINGS_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Strings = Annotated[tuple[str, ...], BeforeValidator(_list_strings), WithJsonSchema(_STRINGS_SCHEMA)]


class Options(BaseModel):
    """Base of the settings classes."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)
