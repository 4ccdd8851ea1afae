"""The embedded networks against timm's, from which their names come."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch

from deepdream.models import load_model
from deepdream.models.catalog import catalog
from deepdream.models.efficientnet_lite import VARIANTS, SamePad, build
from deepdream.models.embedded import EMBEDDED

pytestmark = pytest.mark.weights


@pytest.mark.parametrize("name", VARIANTS)
def test_logits_equal_timms_network_with_the_same_tensors(name: str) -> None:
    timm = pytest.importorskip("timm")
    ours = load_model(name, device="cpu")
    theirs = timm.create_model(f"tf_{name}", pretrained=False).eval()
    theirs.load_state_dict(ours.module.state_dict())  # strict: the names are timm's
    picture = torch.rand(2, 3, 97, 130, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    normalized = (picture - 0.5) / 0.5
    with torch.no_grad():
        expected = theirs.double()(normalized)
        torch.testing.assert_close(
            copy.deepcopy(ours.module).double()(normalized), expected, rtol=0, atol=1e-10
        )
        torch.testing.assert_close(ours(picture.float()).double(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", VARIANTS)
def test_catalog_knows_the_number_of_parameters_and_the_size_of_the_file(name: str) -> None:
    entry = catalog()[name]
    assert entry.parameters == sum(p.numel() for p in build(name).parameters())
    path = EMBEDDED[name].find()
    assert path is not None
    assert path.stat().st_size == entry.bytes


@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [(8, 3, 2), (9, 3, 2), (7, 5, 2), (5, 5, 1), (4, 3, 3)]
)
def test_same_padding_gives_ceil_of_size_over_stride(size: int, kernel: int, stride: int) -> None:
    padded = SamePad(kernel, stride)(torch.ones(1, 1, size, size))
    assert torch.conv2d(padded, torch.ones(1, 1, kernel, kernel), stride=stride).shape[-1] == -(
        -size // stride
    )
    left = int((padded[0, 0].sum(0) == 0).long().argmin())
    assert left == (padded.shape[-1] - size) // 2  # the odd one goes to the right


def test_loading_is_quick_and_brings_no_second_library() -> None:
    script = (
        "import sys, time, torch\n"
        "from deepdream.models import load_model\n"
        "start = time.process_time(); model = load_model(device='cpu'); spent = time.process_time() - start\n"
        "model.layers; model.activations(torch.rand(1, 3, 64, 64), ['blocks.4'])\n"
        "heavy = {'torchvision', 'timm', 'captum', 'torch._dynamo', 'matplotlib', 'PIL'} & set(sys.modules)\n"
        "print(sorted(heavy), spent < 1.0)\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[] True"
