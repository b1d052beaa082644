"""Ids in, ids out with CTranslate2, from a folder that `seq2seq export --format ctranslate2` wrote.

CTranslate2 is an optional library and is imported inside functions.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch

from ..base.errors import DataError, ExportError, GenerationError
from ..base.files import load_json
from ..base.memory import explain_memory
from ..checkpoints.folder import Checkpoint
from ..modeling.token_loss import TokenLossModel
from ..sources.source import Stored
from .batching import ALONE, AT_ONCE, Advance, Batch, Fits, Ids, Result, Share, count_workers, map_by_length
from .ctranslate2_spec import OTHER_ENDS, SUPPRESSED, build_spec
from .engine import EXACT, EXPORT_FILE, Engine, Hypothesis, check_positions, explain_batch, explain_scored_batch
from .options import GenerationOptions

if TYPE_CHECKING:
    import ctranslate2

MODEL_FILE = "model.bin"  # CTranslate2's name for its weights
SCORED_SOURCE_TOKENS = 8192  # padded source tokens of a batch of given pairs
# Outputs that end before a search does, as a multiple of the beams. transformers goes on as long as a beam may still
# get better than those; with this, CTranslate2 finds the same ones but for one in a hundred. In int8, which has outputs
# of its own, the time is better saved.
PATIENCE = 1.5
AHEAD = 16  # batches handed over before the first one's results are asked for: they run side by side


def _import_ctranslate2() -> "ctranslate2":
    """The library.

    Raises:
        GenerationError: it is not installed.
    """
    try:
        import ctranslate2
    except ImportError as error:
        raise GenerationError(
            f"CTranslate2 cannot be imported ({error}). Install it: pip install ctranslate2."
        ) from None
    return ctranslate2


@dataclass(frozen=True)
class CTranslate2Engine(Engine):
    """An exported pair. Vocabularies list the token of each id.

    other_ends: of a model of several end marks those besides `end_token`, with which it was trained.
    limits: positions of "source" and "target". patience: of a search with beams, see `PATIENCE`.
    suppressed: sequences of tokens that no output may have.
    """

    translator: "ctranslate2.Translator"
    source_vocabulary: list[str]
    target_vocabulary: list[str]
    end_token: str
    limits: dict[str, int | None]
    patience: float = PATIENCE
    other_ends: Sequence[str] = ()
    suppressed: Sequence[list[str]] = ()
    share: Share = ALONE

    def __repr__(self) -> str:
        return f"CTranslate2 on {self.translator.device}"

    @cached_property
    def target_ids(self) -> dict[str, int]:
        """The id of each token of the target."""
        return {token: index for index, token in enumerate(self.target_vocabulary)}

    @property
    def end_id(self) -> int:  # type: ignore[override]  # nobody sets it
        return self.target_ids[self.end_token]

    @classmethod
    def can(cls, folder: Path) -> bool:
        return (folder / MODEL_FILE).exists()

    @classmethod
    def export(
        cls,
        checkpoint: Checkpoint,
        model: TokenLossModel,
        folder: Path,
        quantization: str,
    ) -> None:
        """Writes the folder that `load` reads.

        Raises:
            ExportError: CTranslate2 cannot compute the model, or a weight is too large for the number type.
            GenerationError: CTranslate2 is not installed.
        """
        # Before the spec imports it, whose ImportError would tell nobody what to install.
        _import_ctranslate2()
        _check_range(model, quantization)
        spec = build_spec(model, checkpoint.tokenizers, checkpoint.framing)
        spec.validate()
        spec.optimize(quantization=None if quantization == EXACT else quantization)
        spec.save(str(folder))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The engine of an exported folder, on the GPU where there is one that CTranslate2 can use.

        On a CPU batches run side by side, see `count_workers`.

        Raises:
            GenerationError: CTranslate2 is missing or cannot load the folder.
        """
        library = _import_ctranslate2()
        options = _choose_device(library)
        threads = torch.get_num_threads()
        try:
            config = load_json(folder / "config.json")
            export = load_json(folder / EXPORT_FILE)
            source_vocabulary = _load_vocabulary(folder, "source")
            target_vocabulary = _load_vocabulary(folder, "target")
            translator = library.Translator(str(folder), **options)
            torch.set_num_threads(threads)  # both use OpenMP, and the library has set it to threads of its own
        except (DataError, RuntimeError, ValueError) as error:
            raise GenerationError(f"{folder}: CTranslate2 cannot load it ({error}). Export the model again.") from None
        return cls(
            translator=translator,
            source_vocabulary=source_vocabulary,
            target_vocabulary=target_vocabulary,
            end_token=config["eos_token"],
            limits=export["positions"],
            patience=1.0 if export["quantization"].startswith("int8") else PATIENCE,
            # The first exports have neither.
            other_ends=config.get(OTHER_ENDS, ()),
            suppressed=config.get(SUPPRESSED, ()),
        )

    def check(self, options: GenerationOptions, max_source_tokens: int) -> None:
        # Where no beams are compared, or all are divided by 1, the form makes no difference.
        if options.length_penalty_form != "power" and options.num_beams > 1 and options.length_penalty != 0:
            raise GenerationError(
                f"length_penalty_form: CTranslate2 has length^alpha alone, found {options.length_penalty_form!r}. Set "
                "it to power, or use the engine transformers."
            )
        if options.early_stopping == "never" and options.num_beams > 1 and options.length_penalty > 0:
            raise GenerationError(
                "early_stopping: CTranslate2 has no such search as 'never'. Set it to true or false, or use the engine "
                "transformers."
            )
        if options.precision != "fp32":
            raise GenerationError(
                f"precision: an export for CTranslate2 computes in the type that it was written in (found "
                f"{options.precision!r}). Leave it out, and export again with another quantization."
            )
        if options.encoder_no_repeat_ngram_size or options.encoder_repetition_penalty != 1:
            raise GenerationError(
                "encoder_no_repeat_ngram_size, encoder_repetition_penalty: CTranslate2 does not compare outputs with "
                "sources. Leave both out, or use the engine transformers."
            )
        if options.sampling:
            raise GenerationError(
                "sampling: CTranslate2 does not repeat its draws by a seed. Use the engine transformers."
            )
        check_positions(self.limits, {"source": max_source_tokens, "target": options.max_target_tokens})

    def write(
        self,
        sources: Sequence[Stored],
        options: GenerationOptions,
        advance: Advance,
        prefix: Ids,
        places: Sequence[int],
    ) -> list[list[Hypothesis]]:
        arguments = self._translate_options(options)
        begin = self._name_target(prefix)

        def submit(batch: Batch) -> list["ctranslate2.AsyncTranslationResult"]:
            return self.translator.translate_batch(
                [self._name_source(sources[index]) for index in batch],
                [begin] * len(batch) if prefix else None,
                asynchronous=True,
                **arguments,
            )

        def read(index: int, result: "ctranslate2.TranslationResult") -> list[Hypothesis]:
            return [self._read(tokens) for tokens in result.hypotheses]

        return self._map(
            sources,
            submit,
            read,
            advance,
            options.fits,
            explain=lambda count: explain_batch(count, options),
        )

    def score(
        self,
        sources: Sequence[Stored],
        labels: Sequence[Ids],
        advance: Advance = lambda pairs: None,
    ) -> list[list[float]]:
        # CTranslate2 puts an end mark behind every target and scores it.
        ended = [list(target[-1:]) == [self.end_id] for target in labels]

        def name_target(index: int) -> list[str]:
            target = labels[index]
            return self._name_target(target[:-1] if ended[index] else target)

        def submit(batch: Batch) -> list["ctranslate2.AsyncScoringResult"]:
            return self.translator.score_batch(
                [self._name_source(sources[index]) for index in batch],
                [name_target(index) for index in batch],
                max_input_length=0,
                asynchronous=True,
            )

        def read(index: int, result: "ctranslate2.ScoringResult") -> list[float]:
            scores = result.log_probs
            return list(scores if ended[index] else scores[:-1])

        def fits(width: int, pairs: int) -> bool:
            return width * pairs <= SCORED_SOURCE_TOKENS

        return self._map(sources, submit, read, advance, fits, explain=explain_scored_batch)

    def _map(
        self,
        sources: Sequence[Stored],
        submit: Callable[[Batch], Sequence[Any]],
        read: Callable[[int, Any], Result],
        advance: Advance,
        fits: Fits,
        explain: Callable[[int], str],
    ) -> list[Result]:
        """The results of all sources, in batches that fit; the library computes some side by side.

        Raises:
            GenerationError: memory ran out; `explain` says so of a number of texts in a batch.
        """

        def compute(batches: Sequence[Batch]) -> Iterator[list[Result]]:
            submitted: deque[tuple[Batch, Sequence[Any]]] = deque()

            def finish() -> list[Result]:
                batch, results = submitted.popleft()
                with explain_memory(GenerationError(explain(len(batch)))):
                    return [read(index, result.result()) for index, result in zip(batch, results, strict=True)]

            for batch in batches:
                submitted.append((batch, submit(batch)))
                if len(submitted) > AHEAD:
                    yield finish()
            while submitted:
                yield finish()

        lengths = [len(source) for source in sources]
        return map_by_length(lengths, fits, compute, advance, self.share)

    def _translate_options(self, options: GenerationOptions) -> dict:
        goes_on = options.num_beams > 1 and options.early_stopping is not True
        return {
            "beam_size": options.num_beams,
            "patience": self.patience if goes_on else 1.0,
            "num_hypotheses": options.num_outputs,
            "length_penalty": options.length_penalty,
            "repetition_penalty": options.repetition_penalty,
            "no_repeat_ngram_size": options.no_repeat_ngram_size,
            "max_decoding_length": options.max_target_tokens,
            "min_decoding_length": options.min_target_tokens,
            "suppress_sequences": self.suppressed or None,
            "end_token": [self.end_token, *self.other_ends],
            # By it an output that ended is known from one that the limit broke off.
            "return_end_token": True,
            # No limit: CTranslate2 would cut sources at 1,024 tokens in silence.
            "max_input_length": 0,
        }

    def _name_source(self, ids: Stored) -> list[str]:
        return [self.source_vocabulary[token_id] for token_id in ids]

    def _name_target(self, ids: Ids) -> list[str]:
        return [self.target_vocabulary[token_id] for token_id in ids]

    def _read(self, tokens: Sequence[str]) -> Hypothesis:
        last = tokens[-1] if tokens else None
        is_other = last in self.other_ends
        is_ended = is_other or last == self.end_token
        ids = [self.target_ids[token] for token in tokens]
        if not is_ended:
            return Hypothesis(ids, is_ended)
        return Hypothesis(ids[:-1], is_ended, other_end=ids[-1] if is_other else None)


