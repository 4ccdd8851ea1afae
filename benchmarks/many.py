"""Many small pictures: a folder of 224x224 dreamed in batches against one by one, in alternating fresh processes.

python benchmarks/many.py [--rounds 2] [--threads 1 --measure cpu]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

from pairs import HEADER, machine, options_of, rows

COUNT, SIDE, OCTAVES, STEPS = 16, 224, 2, 10
RIVALS = ["one by one"]


def table(options: argparse.Namespace) -> list[str]:
    """The Markdown lines; seconds are those of all the pictures."""
    return [*HEADER, *rows("many", f"{COUNT} pictures", RIVALS, options)]


def job(name: str) -> Callable[[], None]:
    """``deepdream run FOLDER`` in this process, with the network loaded: reading, dreaming, measuring, saving."""
    from deepdream.cli import main
    from deepdream.cli.process import keep_large_blocks
    from deepdream.batch.task import NetworkSpec

    keep_large_blocks()
    NetworkSpec(device="auto").load()  # the network stays loaded from here on
    folder = Path(tempfile.mkdtemp(prefix="deepdream-many-"))
    _make_pictures(folder / "in")
    words = [
        "run", str(folder / "in"), "--layer", "blocks.4", "--octaves", str(OCTAVES), "--steps", str(STEPS), "--quiet",
        "--batch", "1" if name == "one by one" else "auto", "--output", f"{folder}/out", "--overwrite",
    ]  # fmt: skip

    def run() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            main.app(words, standalone_mode=False)

    return run


def _make_pictures(folder: Path) -> None:
    """Crops of the shipped pictures."""
    from PIL import Image

    folder.mkdir()
    sources = sorted((Path(__file__).parents[1] / "images").glob("*.jpg"))
    for number in range(COUNT):
        with Image.open(sources[number % len(sources)]) as image:
            side = min(image.size) * (2 if number < len(sources) else 1) // 2
            left, top = (image.width - side) // 2, (image.height - side) // 2
            box = (left, top, left + side, top + side)
            image.convert("RGB").crop(box).resize((SIDE, SIDE)).save(folder / f"{number:02d}.png")


def main() -> None:
    options = options_of(__doc__).parse_args()
    print(f"{SIDE}x{SIDE}, {OCTAVES} octaves x {STEPS} gradients, batches of auto. {machine(options)}")
    print("\n".join(HEADER))
    table(options)


if __name__ == "__main__":
    main()
