"""The memory that is free: the machine's, or what a container leaves of it; from files made here."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from deepdream.tensors import free_memory

GIB = 1 << 30
CPU = torch.device("cpu")


def _system(root: Path, groups: str, files: dict[str, str]) -> Path:
    """The files of a machine with 8 GiB left."""
    written = {"proc/meminfo": f"MemTotal: 1 kB\nMemAvailable: {8 * GIB // 1024} kB\n", **files}
    for name, text in {"proc/self/cgroup": groups, **written}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def _second(folder: str, limit: str, used: int, idle: int = 0) -> dict[str, str]:
    base = f"sys/fs/cgroup/{folder}"
    stat = f"anon 1\ninactive_file {idle}\n"
    return {f"{base}memory.max": limit, f"{base}memory.current": f"{used}\n", f"{base}memory.stat": stat}


def _first(folder: str, limit: int, used: int) -> dict[str, str]:
    base = f"sys/fs/cgroup/memory/{folder}"
    stat = f"inactive_file 5\ntotal_inactive_file {GIB}\n"
    return {
        f"{base}memory.limit_in_bytes": f"{limit}\n",
        f"{base}memory.usage_in_bytes": f"{used}\n",
        f"{base}memory.stat": stat,
    }


@pytest.mark.parametrize(
    ("groups", "files", "left"),
    [
        ("", {}, 8),
        ("0::/\n", _second("", "max\n", GIB), 8),
        ("0::/\n", _second("", f"{4 * GIB}\n", GIB), 3),
        ("0::/\n", _second("", f"{4 * GIB}\n", 3 * GIB, idle=GIB), 2),
        ("0::/\n", _second("", f"{4 * GIB}\n", 5 * GIB), 0),
        ("0::/\n", _second("", f"{40 * GIB}\n", GIB), 8),
        ("0::/a/b\n", {**_second("a/", f"{2 * GIB}\n", 0), **_second("a/b/", "max\n", 0)}, 2),
        ("12:memory:/docker/x\n0::/\n", _first("docker/x/", 3 * GIB, 2 * GIB), 2),
        ("4:cpu,memory:/docker/x\n", _first("", 2 * GIB, GIB), 2),
        ("12:memory:/\n", _first("", 0x7FFFFFFFFFFFF000, GIB), 8),
        ("3:cpu:/docker/x\n", _first("", GIB, 0), 8),
    ],
    ids=["no groups", "no limit", "limit", "idle files", "over it", "above the machine", "around", "first",
         "seen from inside", "first without", "not of memory"],
)  # fmt: skip
def test_a_container_leaves_what_its_limit_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups: str, files: dict[str, str], left: int
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert free_memory(CPU, root=_system(tmp_path, groups, files)) == left * GIB


def test_where_nobody_says_it_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert free_memory(CPU, root=tmp_path) is None
    assert free_memory(torch.device("meta")) is None
    monkeypatch.setattr("sys.platform", "darwin")
    assert free_memory(CPU) is None
