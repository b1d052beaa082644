"""What a generation config says about tokens: whether each mark and rule has the form that transformers reads.

Knows no tokenizer; of a model the number of its rows of tokens alone. Without these checks transformers fails deep in a
search, or a mark of another form is passed over.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..base.errors import CheckpointError


@dataclass(frozen=True)
class Form:
    """What a setting must look like: in words, as a test, and the ids that it names."""

    words: str
    fits: Callable[[Any], bool]
    list_ids: Callable[[Any], Iterable[int]]


def _is_id(value: Any) -> bool:
    return type(value) is int  # no bool


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _are_ids(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_id, value))


def _are_sequences(value: Any) -> bool:
    return isinstance(value, list) and all(map(_are_ids, value))


def _are_biases(value: Any) -> bool:
    pairs = isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value)
    return pairs and all(_are_ids(ids) and bool(ids) and _is_number(bias) for ids, bias in value)


def _is_decay(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and _is_id(value[0]) and _is_number(value[1])


def _list_in_sequences(value: list[list[int]]) -> Iterator[int]:
    for ids in value:
        yield from ids


def _list_in_biases(value: list) -> Iterator[int]:
    for ids, _ in value:
        yield from ids


def list_in_mark(value: int | list[int]) -> list[int]:
    """The ids of a mark that may be one or several. 2 -> [2]"""
    return value if isinstance(value, list) else [value]


def _list_none(value: Any) -> tuple[int, ...]:
    return ()


ONE_ID = Form("one token id", _is_id, list_in_mark)
# transformers passes over ids beyond the model's rows in ends and in what is suppressed.
ENDS = Form("a token id or a list of them", lambda value: _is_id(value) or _are_ids(value), _list_none)
SUPPRESSED = Form("a list of token ids", _are_ids, _list_none)
FORMS = {
    "decoder_start_token_id": ONE_ID,
    "bos_token_id": Form(ONE_ID.words, _is_id, _list_none),  # of the tokenizer, perhaps
    "eos_token_id": ENDS,
    "forced_bos_token_id": ONE_ID,
    "forced_eos_token_id": Form(ENDS.words, ENDS.fits, list_in_mark),
    "bad_words_ids": Form("a list of lists of token ids", _are_sequences, _list_in_sequences),
    "suppress_tokens": SUPPRESSED,
    "begin_suppress_tokens": SUPPRESSED,
    "sequence_bias": Form("a list of pairs of token ids and a number", _are_biases, _list_in_biases),
    "exponential_decay_length_penalty": Form("a number of tokens and a factor", _is_decay, _list_none),
}
SHOWN_CHARACTERS = 80  # of a value in a message
ADVICE = "Mend it, or take it out."


def unwrap_marks(said: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings, in which a mark of one id is no list, where transformers has one for each text of a batch.

    Example: {"decoder_start_token_id": [5, 5]} -> {"decoder_start_token_id": 5}
    """
    unwrapped = dict(said)
    for name, value in said.items():
        is_single = name in FORMS and FORMS[name].words == ONE_ID.words
        if is_single and isinstance(value, list) and all(token_id == value[0] for token_id in value):
            unwrapped[name] = value[0]
    return unwrapped


def check_forms(said: Mapping[str, Any], where: str) -> None:
    """Makes sure that every mark and rule has its form; `where` they stand, for the message.

    Raises:
        CheckpointError: naming the first that has another.
    """
    for name, form in FORMS.items():
        if name in said and not form.fits(said[name]):
            shown = repr(said[name])[:SHOWN_CHARACTERS]
            raise CheckpointError(f"{where} has {name}: {shown}, expected {form.words}. {ADVICE}")


def check_rows(said: Mapping[str, Any], rows: int, where: str) -> None:
    """Makes sure that a model has a row for every token of its marks and rules, of which all have their form.

    Raises:
        CheckpointError: naming the first that has none.
    """
    for name, form in FORMS.items():
        if said.get(name) is None:
            continue
        for token_id in form.list_ids(said[name]):
            if not 0 <= token_id < rows:
                raise CheckpointError(
                    f"{where} has {name} with token {token_id}, and the model has {rows} rows of tokens. {ADVICE}"
                )
