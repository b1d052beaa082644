"""The decoder's keys and values while a batch is written, for fewer copies than transformers' own cache makes.

That one copies all of them twice for every token, to append a position and to follow the beams, and those of the source
once.
Shapes: B rows (sources times beams), H heads, T positions, C positions that there is room for, D width of a head.
"""

import torch
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer, EncoderDecoderCache

ROOM = 16  # positions by which the room grows: more are copied in vain for every token, fewer are made anew more often


class BeamCache(EncoderDecoderCache):
    """The cache of a decoder. Beams of a source attend to the same source: its keys and values stay where they are."""

    def __init__(self) -> None:
        # The second is that of the source: filled once, it needs no room to grow.
        super().__init__(Cache(layer_class_to_replicate=_RoomyLayer), DynamicCache())

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        self.self_attention_cache.reorder_cache(beam_idx)


class _RoomyLayer(DynamicLayer):
    """Keys and values of a layer, with room for further positions; rows are gathered from one buffer into another."""

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.buffers: list[torch.Tensor] = []  # of keys and values (B, H, C, D)
        self.spares: list[torch.Tensor] = []

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        *args,
        **kwargs,
    ) -> tuple[torch.Tensor, ...]:
        """Appends positions, of shape (B, H, new, D); returns all keys and values (B, H, T, D)."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        done = self.get_seq_length()
        positions = done + key_states.shape[-2]
        if not self.buffers or positions > self.buffers[0].shape[-2]:
            self._make_room(positions, key_states)
        keys, values = self.buffers
        keys[:, :, done:positions] = key_states
        values[:, :, done:positions] = value_states
        self._show(positions)
        return self.keys, self.values

    def _make_room(self, positions: int, states: torch.Tensor) -> None:
        rows, heads, _, width = states.shape
        room = -(-positions // ROOM) * ROOM
        buffers = [states.new_zeros((rows, heads, room, width)) for _ in range(2)]
        for old, new in zip(self.buffers, buffers, strict=False):  # there are no old ones at first
            new[:, :, : old.shape[-2]] = old
        self.buffers = buffers
        self.spares = [torch.empty_like(buffer) for buffer in buffers]

    def _show(self, positions: int) -> None:
        """Lets transformers see the first positions of the buffers."""
        keys, values = self.buffers
        self.keys = keys[:, :, :positions]
        self.values = values[:, :, :positions]

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        """Row i becomes what row beam_idx[i] was; shape (B,)."""
        if not self.buffers:
            return
        for buffer, spare in zip(self.buffers, self.spares, strict=True):
            rows = beam_idx.to(buffer.device)
            torch.index_select(buffer, 0, rows, out=spare)
        # What was gathered from is what the next beams are gathered into.
        self.buffers, self.spares = self.spares, self.buffers
        self._show(self.get_seq_length())
