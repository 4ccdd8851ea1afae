"""Separate caches for every test; a small seeded network; a web server that misbehaves."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import nn

from deepdream.models import Model, catalog, torchvision_networks


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of this test; every variable that could point elsewhere is set or removed."""
    for name in (
        "HF_HUB_CACHE",
        "DEEPDREAM_OFFLINE",
        "HF_HUB_OFFLINE",
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DEEPDREAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path / "cache"


class Tiny(nn.Module):
    """Three convolutions with batch norms that have seen pictures: milliseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.body = nn.Sequential(
            nn.Conv2d(8, 12, 3, 2, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU(inplace=True)
        )
        self.head = nn.Linear(12, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.stem(x)).mean((2, 3)))


@pytest.fixture
def tiny() -> Tiny:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = Tiny()
        for norm in (network.stem[1], network.body[1]):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
            nn.init.normal_(norm.weight, 1, 0.2)
            nn.init.normal_(norm.bias)
    return network.eval()


@pytest.fixture
def tiny_model(tiny: Tiny) -> Model:
    return Model.wrap(
        tiny, mean=(0.5,), std=(0.25,), labels=("ant", "bee", "carpenter bee", "dog", "cat"), input_size=32
    )


@dataclass
class Server:
    """What the web server has, how it misbehaves, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    url: str = ""
    cut: list[int] = field(default_factory=list)  # one answer each: close after so many bytes
    delay: float = 0.0
    status: int = 0
    ranges: bool = True
    length: bool = True
    etag: str = '"one"'
    redirect: str = ""
    redirects: int = -1  # how often; always where negative
    asked: list[dict[str, str]] = field(default_factory=list)

    def add(self, name: str, content: bytes) -> str:
        self.files[f"/{name}"] = content
        return f"{self.url}/{name}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server_state: Server

    def do_GET(self) -> None:
        state = self.server_state
        state.asked.append(dict(self.headers))
        time.sleep(state.delay)
        if state.redirect and state.redirects == 0:
            state.redirect = ""
        state.redirects -= 1
        if state.status or state.redirect or self.path not in state.files:
            self.send_response(state.status or (302 if state.redirect else 404))
            self.send_header("Location", state.redirect)
            self.end_headers()
            return
        self._send(state, state.files[self.path])

    def _send(self, state: Server, body: bytes) -> None:
        start = self._start(state)
        if start > len(body) - 1:
            self.send_response(416)
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if state.length:
            self.send_header("Content-Length", str(len(body) - start))
        self.send_header("ETag", state.etag)
        self.end_headers()
        stop = start + state.cut.pop(0) if state.cut else len(body)
        self.wfile.write(body[start:stop])

    def _start(self, state: Server) -> int:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range", state.etag) == state.etag
        return int(asked[1]) if asked and state.ranges and same else 0

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def web() -> Iterator[Server]:
    state = Server()
    handler = type("Handler", (_Handler,), {"server_state": state})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Published:
    """squeezenet1_1 with seeded weights, published on the local server under its own hash."""

    content: bytes
    sha256: str
    file: str


@pytest.fixture(scope="session")
def squeezenet_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    from torchvision.models import squeezenet1_1

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        network = squeezenet1_1(weights=None)
    path = tmp_path_factory.mktemp("weights") / "squeezenet.pth"
    torch.save(network.state_dict(), path)
    return path.read_bytes()


@pytest.fixture
def squeezenet(
    squeezenet_bytes: bytes, web: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Published]:
    """The catalog says that squeezenet1_1 lies on the local server."""
    digest = hashlib.sha256(squeezenet_bytes).hexdigest()
    file = f"squeezenet1_1-{digest[:8]}.pth"
    rows = json.loads(torchvision_networks.INDEX.read_text())
    for row in rows:
        if row["network"] == "squeezenet1_1":
            row |= {"url": web.add(file, squeezenet_bytes), "file": file, "hash_prefix": digest[:8]}
            row["bytes"] = len(squeezenet_bytes) + 300  # torchvision rounds
    index = tmp_path / "index.json"
    index.write_text(json.dumps(rows))
    monkeypatch.setattr(torchvision_networks, "INDEX", index)
    catalog.catalog.cache_clear()
    yield Published(squeezenet_bytes, digest, file)
    catalog.catalog.cache_clear()
