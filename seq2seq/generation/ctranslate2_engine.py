"""Ids in, ids out with CTranslate2, from a folder that `seq2seq export --format ctranslate2` wrote.

CTranslate2 is an optional library and is imported inside functions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..errors import DataError, GenerationError
from ..files import load_json
from .batching import cut_by_length
from .engine import Hypothesis, add_scores, check_positions, check_prefix
from .options import GenerationOptions

if TYPE_CHECKING:
    import ctranslate2

MODEL_FILE = "model.bin"  # CTranslate2's name for its weights
EXPORT_FILE = "export.json"
WINDOW = 512  # sources handed over at once, to be cut into batches that run side by side
BATCH_SOURCE_TOKENS = 1024  # padded source tokens of one of these batches, of one beam; more beams, fewer


def is_exported(folder: Path) -> bool:
    """Whether a folder holds a model for this engine."""
    return (folder / MODEL_FILE).exists()


def import_ctranslate2() -> "ctranslate2":
    """The library.

    Raises:
        GenerationError: it is not installed.
    """
    try:
        import ctranslate2
    except ImportError as error:
        raise GenerationError(
            f"CTranslate2 cannot be imported ({error}). Install it: pip install 'seq2seq-warmstart[fast]'."
        ) from None
    return ctranslate2


@dataclass(frozen=True)
class CTranslate2Engine:
    """An exported pair; an `Engine`. Vocabularies list the token of each id.

    limits: positions of "source" and "target".
    """

    translator: "ctranslate2.Translator"
    source_vocabulary: list[str]
    target_vocabulary: list[str]
    end_token: str
    limits: dict[str, int | None]
    target_ids: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        ids = {token: index for index, token in enumerate(self.target_vocabulary)}
        object.__setattr__(self, "target_ids", ids)

    @classmethod
    def load(cls, folder: Path) -> "CTranslate2Engine":
        """The engine of an exported folder, on the GPU where there is one that CTranslate2 can use.

        On a CPU as many batches run side by side as torch has threads.

        Raises:
            GenerationError: CTranslate2 is missing or cannot load the folder.
        """
        library = import_ctranslate2()
        on_gpu = library.get_cuda_device_count() > 0
        threads = {} if on_gpu else {"inter_threads": torch.get_num_threads(), "intra_threads": 1}
        try:
            config, export = load_json(folder / "config.json"), load_json(folder / EXPORT_FILE)
            shared = (folder / "shared_vocabulary.json").exists()
            source, target = (
                load_json(folder / f"{'shared' if shared else side}_vocabulary.json") for side in ("source", "target")
            )
            translator = library.Translator(str(folder), device="cuda" if on_gpu else "cpu", **threads)
        except (DataError, RuntimeError, ValueError) as error:
            raise GenerationError(f"{folder}: CTranslate2 cannot load it ({error}). Export the model again.") from None
        return cls(translator, source, target, config["eos_token"], export["positions"])

    def check(self, options: GenerationOptions, max_source_tokens: int) -> None:
        if options.length_penalty_form != "power" and options.num_beams > 1 and options.length_penalty != 0:
            raise GenerationError(
                f"length_penalty_form: CTranslate2 has length^alpha alone, found {options.length_penalty_form!r}. Set "
                "it to power, or use the engine transformers."
            )
        if options.sampling:
            raise GenerationError(
                "sampling: CTranslate2 does not repeat its draws by a seed. Use the engine transformers."
            )
        check_positions(self.limits, {"source": max_source_tokens, "target": options.max_target_tokens})

    def generate(
        self,
        sources: Sequence[Sequence[int]],
        options: GenerationOptions,
        advance: Callable[[int], None] = lambda sources: None,
        *,
        prefix: Sequence[int] = (),
        places: Sequence[int] | None = None,
    ) -> list[list[Hypothesis]]:
        self.check(options, max(map(len, sources), default=0))
        check_prefix(prefix, options)
        arguments = self._translate_options(options)
        outputs: list[list[Hypothesis]] = [[] for _ in sources]
        for indices in cut_by_length([len(source) for source in sources], lambda width, rows: rows <= WINDOW):
            results = self.translator.translate_batch(
                [self._name_sources(sources[index]) for index in indices],
                [self._name_targets(prefix)] * len(indices) if prefix else None,
                **arguments,
            )
            for index, result in zip(indices, results, strict=True):
                outputs[index] = [self._read(tokens) for tokens in result.hypotheses]
            advance(len(indices))
        if options.scores:
            return add_scores(self.score, sources, outputs, self.target_ids[self.end_token])
        return outputs

    def score(
        self,
        sources: Sequence[Sequence[int]],
        labels: Sequence[Sequence[int]],
        advance: Callable[[int], None] = lambda pairs: None,
    ) -> list[list[float]]:
        scores: list[list[float]] = [[] for _ in sources]
        end_id = self.target_ids[self.end_token]
        lengths = [len(source) for source in sources]
        for indices in cut_by_length(lengths, lambda width, rows: rows <= WINDOW):
            ended = [bool(labels[index]) and labels[index][-1] == end_id for index in indices]
            targets = [labels[index][:-1] if end else labels[index] for index, end in zip(indices, ended, strict=True)]
            results = self.translator.score_batch(
                [self._name_sources(sources[index]) for index in indices],
                [self._name_targets(target) for target in targets],
                max_batch_size=BATCH_SOURCE_TOKENS,
                batch_type="tokens",
                max_input_length=0,
            )
            for index, end, result in zip(indices, ended, results, strict=True):
                # CTranslate2 scores an end mark behind every target.
                scores[index] = list(result.log_probs if end else result.log_probs[:-1])
            advance(len(indices))
        return scores

    def _translate_options(self, options: GenerationOptions) -> dict:
        return {
            "beam_size": options.num_beams,
            "num_hypotheses": options.num_outputs,
            "length_penalty": options.length_penalty,
            "repetition_penalty": options.repetition_penalty,
            "no_repeat_ngram_size": options.no_repeat_ngram_size,
            "max_decoding_length": options.max_target_tokens,
            "min_decoding_length": options.min_target_tokens,
            "return_end_token": True,
            "max_input_length": 0,
            "max_batch_size": max(BATCH_SOURCE_TOKENS // options.num_beams, 1),
            "batch_type": "tokens",
        }

    def _name_sources(self, ids: Sequence[int]) -> list[str]:
        return [self.source_vocabulary[index] for index in ids]

    def _name_targets(self, ids: Sequence[int]) -> list[str]:
        return [self.target_vocabulary[index] for index in ids]

    def _read(self, tokens: Sequence[str]) -> Hypothesis:
        is_ended = bool(tokens) and tokens[-1] == self.end_token
        return Hypothesis([self.target_ids[token] for token in tokens[: len(tokens) - is_ended]], is_ended)
