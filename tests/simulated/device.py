"""A GPU that is none: tensors say they are on it, their data lies on the CPU, and every operation is looked at.

It finds two faults of a program that a CPU does not show: operands on different devices, and a CPU's generator for
numbers that are drawn on the device. And it counts, by the place in the code, what a GPU would have to be waited for,
what is copied there from memory that is not pinned, and how many kernels are started. It tells nothing of time.

The device is torch's backend for private use: nothing is compiled. It has no rules of autocast and no scaled loss.
"""

import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import torch
from accelerate import Accelerator
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend
from transformers import PreTrainedModel

from tests.simulated.kernels import starts_kernel

NAME = "simulated"
CPU = torch.device("cpu")
ATEN = torch.ops.aten
# These move data, or take an index from either side.
MAY_MIX = {
    ATEN._to_copy.default,
    ATEN.copy_.default,
    ATEN.index.Tensor,
    ATEN.index_put.default,
    ATEN.index_put_.default,
    ATEN._index_put_impl_.default,
}
INDEXING = MAY_MIX - {ATEN._to_copy.default, ATEN.copy_.default}
# Their results, or the shapes of these, depend on values: the CPU waits for them.
WAITED_FOR = {
    ATEN._local_scalar_dense.default,
    ATEN.nonzero.default,
    ATEN.masked_select.default,
    ATEN.equal.default,
    ATEN.bincount.default,
    ATEN._unique2.default,
    ATEN.unique_consecutive.default,
    ATEN.unique_dim.default,
    ATEN.repeat_interleave.Tensor,
}
PLACES = ("/seq2seq/", "/transformers/", "/accelerate/", "/torch/nn/utils/", "/torch/optim/")


@dataclass
class Counts:
    """What was seen, each by what it was and where.

    waits: synchronisations. unpinned: copies to the device from memory that nobody asked to be pinned. kernels: by
    operation.
    """

    waits: Counter[str] = field(default_factory=Counter)
    unpinned: Counter[str] = field(default_factory=Counter)
    kernels: Counter[str] = field(default_factory=Counter)

    def clear(self) -> None:
        self.waits.clear()
        self.unpinned.clear()
        self.kernels.clear()

    def copy(self) -> "Counts":
        return Counts(self.waits.copy(), self.unpinned.copy(), self.kernels.copy())

    def __sub__(self, earlier: "Counts") -> "Counts":
        """What was seen since."""
        return Counts(
            self.waits - earlier.waits,
            self.unpinned - earlier.unpinned,
            self.kernels - earlier.kernels,
        )


COUNTS = Counts()


def find_place() -> str:
    """The last line of our own code, and the last of a library's behind it, that led here."""
    frames = [frame for frame in traceback.extract_stack() if any(place in frame.filename for place in PLACES)]
    if not frames:
        return "backward"
    own = next((frame for frame in reversed(frames) if "site-packages" not in frame.filename), None)
    shown = [frames[-1]] if own in (None, frames[-1]) else [frames[-1], own]
    return " <- ".join(f"{_shorten(frame.filename)}:{frame.lineno}" for frame in shown)


def _shorten(path: str) -> str:
    return path.rpartition("site-packages/")[2].rpartition("/seq2seq/")[2]


def _build_empty(size, stride, dtype=None, layout=None, device=None, pin_memory=None):
    """What torch makes beneath every watch: of a list that is an index, say, which it copies to the device."""
    return SimulatedTensor(torch.empty_strided(size, stride, dtype=dtype))


def _copy(source, target, non_blocking=False):
    """The copy that belongs to it, of memory that is never pinned."""
    COUNTS.unpinned[f"copy of {tuple(source.shape)} at {find_place()}"] += 1
    to_cpu(target).copy_(to_cpu(source))
    return target


def _refuse(*_: Any, **__: Any) -> Any:
    raise RuntimeError("beneath the watch, which computes what tensors of the device take part in")


