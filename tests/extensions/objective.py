"""An objective of one's own: focal loss, and sources that lose tokens at random, others in each epoch.

training: {objective: {kind: "tests.extensions.objective:Focal", gamma: 2.0, drop: 0.1}}
"""

from dataclasses import replace

import torch
from pydantic import Field

import seq2seq
from seq2seq.base.randomness import build_generator
from seq2seq.data.ragged import RaggedIds


class Focal(seq2seq.Objective):
    """Tokens that the model finds likely already count less (Lin et al. 2017)."""

    class Options(seq2seq.Options):
        gamma: float = Field(2.0, ge=0, description="How much less they count; 0 is cross-entropy.")
        drop: float = Field(0.0, ge=0, lt=1, description="The share of source tokens that an epoch leaves out.")

    def compute_sums(self, model, batch):
        return model(**batch, criterion=self._sum_focal)

    def _sum_focal(self, logits, labels):
        likelihoods = torch.log_softmax(logits.float(), dim=-1).gather(1, labels[:, None])
        objective = -((1 - likelihoods.exp()) ** self.options.gamma * likelihoods).sum()
        return objective, -likelihoods.detach().sum()

    def renew(self, examples, epoch):
        if not self.options.drop:
            return examples
        generator = build_generator(self.context.seed, "drop", epoch)
        rows = [row[generator.random(len(row)) >= self.options.drop] for row in examples.sources]
        kept = [row if len(row) else examples.sources[index][:1] for index, row in enumerate(rows)]
        return replace(examples, sources=RaggedIds(kept))
