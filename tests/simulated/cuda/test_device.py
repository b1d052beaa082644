"""The simulated CUDA device itself: what a GPU refuses it refuses, and what it computes is what the CPU computes."""

import pytest
import torch

DEVICE = torch.device("cuda:0")
ELSEWHERE = "Expected all tensors to be on the same device"


def build(*shape):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(*shape, generator=generator)


MIXED = {
    "sum": lambda there, here: there + here,
    "sum the other way round": lambda there, here: here + there,
    "sum in place": lambda there, here: here.add_(there),
    "product of matrices": lambda there, here: there @ here,
    "layer": lambda there, here: torch.nn.Linear(4, 4)(there),
    "layer on the device": lambda there, here: torch.nn.Linear(4, 4, device=DEVICE)(here),
    "one after the other": lambda there, here: torch.cat([there, here]),
    "embedding": lambda there, here: torch.nn.functional.embedding(torch.tensor([0]), there),
    "loss": lambda there, here: torch.nn.functional.cross_entropy(there, torch.tensor([0, 1, 2, 3])),
    "choice": lambda there, here: torch.where(here > 0, there, there),
    "attention": lambda there, here: torch.nn.functional.scaled_dot_product_attention(there, there, there, here),
    "fused update": lambda there, here: torch._foreach_add_([there], [here]),
    "a number that is no number of elements": lambda there, here: torch.stack([there.sum(), here.sum()]),
}


@pytest.mark.parametrize("name", MIXED)
def test_operand_on_the_cpu_fails(name):
    here = build(4, 4)
    with pytest.raises(RuntimeError, match=ELSEWHERE):
        MIXED[name](here.to(DEVICE), here)


def test_gradient_on_the_cpu_fails():
    there = build(4).to(DEVICE).requires_grad_()
    with pytest.raises(RuntimeError, match="expected device cuda:0 but got cpu"):
        there.exp().backward(torch.ones(4))


def test_single_number_of_the_cpu_is_taken_element_by_element():
    there = build(4).to(DEVICE)
    assert torch.equal((there * torch.tensor(2.0)).cpu(), build(4) * 2)


def test_index_of_the_cpu_is_taken():
    assert torch.equal(build(4).to(DEVICE)[torch.tensor([2, 0])].cpu(), build(4)[[2, 0]])


@pytest.mark.parametrize("draw", ["rand", "bernoulli", "multinomial"])
def test_generator_of_the_cpu_fails(draw):
    generator = torch.Generator()
    shares = torch.full((4,), 0.25, device=DEVICE)
    draws = {
        "rand": lambda: torch.rand(4, device=DEVICE, generator=generator),
        "bernoulli": lambda: torch.bernoulli(shares, generator=generator),
        "multinomial": lambda: torch.multinomial(shares, 2, generator=generator),
    }
    with pytest.raises(RuntimeError, match="Expected a 'cuda' device type for generator but found 'cpu'"):
        draws[draw]()


def test_generator_of_the_device_draws_and_can_be_repeated():
    generator = torch.Generator(DEVICE).manual_seed(3)
    state = generator.get_state()
    first = torch.rand(4, device=DEVICE, generator=generator)
    generator.set_state(state)
    assert torch.equal(torch.rand(4, device=DEVICE, generator=generator), first)
    assert torch.equal(first.cpu(), torch.rand(4, generator=torch.Generator().manual_seed(3)))


def test_numbers_are_not_read_without_a_copy():
    with pytest.raises(TypeError, match="can't convert cuda:0 device type tensor to numpy"):
        build(4).to(DEVICE).numpy()


def test_copy_is_memory_of_its_own():
    here = build(4)
    there = here.to(DEVICE)
    there.add_(1)
    assert torch.equal(here, build(4))
    assert torch.equal(there.cpu(), build(4) + 1)


def test_view_shares_the_memory_of_what_it_looks_into():
    there = build(4, 4).to(DEVICE)
    there[1].zero_()
    assert there.untyped_storage().data_ptr() == there[1:].untyped_storage().data_ptr()
    assert there.cpu()[1].abs().sum() == 0


def test_tensor_that_grows_in_place_is_followed():
    there = torch.zeros(0, device=DEVICE)
    torch.add(build(5).to(DEVICE), 1, out=there)
    assert torch.equal(there.cpu(), build(5) + 1)


def test_gradient_is_the_cpus():
    here = torch.nn.Linear(4, 3)
    there = torch.nn.Linear(4, 3, device=DEVICE)
    there.load_state_dict(here.state_dict())
    here(build(2, 4)).square().sum().backward()
    there(build(2, 4).to(DEVICE)).square().sum().backward()
    assert torch.equal(there.weight.grad.cpu(), here.weight.grad)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_softmax_in_float32_of_half_precision_numbers(dtype):
    here = build(3, 5).to(dtype).requires_grad_()
    there = build(3, 5).to(DEVICE, dtype).requires_grad_()
    outputs = [torch.softmax(tensor, dim=-1, dtype=torch.float32) for tensor in (here, there)]
    for output in outputs:
        output.square().sum().backward()
    assert torch.equal(outputs[1].cpu(), outputs[0])
    assert torch.equal(there.grad.cpu(), here.grad)


@pytest.mark.parametrize("is_causal", [True, False])
def test_attention_is_the_cpus(is_causal):
    inputs = [build(2, 2, 5, 8).requires_grad_(), build(2, 2, 5, 8).to(DEVICE).requires_grad_()]
    attend = torch.nn.functional.scaled_dot_product_attention
    outputs = [attend(tensor, tensor, tensor, is_causal=is_causal) for tensor in inputs]
    for output in outputs:
        output.square().sum().backward()
    assert torch.equal(outputs[1].cpu(), outputs[0])
    assert torch.equal(inputs[1].grad.cpu(), inputs[0].grad)


def test_view_in_inference_mode_is_what_its_base_is():
    there = build(4).to(DEVICE)
    with torch.inference_mode():
        views = [there[1:], (there * 1)[1:]]
    assert [view.is_inference() for view in views] == [False, True]


@pytest.mark.parametrize("kind", [{"fused": True}, {"foreach": True}, {"foreach": False}], ids=str)
def test_steps_of_adamw_are_the_cpus(kind):
    layers = [torch.nn.Linear(4, 3), torch.nn.Linear(4, 3, device=DEVICE)]
    layers[1].load_state_dict(layers[0].state_dict())
    for layer in layers:
        optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, **kind)
        inputs = build(2, 4).to(layer.weight.device)
        for _ in range(3):
            optimizer.zero_grad()
            layer(inputs).square().sum().backward()
            torch.nn.utils.clip_grad_norm_(layer.parameters(), 0.5)
            optimizer.step()
        assert optimizer.state[layer.weight]["exp_avg"].device == layer.weight.device
    assert torch.equal(layers[1].weight.cpu(), layers[0].weight)


def test_fused_step_with_averages_on_the_cpu_fails():
    layer = torch.nn.Linear(4, 3, device=DEVICE)
    optimizer = torch.optim.AdamW(layer.parameters(), fused=True)
    layer(build(2, 4).to(DEVICE)).sum().backward()
    optimizer.step()
    optimizer.state[layer.weight]["exp_avg"] = torch.zeros(3, 4)
    with pytest.raises(RuntimeError, match=ELSEWHERE):
        optimizer.step()