def _check_range(model: TokenLossModel, quantization: str) -> None:
    """Makes sure that no weight becomes infinite; int8 has scales for its own, and a float type for the others.

    Raises:
        ExportError: naming the first that does.
    """
    kind = quantization.removeprefix("int8_")
    if kind == "int8":
        return
    limit = torch.finfo(getattr(torch, kind)).max
    for name, parameter in model.named_parameters():
        largest = parameter.detach().abs().max().item()
        if largest > limit:
            raise ExportError(
                f"quantization: {name} has a weight of {largest:.3g}, and {kind} ends at {limit:.3g}. Choose bfloat16 "
                "or float32."
            )


def _choose_device(library: Any) -> dict[str, str | int]:
    """CTranslate2's options for the GPU that torch uses, else for batches side by side on a CPU."""
    if library.get_cuda_device_count() > 0:
        index = torch.cuda.current_device() if torch.cuda.is_available() else 0
        return {"device": "cuda", "device_index": index}
    workers, share = count_workers(AT_ONCE)
    return {"device": "cpu", "inter_threads": workers, "intra_threads": share}


def _load_vocabulary(folder: Path, side: str) -> list[str]:
    """The tokens of "source" or "target" by id, from a file of its own or from the one that both share."""
    shared = folder / "shared_vocabulary.json"
    return load_json(shared if shared.exists() else folder / f"{side}_vocabulary.json")
