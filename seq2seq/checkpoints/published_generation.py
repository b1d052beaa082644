"""What a published generation config says, sorted: what our options take over, what stays with the model, and the rest.

Knows no model and no tokenizer. Names are those of transformers' GenerationConfig, each field of which stands in one of
three tables: OBEYED, IGNORED and REFUSED.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from transformers import GenerationConfig

from ..base.errors import CheckpointError
from ..modeling.generation_config import MARKS, RULES, translate_options
from .description import DEFAULT_GENERATION
from .token_rules import ADVICE, SHOWN_CHARACTERS, check_forms, check_rows, unwrap_marks

GENERATION_FILE = "generation_config.json"
CONFIG_FILE = "config.json"
# Called alike by us.
SEARCH_OPTIONS = (
    "num_beams", "early_stopping", "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size",
    "repetition_penalty", "encoder_repetition_penalty",
)  # fmt: skip
SAMPLING_OPTIONS = ("temperature", "top_k", "top_p")
LENGTHS = ("max_length", "max_new_tokens", "min_length", "min_new_tokens")
OBEYED = frozenset([*MARKS, *RULES, *SEARCH_OPTIONS, *SAMPLING_OPTIONS, *LENGTHS, "do_sample"])
DEFAULT_TOP_K = 50  # transformers' own, of configs that sample and do not say
# transformers' names of our options that have others, the first that is there before the second.
THEIR_NAMES = {
    "sampling": ("do_sample",),
    "max_target_tokens": ("max_new_tokens", "max_length"),
    "min_target_tokens": ("min_new_tokens", "min_length"),
}

# No text depends on these: caches, speed, what else `generate` returns, and what only an option of REFUSED, or a model
# that helps along, would read. The engine sets what it needs itself.
IGNORED = frozenset([
    "use_cache", "cache_implementation", "cache_config", "max_cache_len", "prefill_chunk_size", "low_memory",
    "compile_config", "disable_compile", "continuous_batching_config", "return_legacy_cache",
    "num_return_sequences", "return_dict_in_generate", "output_attentions", "output_hidden_states", "output_scores",
    "output_logits", "diversity_penalty",
    "use_mtp", "num_assistant_tokens", "num_assistant_tokens_schedule", "assistant_confidence_threshold",
    "prompt_lookup_num_tokens", "max_matching_ngram_size", "assistant_early_exit", "assistant_lookbehind",
    "target_lookbehind", "assistant_ensemble_weight", "speculation_type",
    "_from_model_config", "_commit_hash", "_original_object_hash", "transformers_version",
])  # fmt: skip

Search: TypeAlias = Literal["greedy", "beams", "draws"]
EVERY_SEARCH: tuple[Search, ...] = ("greedy", "beams", "draws")


@dataclass(frozen=True)
class Unobeyed:
    """An option that changes texts and that nobody here obeys.

    neutral: a value at which it changes none, to advise; None where only its absence does.
    searches: by which it is read; in others transformers passes over it.
    above, below: the numbers between which it changes texts, where it is a number; transformers passes over others.
    """

    neutral: Any = None
    searches: tuple[Search, ...] = EVERY_SEARCH
    above: float = -math.inf
    below: float = math.inf

    def changes_texts(self, value: Any) -> bool:
        if isinstance(value, int | float) and not self.above < value < self.below:
            return False
        return value != self.neutral


REFUSED = {
    "constraints": Unobeyed(),
    "dola_layers": Unobeyed(searches=("greedy", "draws")),
    "epsilon_cutoff": Unobeyed(0, ("draws",), above=0, below=1),
    "eta_cutoff": Unobeyed(0, ("draws",), above=0, below=1),
    "force_words_ids": Unobeyed(),
    "guidance_scale": Unobeyed(1),  # runs decoder inputs through an encoder
    "is_assistant": Unobeyed(False),
    "max_time": Unobeyed(),  # outputs would depend on the clock
    "min_p": Unobeyed(0, ("draws",)),
    "num_beam_groups": Unobeyed(1, ("beams",), above=1),
    "penalty_alpha": Unobeyed(0, ("greedy",), above=0),
    "stop_strings": Unobeyed(),
    "token_healing": Unobeyed(False),
    "top_h": Unobeyed(searches=("draws",)),
    "typical_p": Unobeyed(1, ("draws",), below=1),
}


@dataclass(frozen=True)
class Refusal:
    """What a file asks for and nobody here obeys.

    sentence: the file, the option's name and value, and what to do.
    searches: those of which it would change the texts.
    """

    name: str
    sentence: str
    searches: tuple[Search, ...]


def list_refusals(refused: Iterable[Refusal], options: Mapping[str, Any]) -> list[str]:
    """The sentences of those that would change texts written with some of our generation options."""
    search: Search = "greedy"
    if options.get("sampling"):
        search = "draws"
    elif options.get("num_beams", 1) > 1:
        search = "beams"
    return [refusal.sentence for refusal in refused if search in refusal.searches]


@dataclass(frozen=True)
class PublishedGeneration:
    """What a published folder says about its outputs.

    own: marks, and rules about tokens, which stay with the model.
    options: those that are ours, by our names.
    refused: what changes texts and is not obeyed.
    where: the folder and file, for messages.
    """

    own: GenerationConfig
    options: dict[str, Any]
    refused: tuple[Refusal, ...]
    where: str

    def check_rows(self, rows: int) -> None:
        """Makes sure that marks and rules name tokens that a model has a row for.

        Raises:
            CheckpointError: naming the first that has none.
        """
        check_rows(vars(self.own), rows, self.where)


def read_published_generation(folder: Path) -> PublishedGeneration:
    """What a file of its own says or, as published before 2023, config.json.

    Raises:
        CheckpointError: the file cannot be read, or contradicts itself.
    """
    name = _find_file_name(folder)
    where = f"{folder}: {name}"
    return sort_settings(_read_settings(folder, name), where)


def quote_settings(folder: Path, options: Iterable[str]) -> str | None:
    """What a published folder itself says of some of our options, as a sentence; None where it says nothing.

    Example: ["sampling", "num_beams"] -> "generation_config.json there says do_sample: True, num_beams: 4."
    """
    name = _find_file_name(folder)
    settings = _read_settings(folder, name)
    quoted = []
    for option in options:
        names = THEIR_NAMES.get(option, (option,))
        said = next((their for their in names if settings.get(their) is not None), None)
        if said is not None:
            quoted.append(f"{said}: {settings[said]!r}"[:SHOWN_CHARACTERS])
    return f"{name} there says {', '.join(quoted)}." if quoted else None


def _find_file_name(folder: Path) -> str:
    """The file that transformers reads: one of its own or, as published before 2023, the model's config."""
    return GENERATION_FILE if (folder / GENERATION_FILE).exists() else CONFIG_FILE


