"""What a real run loads: nothing that takes seconds and is not needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from deepdream.cli import main
from deepdream.dreaming import loop

def first_step(*_):
    print(*sorted({name.partition(".")[0] for name in sys.modules}))
    raise SystemExit(0)

loop.advance = first_step
sys.argv = ["deepdream", "run", "noise", "--size", "64", "--quiet", "-o", sys.argv[1]]
main.main()
"""


@pytest.mark.weights
def test_a_run_of_the_embedded_network_loads_no_heavy_package(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "d.png")], capture_output=True, text=True, check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    loaded = set(done.stdout.split())
    assert {"torch", "deepdream"} <= loaded
    assert not loaded & {
        "torchvision",
        "captum",
        "timm",
        "matplotlib",
        "sklearn",
        "scipy",
        "pandas",
        "IPython",
    }
