"""What other toolkits call the options of generation.

Names of transformers, fairseq, OpenNMT, Marian, Sockeye, JoeyNMT and CTranslate2 that are none of ours, in lower case
with underscores.
"""

FOREIGN_OPTIONS = {
    # transformers
    "val_max_target_length": "max_target_tokens",
    "generation_max_length": "max_target_tokens",
    "generation_num_beams": "num_beams",
    "max_length": "max_target_tokens",
    "max_new_tokens": "max_target_tokens",
    "min_length": "min_target_tokens",
    "min_new_tokens": "min_target_tokens",
    "do_sample": "sampling",
    "num_return_sequences": "num_outputs",
    # fairseq, OpenNMT, Marian, Sockeye, JoeyNMT, CTranslate2
    "beam_size": "num_beams",
    "beams": "num_beams",
    "lenpen": "length_penalty",
    "alpha": "length_penalty",
    "beam_alpha": "length_penalty",
    "nbest": "num_outputs",
    "n_best": "num_outputs",
    "num_hypotheses": "num_outputs",
    "no_repeat_ngram": "no_repeat_ngram_size",
    "block_ngram_repeat": "no_repeat_ngram_size",
    "max_output_length": "max_target_tokens",
    "max_decoding_length": "max_target_tokens",
    "min_decoding_length": "min_target_tokens",
}
