"""Cross-entropy with its gradient, whole and in chunks, against torch."""

import math

import pytest
import torch
from torch.nn import functional

from seq2seq.modeling import loss
from seq2seq.modeling.loss import apply_cross_entropy, compute_linear_cross_entropy, is_tiled
from seq2seq.training.tf32 import multiplying_by_tf32


def build_output_layer(tokens=7, width=5, vocabulary=11):
    """States, weight, bias and labels."""
    generator = torch.Generator().manual_seed(3)
    shapes = ((tokens, width), (vocabulary, width), (vocabulary,))
    tensors = [torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes]
    return *tensors, torch.randint(vocabulary, (tokens,), generator=generator)


def compute_plainly(states, weight, bias, labels, smoothing):
    """Torch's loss of full logits, and its gradients."""
    logits = functional.linear(states, weight, bias)
    total = functional.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
    return total, torch.autograd.grad(total, (states, weight, bias))


def test_loss_sums_hand_computed():
    # One token, three words with logits 0, ln 2, ln 5: softmax 1/8, 2/8, 5/8; the right word has 2/8.
    logits = torch.tensor([[0.0, math.log(2), math.log(5)]])
    plain = apply_cross_entropy(logits.clone(), torch.tensor([1]))
    assert plain.objective.item() == pytest.approx(math.log(4))
    # Smoothing 0.3: 0.7 ln 4 + 0.3 (ln 8 + ln 4 + ln 8/5) / 3
    smoothed = apply_cross_entropy(logits, torch.tensor([1]), 0.3)
    expected = 0.7 * math.log(4) + 0.1 * (math.log(8) + math.log(4) + math.log(8 / 5))
    assert smoothed.objective.item() == pytest.approx(expected, rel=1e-6)
    assert smoothed.negative_log_likelihood.item() == pytest.approx(math.log(4))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_and_gradient_of_logits_equal_torchs(smoothing):
    logits, labels = torch.randn(7, 11, requires_grad=True), torch.randint(11, (7,))
    expected = functional.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
    (expected_gradient,) = torch.autograd.grad(3 * expected, logits)
    objective = apply_cross_entropy(logits + 0.0, labels, smoothing).objective  # the sum is overwritten, not the leaf
    (gradient,) = torch.autograd.grad(3 * objective, logits)
    torch.testing.assert_close(objective, expected)
    torch.testing.assert_close(gradient, expected_gradient)


def test_loss_of_no_tokens_is_zero_and_has_a_gradient():
    logits = torch.zeros(0, 5, requires_grad=True)
    objective = apply_cross_entropy(logits, torch.zeros(0, dtype=torch.long)).objective
    objective.backward()
    assert objective.item() == 0
    assert logits.grad.shape == (0, 5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("rows", [1, 3, 7, 100])
def test_loss_and_gradients_of_an_output_layer_in_chunks_equal_torchs(smoothing, rows, monkeypatch):
    states, weight, bias, labels = build_output_layer()
    monkeypatch.setattr(loss, "CHUNK_BYTES", rows * 4 * len(weight))
    expected, expected_gradients = compute_plainly(states, weight, bias, labels, smoothing)
    sums = compute_linear_cross_entropy(states, weight, bias, labels, smoothing)
    torch.testing.assert_close(sums.objective, expected)
    plain, _ = compute_plainly(states, weight, bias, labels, 0.0)
    torch.testing.assert_close(sums.negative_log_likelihood, plain.detach())
    gradients = torch.autograd.grad(2 * sums.objective, (states, weight, bias))
    for gradient, wanted in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, 2 * wanted)


def test_gradient_is_taken_once():
    states, weight, bias, labels = build_output_layer()
    objective = compute_linear_cross_entropy(states, weight, bias, labels).objective
    objective.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="the gradient of this loss can be taken once; compute the loss again"):
        objective.backward()


def test_loss_alone_makes_no_gradient(monkeypatch):
    states, weight, bias, labels = build_output_layer()
    monkeypatch.setattr(torch, "zeros_like", None)  # what gradients of weight and bias would begin with
    with torch.no_grad():
        objective = compute_linear_cross_entropy(states, weight, bias, labels).objective
    torch.testing.assert_close(objective, compute_plainly(states, weight, bias, labels, 0.0)[0].detach())


