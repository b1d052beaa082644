"""An engine of one's own: a plain loop over the likeliest token. seq2seq export RUN --format my_engine:LoopEngine"""

import torch

from seq2seq import Engine, Hypothesis
from seq2seq.base.errors import GenerationError
from seq2seq.checkpoints.folder import read_checkpoint, write_checkpoint
from seq2seq.engines.forced_decoding import score_ids


class LoopEngine(Engine):
    def __init__(self, model):
        self.model = model
        self.begin_id = model.generation_config.decoder_start_token_id
        self.end_id = model.generation_config.eos_token_id

    @classmethod
    def load(cls, folder):
        return cls(read_checkpoint(folder / "loop").model)

    @classmethod
    def export(cls, checkpoint, model, folder, quantization):
        write_checkpoint(folder / "loop", model, checkpoint.tokenizers, checkpoint.description)

    def check(self, options, max_source_tokens):
        if options.num_beams > 1 or options.sampling:
            raise GenerationError("num_beams, sampling: the loop is greedy. Leave both out.")

    def write(self, sources, options, advance, prefix, places):
        return [[self._write_one(source, list(prefix), options.max_target_tokens)] for source in sources]

    def _write_one(self, source, ids, limit):
        while len(ids) < limit and ids[-1:] != [self.end_id]:
            read = torch.tensor([[self.begin_id, *ids]])
            logits = self.model(input_ids=torch.tensor([source]), decoder_input_ids=read, use_cache=False).logits
            ids = [*ids, logits[0, -1].argmax().item()]
        return Hypothesis([token for token in ids if token != self.end_id], ids[-1:] == [self.end_id])

    def score(self, sources, labels, advance=lambda pairs: None):
        return score_ids(self.model, sources, labels, advance)