_LIBRARY = torch.library.Library("aten", "IMPL")
_LIBRARY.impl("empty_strided", _build_empty, "PrivateUse1")
_LIBRARY.impl("_copy_from", _copy, "PrivateUse1")
# A kernel of its own on every device, which torch would take apart for this one.
_LIBRARY.impl("silu_backward", _refuse, "PrivateUse1")


class SimulatedTensor(torch.Tensor):
    """Says it is on the device; `data_on_cpu` holds what it is."""

    data_on_cpu: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, data: torch.Tensor, requires_grad: bool = False) -> "SimulatedTensor":
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            data.size(),
            strides=data.stride(),
            storage_offset=data.storage_offset(),
            dtype=data.dtype,
            layout=data.layout,
            device=DEVICE,
            requires_grad=requires_grad,
        )
        made.data_on_cpu = data
        return made

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return execute(function, args, kwargs or {})

    def tolist(self) -> Any:
        COUNTS.waits[f"tolist at {find_place()}"] += 1
        return self.data_on_cpu.tolist()

    def numpy(self, *_: Any, **__: Any) -> Any:
        raise TypeError(f"cannot convert a tensor on {NAME} to numpy; copy it to the CPU first")

    def __array__(self, *_: Any, **__: Any) -> Any:
        return self.numpy()

    def __repr__(self) -> str:
        return f"SimulatedTensor({tuple(self.shape)}, {self.dtype})"

    def __deepcopy__(self, memo: dict) -> "SimulatedTensor":
        if id(self) not in memo:
            copied = SimulatedTensor(self.data_on_cpu.detach().clone(), requires_grad=self.requires_grad)
            is_parameter = isinstance(self, nn.Parameter)
            memo[id(self)] = nn.Parameter(copied, requires_grad=self.requires_grad) if is_parameter else copied
        return memo[id(self)]


class _Backend(_DummyBackendModule):
    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]


# Before the first backward pass of the process, which counts the devices.
_setup_privateuseone_for_python_backend(NAME, backend_module=_Backend())
DEVICE = torch.device(NAME, 0)


def is_there(device: Any) -> bool:
    return device is not None and torch.device(device).type == NAME


def to_cpu(value: Any) -> Any:
    return value.data_on_cpu if isinstance(value, SimulatedTensor) else value


def to_device(value: Any) -> Any:
    is_elsewhere = isinstance(value, torch.Tensor) and not isinstance(value, SimulatedTensor)
    return SimulatedTensor(value) if is_elsewhere else value


def execute(function: Any, args: tuple, kwargs: dict) -> Any:
    """Computes an operation on the CPU after a look at it."""
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    ours = [tensor for tensor in tensors if isinstance(tensor, SimulatedTensor)]
    device = kwargs.get("device")
    lands_here = is_there(device) or (device is None and bool(ours))
    if function is ATEN.copy_.default:
        lands_here = isinstance(args[0], SimulatedTensor)
    _check_devices(function, tensors, kwargs, lands_here=lands_here)
    _count(function, args, kwargs, ours, lands_here=lands_here)
    if is_there(device):
        kwargs = kwargs | {"device": CPU}
    if kwargs.get("pin_memory"):
        kwargs = kwargs | {"pin_memory": False}
    result = function(*tree_map(to_cpu, args), **tree_map(to_cpu, kwargs))
    written = _list_written(function, args, kwargs)
    if written:  # in place: what was given is the result
        return written[0] if len(written) == 1 else tuple(written)
    return tree_map(to_device, result) if lands_here else result