def test_output_layer_without_bias_whose_weight_is_frozen():
    states, weight, bias, labels = build_output_layer()
    _, expected = compute_plainly(states, weight, torch.zeros_like(bias, requires_grad=True), labels, 0.0)
    compute_linear_cross_entropy(states, weight.requires_grad_(False), None, labels).objective.backward()
    torch.testing.assert_close(states.grad, expected[0])
    assert weight.grad is None


def test_output_layer_under_autocast_is_close_to_float32():
    states, weight, bias, labels = build_output_layer(tokens=50, width=32)
    expected, expected_gradients = compute_plainly(states, weight, bias, labels, 0.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        objective = compute_linear_cross_entropy(states, weight, bias, labels).objective
    gradients = torch.autograd.grad(objective, (states, weight, bias))
    assert objective.dtype == torch.float32
    assert objective.item() == pytest.approx(expected.item(), rel=1e-2)
    for gradient, wanted in zip(gradients, expected_gradients, strict=True):
        assert gradient.dtype == torch.float32
        assert (gradient - wanted).norm() < 0.02 * wanted.norm()  # bfloat16 keeps 8 bits: 0.4% a number


def test_output_layer_of_no_tokens_gives_zero_gradients():
    states, weight, bias, _ = build_output_layer(tokens=0)
    objective = compute_linear_cross_entropy(states, weight, bias, torch.zeros(0, dtype=torch.long)).objective
    objective.backward()
    assert objective.item() == 0
    assert weight.grad.abs().max().item() == 0
    assert bias.grad.abs().max().item() == 0


def test_logit_that_is_not_a_number_gives_a_loss_that_is_none():
    states, weight, bias, labels = build_output_layer()
    with torch.no_grad():
        states[2, 0] = math.nan
    assert math.isnan(compute_linear_cross_entropy(states, weight, bias, labels).objective.item())


def compute_in_type(tensors, smoothing, autocast):
    """Both sums and the gradients of an output layer."""
    *learned, labels = tensors
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        sums = compute_linear_cross_entropy(*learned, labels, smoothing)
    return [*sums, *torch.autograd.grad(3 * sums.objective, learned)]


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("vocabulary", [11, 63, 64, 65, 1001])
def test_output_layer_in_whole_tiles_gives_the_same_loss_and_gradients(vocabulary, smoothing, autocast, monkeypatch):
    # Zeros behind the vocabulary; smoothing that counted them would be that of another vocabulary.
    tensors = build_output_layer(tokens=50, width=32, vocabulary=vocabulary)
    monkeypatch.setattr(loss, "CHUNK_BYTES", 20 * 4 * vocabulary)
    expected = compute_in_type(tensors, smoothing, autocast)
    seen = []

    def multiply(states, weight, bias, multiply=functional.linear):
        seen.append((len(weight), len(bias)))
        return multiply(states, weight, bias)

    monkeypatch.setattr(loss, "is_tiled", lambda device, dtype: True)
    monkeypatch.setattr(functional, "linear", multiply)
    for value, plain in zip(compute_in_type(tensors, smoothing, autocast), expected, strict=True):
        # Equal but for the order in which another shape's product adds up; bfloat16 keeps 8 bits.
        assert (value - plain).abs().max() <= (2**-8 if autocast else 1e-6) * plain.abs().max()
    whole = {11: 64, 63: 64, 64: 64, 65: 128, 1001: 1024}[vocabulary]
    assert seen == [(whole, whole)] * 3


@pytest.mark.parametrize(
    ("device", "dtype", "by_tf32", "expected"),
    [
        ("cuda", torch.bfloat16, False, True),
        ("cuda", torch.float16, False, True),
        ("cuda", torch.float32, True, True),
        ("cuda", torch.float32, False, False),  # no tensor cores, and a copy that nothing else asks for
        ("cpu", torch.bfloat16, False, False),
        ("cpu", torch.float32, True, False),
    ],
)
def test_tiles_are_where_tensor_cores_multiply(device, dtype, by_tf32, expected):
    with multiplying_by_tf32(by_tf32):
        assert is_tiled(device, dtype) == expected
