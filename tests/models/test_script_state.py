"""What a user's file changes in the process is gone after it ran, and what a script expects is there while it runs."""

from __future__ import annotations

import os
import random
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deepdream import load_model
from deepdream.errors import UsageError
from deepdream.models.script_state import _settings

HEAD = """
import os, random, sys, warnings, argparse
import numpy as np
import torch
from torch import nn

def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))

def build():
    return network()
"""

CHANGES = {
    "grad mode": "torch.set_grad_enabled(False)",
    "default dtype": "torch.set_default_dtype(torch.float64)",
    "threads": "torch.set_num_threads(torch.get_num_threads() + 2)",
    "deterministic": "torch.use_deterministic_algorithms(True, warn_only=True)",
    "matmul": "torch.set_float32_matmul_precision('medium')",
    "cudnn": "torch.backends.cudnn.benchmark = True; torch.backends.cudnn.deterministic = True",
    "anomalies": "torch.autograd.set_detect_anomaly(True, check_nan=False)",
    "warnings": "warnings.simplefilter('ignore'); warnings.filterwarnings('error', message='x')",
    "folder": "os.chdir('..')",
    "arguments": "sys.argv.append('--flag')",
    "environment": "os.environ['DEEPDREAM_OFFLINE'] = 'x'; os.environ.pop('HOME', None)",
    "random": "random.seed(7); np.random.seed(7); torch.manual_seed(7)",
    "printing": "torch.set_printoptions(precision=2); np.seterr(all='raise')",
    "recursion": "sys.setrecursionlimit(sys.getrecursionlimit() + 7)",
    "search path": "sys.path.append('/nowhere')",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [plain(part) for part in value]
    return value.tolist() if isinstance(value, (torch.Tensor, np.ndarray)) else value


def process() -> list[Any]:
    states = [plain(getter()) for getter, _ in _settings()]
    return [*states, dict(os.environ), sys.argv[:], sys.path[:], Path.cwd(), warnings.filters[:], sys.stdout]


@pytest.mark.parametrize("place", ["at import", "in the call"])
@pytest.mark.parametrize("change", CHANGES)
def test_the_process_is_what_it_was(change: str, place: str) -> None:
    line = CHANGES[change]
    inside = HEAD.replace("def build():\n", f"def build():\n    {line}\n")
    Path("net.py").write_text(HEAD + line if place == "at import" else inside)
    before = process()
    model = load_model("net.py:build", device="cpu")
    assert process() == before
    picture = torch.rand(1, 3, 32, 32, requires_grad=True)
    model(picture).sum().backward()
    assert picture.grad is not None
    assert picture.grad.dtype == torch.float32


def test_the_process_is_what_it_was_after_an_error() -> None:
    Path("net.py").write_text(HEAD + "".join(f"{line}\n" for line in CHANGES.values()) + "1 / 0\n")
    before = process()
    with pytest.raises(UsageError, match="raised ZeroDivisionError"):
        load_model("net.py:build")
    assert process() == before


def test_the_default_device_meta_is_restored_and_named() -> None:
    Path("net.py").write_text(HEAD + "torch.set_default_device('meta')\n")
    with pytest.raises(
        UsageError, match=r"are on the device meta, which holds no numbers. Make the network on the CPU"
    ):
        load_model("net.py:build")
    assert torch.zeros(1).device.type == "cpu"


def test_arguments_at_the_top_level_read_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["deepdream", "predict", "cat.jpg", "--model", "net.py:build"])
    Path("net.py").write_text(
        HEAD
        + "parser = argparse.ArgumentParser()\nparser.add_argument('--lr', default=1)\nparser.parse_args()\n"
        "assert sys.argv == ['net.py'], sys.argv\n"
    )
    assert load_model("net.py:build", device="cpu").classes == 3
    assert sys.argv[0] == "deepdream"
    Path("net.py").write_text(
        HEAD + "parser = argparse.ArgumentParser()\nparser.add_argument('data')\nparser.parse_args()\n"
    )
    with pytest.raises(UsageError, match=r"raised SystemExit: 2. .*under `if __name__ == '__main__':`\.$"):
        load_model("net.py:build")


def test_the_part_of_a_script_does_not_run() -> None:
    Path("net.py").write_text(HEAD + "if __name__ == '__main__':\n    1 / 0\n")
    assert load_model("net.py:build", device="cpu").classes == 3


def test_files_of_two_folders_may_each_import_their_own_parts() -> None:
    for name, classes in (("a", 3), ("b", 5)):
        Path(name).mkdir()
        Path(name, "parts_of_it.py").write_text(f"CLASSES = {classes}\n")
        Path(name, "net.py").write_text(
            "from torch import nn\nfrom parts_of_it import CLASSES\ndef build():\n"
            "    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, CLASSES))\n"
        )
    assert [load_model(f"{name}/net.py:build", device="cpu").classes for name in "aba"] == [3, 5, 3]


def test_random_numbers_continue_where_they_were() -> None:
    Path("net.py").write_text(HEAD + "random.random(); np.random.rand(); torch.rand(1)\n")
    random.seed(1)
    expected = random.random()
    random.seed(1)
    load_model("net.py:build", device="cpu")
    assert random.random() == expected
