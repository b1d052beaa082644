"""Where tokenizers lie in a checkpoint folder, and what their files are called. Imports nothing heavy."""

TARGET_FOLDER = "target_tokenizer"  # where the target's is another than the source's, which lies in the folder itself
TOKENIZER_FILE = "tokenizer.json"
# All that transformers reads of a tokenizer.
TOKENIZER_FILES = (
    TOKENIZER_FILE, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
    "vocab.json", "vocab.txt", "merges.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model",
    "source.spm", "target.spm",
)  # fmt: skip