def _read_settings(folder: Path, name: str) -> dict[str, Any]:
    settings = _load(folder / name, f"{folder}: {name}")
    return settings if name == GENERATION_FILE else _find_in_config(settings)


def sort_settings(settings: Mapping[str, Any], where: str) -> PublishedGeneration:
    """The settings of a generation config, sorted; `where` they stand, for messages.

    Raises:
        CheckpointError: transformers finds that they contradict each other, a length is no whole number, or a mark or
            rule about tokens has another form than transformers reads.
    """
    said = unwrap_marks({name: value for name, value in settings.items() if value not in (None, [], {})})
    check_forms(said, where)
    try:
        own = GenerationConfig(**{name: said[name] for name in (*MARKS, *RULES) if name in said})
    except (ValueError, TypeError) as error:
        raise _explain_unread(where, str(error)) from None
    return PublishedGeneration(own, _list_options(said, where), tuple(_list_refused(said, where)), where)


def follow_options(options: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a checkpoint of ours with what its generation config says otherwise than we wrote it.

    A model that was saved alone says nothing. One that says some has the rest as in transformers by now.

    Example: {"num_beams": 4, "max_target_tokens": 64, "target_prefix": "So"} of which the file says by now
    {"num_beams": 2, "max_target_tokens": 64} -> {"num_beams": 2, "max_target_tokens": 64, "target_prefix": "So"}

    Args:
        options: all of them, as the checkpoint had them.
        said: as `PublishedGeneration.options`.
    """
    if not said:
        return dict(options)
    written = sort_settings(translate_options({**DEFAULT_GENERATION, **options}), "written").options
    followed = {"num_beams": 1}
    for name, value in options.items():
        if name in said or name not in written:
            followed[name] = value
    for name, value in said.items():
        if value != written.get(name):
            followed[name] = value
    if followed.get("length_penalty") != options.get("length_penalty"):
        followed.pop("length_penalty_form", None)  # whoever changed the penalty knew transformers' form alone
    return followed


def _load(path: Path, where: str) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _explain_unread(where, str(error)) from None
    if not isinstance(settings, dict):
        raise _explain_unread(where, f"expected a mapping, found a {type(settings).__name__}")
    return settings


def _explain_unread(where: str, reason: str) -> CheckpointError:
    return CheckpointError(f"{where} cannot be read ({reason.splitlines()[0]}).")


def _find_in_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a model's config says about generation, else its decoder's: as transformers reads it."""
    sides = [config.get(side) for side in ("decoder", "generator", "text_config")]
    decoder = next((side for side in sides if isinstance(side, dict)), {})
    settings = {}
    for name in OBEYED | REFUSED.keys():
        value = config.get(name)
        settings[name] = decoder.get(name) if value is None else value
    if config.get("force_bos_token_to_be_generated"):  # of BART's first publications
        settings["forced_bos_token_id"] = config.get("bos_token_id")
    return settings


def _list_options(said: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Our generation options for what is said."""
    options = {name: said[name] for name in SEARCH_OPTIONS if name in said}
    if said.get("do_sample"):
        options |= {name: said[name] for name in SAMPLING_OPTIONS if name in said}
        options |= {"sampling": True, "num_beams": said.get("num_beams", 1), "top_k": said.get("top_k", DEFAULT_TOP_K)}
    shortest = _find_length("min", said, where)
    if shortest is not None and shortest > 0:
        options["min_target_tokens"] = shortest
    longest = _find_length("max", said, where)
    if longest is not None:
        options["max_target_tokens"] = longest
    return options


def _find_length(end: str, said: Mapping[str, Any], where: str) -> int | None:
    """The least or most tokens behind the begin mark, which transformers' lengths count, but for those of new tokens.

    Example: of the end "max" {"max_length": 12} -> 11, {"max_length": 12, "max_new_tokens": 30} -> 30
    """
    for name, marks in ((f"{end}_new_tokens", 0), (f"{end}_length", 1)):
        length = said.get(name)
        if length is None:
            continue
        if type(length) is not int:
            raise CheckpointError(f"{where} has {name}: {length!r}, expected a whole number. {ADVICE}")
        return length - marks
    return None


def _list_refused(said: Mapping[str, Any], where: str) -> Iterator[Refusal]:
    """What changes texts and is not obeyed, or is not known."""
    known = OBEYED | IGNORED | REFUSED.keys()
    for name, value in said.items():
        shown = repr(value)[:SHOWN_CHARACTERS]
        if name not in known:
            sentence = f"{where} has {name}: {shown}, which is not known here and may change texts. Remove it."
            yield Refusal(name, sentence, EVERY_SEARCH)
        elif name in REFUSED and REFUSED[name].changes_texts(value) and not _lacks_choices(name, said):
            neutral = REFUSED[name].neutral
            advice = "Remove it." if neutral is None else f"Remove it, or set it to {json.dumps(neutral)}."
            sentence = f"{where} has {name}: {shown}, which changes texts and is not obeyed here. {advice}"
            yield Refusal(name, sentence, REFUSED[name].searches)


def _lacks_choices(name: str, said: Mapping[str, Any]) -> bool:
    """Whether it is the penalty of a contrastive search, which chooses among top_k tokens, and there is but one."""
    return name == "penalty_alpha" and said.get("top_k", DEFAULT_TOP_K) in (0, 1)
