"""Attention rollout against a literal computation with NumPy, for attention in three forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from networks import DIM, HEADS, TOKEN_SIDE, Torchs, Transformer
from torch import Tensor

from deepdream.attribution import explain
from deepdream.attribution.score_function import enlarge
from deepdream.errors import UsageError
from deepdream.models import Model


def literal(network: Transformer, image: Tensor) -> np.ndarray:
    """Equation 1 of the paper, with the weights computed from queries and keys by hand."""
    with torch.no_grad():
        tokens = network.patch(image).flatten(2).transpose(1, 2)
        if network.class_token:
            tokens = torch.cat([network.token, tokens], dim=1)
        total = np.eye(tokens.shape[1])
        for block in network.blocks:
            if isinstance(block, Torchs):
                weight, bias = block.attention.in_proj_weight, block.attention.in_proj_bias
            else:
                weight, bias = block.qkv.weight, block.qkv.bias
            x = tokens[0].double().numpy()
            rows = weight.double().numpy(), bias.double().numpy()
            q, k = (x @ rows[0][i : i + DIM].T + rows[1][i : i + DIM] for i in (0, DIM))
            mean, width = np.zeros_like(total), DIM // HEADS
            for head in range(HEADS):
                part = slice(head * width, (head + 1) * width)
                scores = q[:, part] @ k[:, part].T / width**0.5
                exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
                mean += exponentials / exponentials.sum(axis=1, keepdims=True) / HEADS
            total = (mean + np.eye(len(mean))) / 2 @ total
            tokens = tokens + block(tokens)
    return total[0, 1:] if network.class_token else total.mean(axis=0)


@pytest.mark.parametrize("form", ["fused", "plain", "torch"])
@pytest.mark.parametrize("class_token", [True, False])
def test_rollout_is_the_product_of_the_layers(form: str, class_token: bool) -> None:
    torch.manual_seed(2)
    network = Transformer(form, class_token).eval()
    model, image = (
        Model.wrap(network, input_size=8 * TOKEN_SIDE, fixed=True),
        torch.rand(1, 3, 8 * TOKEN_SIDE, 8 * TOKEN_SIDE),
    )
    before = model(image)
    explanation = explain(model, image, "attention-rollout")
    expected = torch.from_numpy(literal(network, image)).float().reshape(TOKEN_SIDE, TOKEN_SIDE)
    torch.testing.assert_close(explanation.heatmap, enlarge(expected, image.shape[-2:]), rtol=1e-4, atol=1e-6)
    assert explanation.forwards == 1
    assert torch.equal(model(image), before)


def test_a_network_without_attention_is_refused(tiny_model: Model) -> None:
    with pytest.raises(UsageError, match=r"attention-rollout does not apply.*no self-attention"):
        explain(tiny_model, torch.rand(1, 3, 64, 64), "attention-rollout")