def _check_devices(function: Any, tensors: list[torch.Tensor], kwargs: dict, *, lands_here: bool) -> None:
    elsewhere = [tensor for tensor in tensors if not isinstance(tensor, SimulatedTensor) and tensor.dim()]
    is_here = any(isinstance(tensor, SimulatedTensor) for tensor in tensors)
    if elsewhere and is_here and function not in MAY_MIX:
        shapes = [tuple(tensor.shape) for tensor in elsewhere]
        raise RuntimeError(f"{function}: {NAME} and CPU tensors {shapes} at {find_place()}")
    generator = kwargs.get("generator")
    if generator is not None and lands_here and generator.device.type == "cpu":
        raise RuntimeError(f"{function}: a CPU's generator draws for {NAME} at {find_place()}")


def _count(function: Any, args: tuple, kwargs: dict, ours: list, *, lands_here: bool) -> None:
    device = kwargs.get("device")
    if ours and function in WAITED_FOR:
        COUNTS.waits[f"{function} at {find_place()}"] += 1
    if ours and function in INDEXING:
        for index in args[1]:
            if index is not None and index.dtype in (torch.bool, torch.uint8):
                COUNTS.waits[f"{function} with a mask at {find_place()}"] += 1
            elif index is not None and not isinstance(index, SimulatedTensor):
                COUNTS.unpinned[f"{function} with an index of the CPU at {find_place()}"] += 1
    leaves = ours and function is ATEN._to_copy.default and device is not None and not is_there(device)
    if leaves or (function is ATEN.copy_.default and ours and not lands_here):
        COUNTS.waits[f"copy to the CPU at {find_place()}"] += 1
    comes = not ours and function is ATEN._to_copy.default and is_there(device)
    comes = comes or (function is ATEN.copy_.default and lands_here and not isinstance(args[1], SimulatedTensor))
    if comes:
        source = args[0] if function is ATEN._to_copy.default else args[1]
        if not getattr(source, "was_pinned", False):
            COUNTS.unpinned[f"copy of {tuple(source.shape)} at {find_place()}"] += 1
        elif not (kwargs.get("non_blocking") or args[2:] == (True,)):
            COUNTS.waits[f"copy of {tuple(source.shape)} that blocks at {find_place()}"] += 1
    if lands_here and starts_kernel(function):
        COUNTS.kernels[str(function)] += 1


