"""What a model for a file of pairs may start from, and what is known of it where it lies on this machine.

Downloads nothing. Knows no rate and no length.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from transformers import PreTrainedConfig

from ...checkpoints.description import find_description
from ...checkpoints.find import find_local
from ...families.configs import count_positions, count_side_positions
from ...families.names import find_plan_of_paper, guess_model_type
from ...text.framing import find_source_marks
from ...text.published import load_published_tokenizers
from ...text.tokenizers import TokenizerPair, load_tokenizer, load_tokenizers
from ...warmstart.published_checkpoint import EMBEDDED, PublishedCheckpoint
from ..options.init import InitOptions
from .figures import FileFigures

CASED = "google-bert/bert-base-cased"
UNCASED = "google-bert/bert-base-uncased"
CHINESE = "google-bert/bert-base-chinese"
MULTILINGUAL = "google-bert/bert-base-multilingual-cased"
ENGLISH_ASCII = 0.99  # of the characters of English texts, which have 0.999; German and French have 0.98
SOME_CAPITALS = 0.05  # of the texts; where fewer have any, case tells nothing
BASE_WIDTH = 768  # of a model of which nothing but the name is known: those above are all of base size
BASE_LAYERS = 12
BASE_POSITIONS = 512
BASE_VOCABULARY = 30_000
MARKS = 2  # around a source


@dataclass(frozen=True)
class Origin:
    """What the model starts from, and why.

    tokenizers: None where they are not on this machine; then shape and positions are those of a base model.
    positions: of source and target, None where nothing limits them. source_marks: how many stand around a source.
    """

    plan: str
    name: str
    why: str
    encoder: str | None = None
    decoder: str | None = None
    checkpoint: str | None = None
    tokenizers: TokenizerPair | None = None
    width: int = BASE_WIDTH
    layers: int = BASE_LAYERS
    vocabulary: int = BASE_VOCABULARY
    source_positions: int | None = BASE_POSITIONS
    target_positions: int | None = BASE_POSITIONS
    source_marks: int = MARKS

    @property
    def is_one(self) -> bool:
        """Whether both sides come from one encoder."""
        return self.checkpoint is None and self.decoder in (None, self.encoder)

    def with_shape(self, config: PreTrainedConfig) -> Self:
        """The same with the shape that a config tells; what it does not, stays."""
        return replace(
            self,
            width=getattr(config, "hidden_size", self.width),
            layers=getattr(config, "num_hidden_layers", self.layers),
            vocabulary=getattr(config, "vocab_size", self.vocabulary),
        )


def choose_origin(options: InitOptions, file: FileFigures) -> Origin:
    """The checkpoints that were given, or one that fits the scripts and the case of the texts.

    Raises:
        WarmStartError, CheckpointError, TokenizerError: what was given is here and cannot be read.
    """
    if options.checkpoint is not None:
        return _open_whole(options.checkpoint)
    encoder = options.encoder or _choose_encoder(file)
    why = "as you said" if options.encoder else _explain_encoder(encoder)
    encoder_folder = find_folder_at_hand(encoder)
    decoder_folder = encoder_folder if options.decoder is None else find_folder_at_hand(options.decoder)
    decoder = encoder if options.decoder is None else options.decoder
    origin = Origin(
        plan=_choose_plan(options, encoder, guess_model_type(encoder), guess_model_type(decoder)),
        name=encoder,
        why=why,
        encoder=encoder,
        decoder=options.decoder,
    )
    if encoder_folder is None or decoder_folder is None:
        return origin
    config = PublishedCheckpoint(encoder, encoder_folder).config
    decoder_config = PublishedCheckpoint(decoder, decoder_folder).config
    source = load_tokenizer(encoder_folder)
    target = source if decoder_folder == encoder_folder else load_tokenizer(decoder_folder)
    prefix, suffix = find_source_marks(source)
    return replace(
        origin.with_shape(decoder_config),
        plan=_choose_plan(options, encoder, config.model_type, decoder_config.model_type),
        tokenizers=TokenizerPair(source, target),
        source_marks=len(prefix) + len(suffix),
        source_positions=count_positions(config),
        target_positions=count_positions(decoder_config),
    )


def _choose_plan(options: InitOptions, encoder: str, encoder_type: str, decoder_type: str) -> str:
    return options.plan or find_plan_of_paper(encoder_type, decoder_type, one=options.decoder in (None, encoder))


def _open_whole(name: str) -> Origin:
    """An encoder-decoder to train on."""
    origin = Origin(plan="pretrained", name=name, why="as you said", checkpoint=name)
    folder = find_local(name) or _find_cached(name)
    if folder is None:
        return origin
    is_ours = find_description(folder) is not None
    config = PublishedCheckpoint(name, folder).config
    encoder = getattr(config, "encoder", None)
    decoder = getattr(config, "decoder", None)
    is_pair = isinstance(encoder, PreTrainedConfig) and isinstance(decoder, PreTrainedConfig)
    return replace(
        origin.with_shape(decoder if is_pair else config),
        tokenizers=load_tokenizers(folder) if is_ours else load_published_tokenizers(folder)[0],
        source_positions=count_positions(encoder) if is_pair else count_side_positions(config, "encoder"),
        target_positions=count_positions(decoder) if is_pair else count_side_positions(config, "decoder"),
    )


def find_folder_at_hand(name: str) -> Path | None:
    """The folder of a checkpoint that lies on this machine, in the hub's cache too; None where it does not.

    Raises:
        WarmStartError: it is no name for the hub either.
    """
    if not name.startswith(EMBEDDED) and not Path(name).exists() and _may_be_on_hub(name):
        return _find_cached(name)
    return PublishedCheckpoint.open(name).folder


def _may_be_on_hub(name: str) -> bool:
    return not Path(name).is_absolute() and not name.startswith((".", "~")) and name.count("/") <= 1


def _find_cached(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        return None
    if not isinstance(found, str):
        return None
    folder = Path(found).parent
    has_tokenizer = any((folder / file).exists() for file in ("tokenizer.json", "vocab.txt", "vocab.json"))
    return folder if has_tokenizer else None


def _choose_encoder(file: FileFigures) -> str:
    scripts = {file.source.script, file.target.script} - {""}
    if scripts <= {"Latin"} and _is_english(file):
        has_case = max(file.source.capitals, file.target.capitals) > SOME_CAPITALS
        return CASED if has_case else UNCASED
    return CHINESE if scripts == {"Han"} else MULTILINGUAL


def _is_english(file: FileFigures) -> bool:
    """Whether nearly all characters of both sides are ASCII, as those of English are and of few other languages."""
    for side in (file.source, file.target):
        characters = sum(map(len, side.sample))
        ascii_ones = sum(len(text.encode("ascii", "ignore")) for text in side.sample)
        if ascii_ones < ENGLISH_ASCII * characters:
            return False
    return True


def _explain_encoder(encoder: str) -> str:
    return {
        CASED: "for texts in ASCII with capitals; name another by --encoder",
        UNCASED: "for texts in ASCII without capitals; name another by --encoder",
        CHINESE: "for texts in Chinese characters; name another by --encoder",
        MULTILINGUAL: "of 104 languages, since the texts are not English alone; one of your language is better",
    }[encoder]
