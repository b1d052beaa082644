"""Which errors say that memory ran out: by their type, or a RuntimeError by its message.

The messages are those of the libraries, as they stand in reports of their users.
"""

import pytest
import torch

from seq2seq.base.errors import AnalysisError
from seq2seq.base.memory import explain_batch_memory, is_out_of_memory

RAN_OUT = [
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.64 GiB of which 1 GiB is free.",
    "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other API call",
    "CUDA driver error: out of memory",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`",
    "HIP out of memory. Tried to allocate 64.00 MiB",
    "HIP error: out of memory",
    "CUDA error: HIPBLAS_STATUS_ALLOC_FAILED when calling `hipblasCreate(handle)`",
    "MPS backend out of memory (MPS allocated: 17.05 GB, other allocations: 1.02 GB, max allowed: 18.13 GB).",
    "XPU out of memory. Tried to allocate 1.00 GiB",
    "level_zero backend failed with error: 39 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)",
    "Native API failed. Native API returns: -6 (PI_ERROR_OUT_OF_HOST_MEMORY)",
    "FATAL ERROR :: MODULE:PT_DEVMEM Allocation failed for size::1073741824 (1024)MB",
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "4000000000000000 bytes. Error code 12 (Cannot allocate memory)",
    "[enforce fail at alloc_cpu.cpp:114] data. DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes.",
    "unable to mmap 536870912 bytes from file </tmp/model.safetensors>: Cannot allocate memory (12)",
    "std::bad_alloc",
    "bad allocation",
    "NCCL error in: ProcessGroupNCCL.cpp:1, unhandled cuda error\nLast error:\nCuda failure 2 'out of memory'",
    "CUDA failed with error out of memory",
]
OTHERS = [
    "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if you passed in a non-contiguous input.",
    "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
    "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
    "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`",
    "CUDA error: an illegal memory access was encountered",
    "CUDA error: misaligned address",
    "CUDA error: device-side assert triggered",
    "Expected all tensors to be on the same device",
    "unsupported operation: some elements of the input tensor refer to a single memory location",
    "Pin memory thread exited unexpectedly",
    "DataLoader worker (pid 1) is killed by signal: Bus error. Its workers may be out of shared memory",
    "out of resource: shared memory, Required: 147456, Hardware limit: 101376. Reducing block sizes may help.",
    "value cannot be converted to type at::BFloat16 without overflow",
]


@pytest.mark.parametrize("message", RAN_OUT, ids=lambda message: message[:40])
def test_messages_of_memory_that_ran_out_are_recognized(message):
    assert is_out_of_memory(RuntimeError(message))
    assert is_out_of_memory(torch.AcceleratorError(message))


@pytest.mark.parametrize("message", OTHERS, ids=lambda message: message[:40])
def test_other_errors_are_none_though_they_speak_of_memory(message):
    assert not is_out_of_memory(RuntimeError(message))
    assert not is_out_of_memory(torch.AcceleratorError(message))


def test_types_that_mean_it_need_no_message():
    assert is_out_of_memory(torch.OutOfMemoryError("Allocation on device 0 would exceed allowed memory."))
    assert is_out_of_memory(MemoryError())


@pytest.mark.parametrize("error", [ValueError, KeyError, OSError, AnalysisError])
def test_message_in_an_error_of_another_type_is_none(error):
    assert not is_out_of_memory(error("CUDA out of memory."))


def test_allocation_that_no_machine_grants_is_recognized():
    with pytest.raises(RuntimeError) as refused:
        torch.empty(10**15)
    assert is_out_of_memory(refused.value)


def test_batches_that_do_not_fit_are_told_and_other_errors_pass():
    told = "Memory ran out with batches of 512 tokens. Lower batch_tokens"
    with pytest.raises(AnalysisError, match=told), explain_batch_memory(512):
        raise torch.AcceleratorError("CUDA error: out of memory")
    with pytest.raises(RuntimeError, match="CUDNN_STATUS_NOT_SUPPORTED"), explain_batch_memory(512):
        raise RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED.")
