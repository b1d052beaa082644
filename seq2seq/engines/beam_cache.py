"""The decoder's keys and values while a batch is written, for fewer copies than transformers' own cache makes.

That one copies all of them twice a step, to append a position and to follow the beams, and those of the source once.
Shapes: B rows (sources times beams), H heads, T positions, C positions that there is room for, D width of a head.
"""

import torch
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer, EncoderDecoderCache

ROOM = 16  # positions by which the room grows: more are copied in vain at every step, fewer are made anew more often


class BeamCache(EncoderDecoderCache):
    """The cache of a decoder. Beams of a source attend to the same source: its keys and values stay where they are."""

    def __init__(self) -> None:
        super().__init__(Cache(layer_class_to_replicate=RoomyLayer), DynamicCache())

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        self.self_attention_cache.reorder_cache(beam_idx)


class RoomyLayer(DynamicLayer):
    """Keys and values of a layer, with room for further positions; rows are gathered from one buffer into another."""

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.buffers: list[torch.Tensor] = []  # of keys and values (B, H, C, D)
        self.spares: list[torch.Tensor] = []

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args, **kwargs) -> tuple[torch.Tensor, ...]:
        """Appends positions, of shape (B, H, new, D); returns all keys and values (B, H, T, D)."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        done, new = self.get_seq_length(), key_states.shape[-2]
        if not self.buffers or done + new > self.buffers[0].shape[-2]:
            self._make_room(done + new, key_states)
        for buffer, states in zip(self.buffers, (key_states, value_states), strict=True):
            buffer[:, :, done : done + new] = states
        self._show(done + new)
        return self.keys, self.values

    def _make_room(self, positions: int, states: torch.Tensor) -> None:
        rows, heads, _, width = states.shape
        shape = (rows, heads, -(-positions // ROOM) * ROOM, width)
        made = [states.new_zeros(shape) for _ in range(2)]
        for old, new in zip(self.buffers, made, strict=False):
            new[:, :, : old.shape[-2]] = old
        self.buffers, self.spares = made, [torch.empty_like(buffer) for buffer in made]

    def _show(self, positions: int) -> None:
        self.keys, self.values = (buffer[:, :, :positions] for buffer in self.buffers)

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        """Row i becomes what row beam_idx[i] was; shape (B,)."""
        if not self.buffers:
            return
        for buffer, spare in zip(self.buffers, self.spares, strict=True):
            torch.index_select(buffer, 0, beam_idx.to(buffer.device), out=spare)
        self.buffers, self.spares = self.spares, self.buffers
        self._show(self.get_seq_length())