def _list_written(function: Any, args: tuple, kwargs: dict) -> list[Any]:
    """The arguments that an operation in place gives back."""
    returns = function._schema.returns
    if not returns or not all(one.alias_info is not None and one.alias_info.is_write for one in returns):
        return []
    written = []
    for number, argument in enumerate(function._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            written.append(kwargs[argument.name] if argument.name in kwargs else args[number])
    return written


class _Watch(TorchDispatchMode):
    """Sees what no tensor of the device takes part in: what is made there."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return execute(function, args, kwargs or {})


class _Attention(torch.autograd.Function):
    """Of scaled dot products: one kernel there and one back, whatever the CPU computes it by."""

    @staticmethod
    def forward(ctx, query, key, value, mask, options):
        inputs = [None if tensor is None else to_cpu(tensor).detach() for tensor in (query, key, value, mask)]
        learned = [tensor for tensor, is_learned in zip(inputs, ctx.needs_input_grad, strict=False) if is_learned]
        with torch.enable_grad():
            for tensor in learned:
                tensor.requires_grad_()
            output = ATTENTION(*inputs, **options)
        ctx.computed = learned, output
        COUNTS.kernels["attention"] += 1
        return SimulatedTensor(output.detach())

    @staticmethod
    def backward(ctx, gradient):
        COUNTS.kernels["attention backward"] += 1
        learned, output = ctx.computed
        gradients = map(SimulatedTensor, torch.autograd.grad(output, learned, to_cpu(gradient)))
        return *(next(gradients) if is_learned else None for is_learned in ctx.needs_input_grad[:4]), None


ATTENTION = functional.scaled_dot_product_attention


def _pin(tensor: torch.Tensor, *device: Any) -> torch.Tensor:
    """Another tensor that remembers what was asked for: without a GPU no memory can be pinned."""
    pinned = tensor.clone()
    pinned.was_pinned = True  # type: ignore[attr-defined]
    return pinned


def _attend(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    options = {"dropout_p": dropout_p, "is_causal": is_causal, "scale": scale, "enable_gqa": enable_gqa}
    if not isinstance(query, SimulatedTensor):
        return ATTENTION(query, key, value, attn_mask, **options)
    for tensor in (key, value, attn_mask):
        if tensor is not None and not isinstance(tensor, SimulatedTensor):
            raise RuntimeError(f"attention: {NAME} and CPU tensors at {find_place()}")
    return _Attention.apply(query, key, value, attn_mask, options)


def _wrap_constructor(construct: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """`torch.tensor` and `torch.as_tensor`, which torch does not send through a watch."""

    def build(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
        if isinstance(data, SimulatedTensor):
            return data.to(device=device or data.device, dtype=dtype or data.dtype)
        if not is_there(device):
            options = {"requires_grad": True} if requires_grad else {}
            return construct(data, dtype=dtype, device=device, **options)
        with torch._C._DisableTorchDispatch():
            made = construct(data, dtype=dtype)
        COUNTS.unpinned[f"{construct.__name__} at {find_place()}"] += 1
        return SimulatedTensor(made)

    return build


def _move(module: nn.Module, change: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> nn.Module:
    """`Module._apply` that makes new parameters where they change their device, shared ones once."""
    changed: dict[int, Any] = {}
    kept = []  # so that no id is used twice
    for part in module.modules() if recurse else [module]:
        for name, parameter in part._parameters.items():
            if parameter is not None:
                if id(parameter) not in changed:
                    kept.append(parameter)
                    changed[id(parameter)] = _change_parameter(parameter, change)
                part._parameters[name] = changed[id(parameter)]
        for name, buffer in part._buffers.items():
            if buffer is not None:
                if id(buffer) not in changed:
                    kept.append(buffer)
                    changed[id(buffer)] = change(buffer)
                part._buffers[name] = changed[id(buffer)]
    return module


def _change_parameter(parameter: nn.Parameter, change: Callable[[torch.Tensor], torch.Tensor]) -> nn.Parameter:
    with torch.no_grad():
        new = change(parameter)
    if isinstance(new, SimulatedTensor) == isinstance(parameter, SimulatedTensor):
        if new is not parameter:
            parameter.data = new
        return parameter
    return nn.Parameter(new, requires_grad=parameter.requires_grad)


def move(model: nn.Module) -> nn.Module:
    """Moves a model to the device, or back again, in place."""
    with mock.patch.object(nn.Module, "_apply", _move):
        return model.to(DEVICE)


def _to(model: PreTrainedModel, *arguments: Any, **options: Any) -> PreTrainedModel:
    with mock.patch.object(nn.Module, "_apply", _move):
        return MODEL_TO(model, *arguments, **options)


MODEL_TO = PreTrainedModel.to


@contextmanager
def training_there() -> Iterator[Counts]:
    """Runs of the block train on the device, which Accelerate takes for that of the process, and are watched."""
    with (
        mock.patch.object(Accelerator, "device", DEVICE),
        mock.patch.object(PreTrainedModel, "to", _to),
        simulating() as counts,
    ):
        yield counts


@contextmanager
def simulating() -> Iterator[Counts]:
    """Watches what the block does on the device; gives the counts, cleared."""
    COUNTS.clear()
    with (
        mock.patch.object(functional, "scaled_dot_product_attention", _attend),
        mock.patch.object(torch, "tensor", _wrap_constructor(torch.tensor)),
        mock.patch.object(torch, "as_tensor", _wrap_constructor(torch.as_tensor)),
        mock.patch.object(torch, "inference_mode", _NoGradient),
        mock.patch.object(torch.Tensor, "pin_memory", _pin),
        _Watch(),
    ):
        yield COUNTS


class _NoGradient(torch.no_grad):
    """In place of inference mode, in which a wrapped tensor cannot be made."""

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
