"""The command ``models`` as a person and a script meet it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deepdream.cli.main import app
from deepdream.cli.progress import DownloadLine
from deepdream.errors import DeepDreamError, UsageError, WeightsError
from deepdream.models import catalog as catalog_room


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Caches of this test alone, and no downloads."""
    monkeypatch.setenv("DEEPDREAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("DEEPDREAM_OFFLINE", "1")
    return tmp_path / "cache"


def run(*words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr; a deliberate error gives its own code and text, as ``main`` does."""
    result = CliRunner().invoke(app, list(words))
    if isinstance(result.exception, DeepDreamError):
        return result.exception.exit_code, result.stdout, result.stderr + str(result.exception)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_list_names_source_size_license_and_presence() -> None:
    code, out, err = run("models")
    assert code == 0
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert rows["googlenet"].split() == [
        "googlenet",
        "torchvision",
        "49.7",
        "MB",
        "69.78",
        "BSD-3-Clause",
        "no",
    ]
    assert "in the installation" in rows["efficientnet_lite0"]
    assert rows["efficientnet_lite0"].split()[-1] == "yes"
    assert "timm:NAME" in err
    assert run("models", "list")[1] == out


def test_list_as_json_holds_every_network_once() -> None:
    code, out, _ = run("models", "--json")
    document = json.loads(out)
    names = [row["name"] for row in document["models"]]
    assert code == 0
    assert document["schema"] == 1
    assert len(names) == len(set(names)) == 83
    assert document["models"][0]["download_bytes"] == 0


def test_list_of_one_source() -> None:
    assert {row.split()[1] for row in run("models", "list", "--source", "embedded")[1].splitlines()[1:]} == {
        "embedded"
    }
    code, _, err = run("models", "list", "--source", "caffe")
    assert code == UsageError.exit_code
    assert "There are: embedded, timm, torchvision." in err


def test_list_of_timm_is_plain_lines() -> None:
    pytest.importorskip("timm")
    lines = run("models", "list", "--source", "timm")[1].splitlines()
    assert "timm:resnet18.a1_in1k" in lines
    assert json.loads(run("models", "list", "--source", "timm", "--json")[1])["models"] == lines


def test_info_tells_license_accuracy_preprocessing_and_other_weights() -> None:
    code, out, _ = run("models", "info", "resnet50", "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["license"] == "BSD-3-Clause"
    assert facts["accuracy"] == 80.858
    assert facts["preprocessing"]["resize"] == 232
    assert facts["other_weights"] == ["resnet50@IMAGENET1K_V1"]
    table = run("models", "info", "resnet50")[1]
    assert "shorter side to 232 (bilinear), center 224x224" in table
    assert "25,557,032" in table


def test_info_of_a_timm_network_has_no_weights_of_torchvision() -> None:
    pytest.importorskip("timm")
    facts = json.loads(run("models", "info", "timm:resnet18", "--json")[1])
    assert facts["other_weights"] == []
    assert facts["license"] == "apache-2.0"


def test_path_prints_only_the_path_or_ends_with_4() -> None:
    code, out, _ = run("models", "path", "efficientnet_lite0")
    assert code == 0
    assert Path(out.strip()).is_file()
    code, out, err = run("models", "path", "googlenet")
    assert (code, out) == (WeightsError.exit_code, "")
    assert len(err.splitlines()) == 3


def test_unknown_names_bring_the_nearest() -> None:
    code, _, err = run("models", "info", "resnet5")
    assert code == UsageError.exit_code
    assert "'resnet50'" in err
    assert "`deepdream models` lists all" in err


def test_verify_computes_the_sums_of_what_is_here(own_caches: Path) -> None:
    code, out, _ = run("models", "verify", "--json")
    results = {row["name"]: row for row in json.loads(out)["results"]}
    assert code == 0
    assert results["efficientnet_lite0"]["result"] == "good"
    assert len(results["efficientnet_lite0"]["sha256"]) == 64
    own_caches.mkdir()
    (own_caches / "squeezenet1_1-b8a52dc0.pth").write_bytes(b"<html>")
    code, out, err = run("models", "verify", "--json")
    bad = next(row for row in json.loads(out)["results"] if row["name"] == "squeezenet1_1")
    assert code == WeightsError.exit_code
    assert bad["sha256"] is None
    assert "6 bytes" in bad["result"]
    assert err.endswith("Refused: squeezenet1_1.")
    assert run("models", "verify", "googlenet")[0] == WeightsError.exit_code


def test_fetch_says_what_to_do_when_downloads_are_off() -> None:
    code, out, err = run("models", "fetch", "googlenet")
    assert (code, out) == (WeightsError.exit_code, "")
    assert "downloads are switched off" in err


def test_fetch_of_what_is_here_prints_its_path() -> None:
    assert run("models", "fetch", "efficientnet_lite0")[:2] == run("models", "path", "efficientnet_lite0")[:2]


def test_rm_removes_the_file_the_piece_and_the_sum(own_caches: Path) -> None:
    own_caches.mkdir()
    file = catalog_room.catalog()["googlenet"].file
    (own_caches / file).write_bytes(b"x")
    (own_caches / f"{file}.part").write_bytes(b"x")
    (own_caches / "known_hashes.json").write_text(json.dumps({file: "0" * 64, "other.pth": "1" * 64}))
    assert run("models", "rm", "googlenet")[0] == 0
    assert [p.name for p in own_caches.iterdir()] == ["known_hashes.json"]
    assert json.loads((own_caches / "known_hashes.json").read_text()) == {"other.pth": "1" * 64}
    assert run("models", "rm", "googlenet")[0] == WeightsError.exit_code
    assert (
        run("models", "rm", "efficientnet_lite0")[0] == WeightsError.exit_code
    )  # a package's file is not ours


def test_progress_is_a_line_per_tenth_where_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    line = DownloadLine("net")
    for done in range(101):
        line(done << 20, 100 << 20)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[0] == "net: 0.0 of 100.0 MB"
    assert lines[-1] == "net: 100.0 of 100.0 MB"


def test_help_needs_no_torch_and_shows_examples() -> None:
    script = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from deepdream.cli.main import app\n"
        "for name in ('models', 'predict', 'doctor'):\n"
        "    assert CliRunner().invoke(app, [name, '--help']).exit_code == 0\n"
        "print(sorted({'torch', 'torchvision', 'timm', 'PIL', 'numpy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert "Examples:" in run("models", "--help")[1]
    assert "Examples:" in run("predict", "--help")[1]


def test_a_real_process_without_a_network_ends_with_4_in_three_lines() -> None:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "deepdream", "models", "fetch", "googlenet"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 4
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 3
    assert done.stderr.startswith("deepdream: googlenet needs the weights")
