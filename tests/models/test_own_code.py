"""A network of the user's own file: what is run, what is told of it, and every way in which it can go wrong."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from deepdream import Model, load_model
from deepdream.errors import DeepDreamError, UsageError, WeightsError
from deepdream.models.module_hashes import weights_hash
from deepdream.models.own_code import OwnCode

HEAD = """
import torch
from torch import nn
from deepdream import Model

class Net(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, 2, 1)
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Linear(6, classes)

    def forward(self, x):
        return self.head(torch.relu(self.norm(self.conv(x))).mean((2, 3)))
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write ``nets/net.py``: the head and some lines more."""
    monkeypatch.chdir(tmp_path)

    def writing(more: str = "", head: str = HEAD) -> Path:
        Path("nets").mkdir(exist_ok=True)
        path = Path("nets/net.py")
        path.write_text(head + more)
        return path

    return writing


def refused(name: str, **options: Any) -> str:
    with pytest.raises(DeepDreamError) as error:
        load_model(name, **options)
    assert error.value.exit_code == (4 if isinstance(error.value, WeightsError) else 2)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_module_is_fed_as_it_is(write: Any) -> None:
    path = write("def build():\n    return Net().train()\n")
    model = load_model("nets/net.py:build", device="cpu")
    pictures = torch.rand(3, 3, 64, 80)
    assert not model.module.training
    with torch.no_grad():
        assert torch.allclose(model(pictures), model.module(pictures), atol=1e-6)
    assert (model.name, model.classes, model.label(1)) == ("net_build", 4, "class 1")
    record = model.weights
    assert (record.origin, record.code, record.license) == ("made by net.py:build", "net.py:build", "unknown")
    assert record.code_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_model_keeps_what_it_says(write: Any) -> None:
    write(
        "def zoo():\n    return Model.wrap(Net(), mean=(0.5,), std=(0.25,), labels=list('abcd'), name='my/zoo',"
        " input_size=48)\n"
    )
    model = load_model("nets/net.py:zoo", device="cpu")
    assert (model.name, model.labels, model.preprocessing.crop) == ("my-zoo", ("a", "b", "c", "d"), 48)
    pictures = torch.rand(2, 3, 48, 48)
    with torch.no_grad():
        assert torch.allclose(model(pictures), model.module((pictures - 0.5) / 0.25), atol=1e-5)
    with pytest.raises(UsageError, match=r"`deepdream layers nets/net\.py:zoo` lists all"):
        model.layer("conv1")


@pytest.mark.parametrize("name", ["Net", "ready", "wrapped"])
def test_a_class_and_a_finished_network_will_do(name: str, write: Any) -> None:
    write("ready = Net()\nwrapped = Model.wrap(ready, name='it')\n")
    assert load_model(f"nets/net.py:{name}", device="cpu").classes == 4
    assert load_model(Path(f"nets/net.py:{name}"), device="cpu").classes == 4


TUTORIALS = {
    "gray 28x28": (1, 28, "nn.Conv2d(1, 4, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(576, 10)"),
    "32x32": (3, 32, "nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1176, 10)"),
    "a perceptron": (1, 28, "nn.Flatten(), nn.Linear(784, 30), nn.Sigmoid(), nn.Linear(30, 10)"),
}


@pytest.mark.parametrize("case", TUTORIALS)
def test_channels_and_size_of_a_bare_module_are_found(case: str, write: Any) -> None:
    channels, side, parts = TUTORIALS[case]
    write(f"def build():\n    return nn.Sequential({parts})\n")
    model = load_model("nets/net.py:build", device="cpu")
    assert (model.channels, model.preprocessing.size, model.preprocessing.fixed) == (
        channels,
        (side, side),
        True,
    )
    assert f"found by trying: it takes {channels} channels, {side}x{side}" in model.notes
    pictures = torch.rand(1, 3, side, side)
    gray = (pictures * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    expected = model.module(gray if channels == 1 else pictures)
    torch.testing.assert_close(model(pictures), expected, rtol=1e-4, atol=1e-5)


def test_random_logits_are_named(write: Any) -> None:
    write(
        "class Dropped(Net):\n    def forward(self, x):\n        return super().forward(nn.functional.dropout(x))\n"
    )
    notes = load_model("nets/net.py:Dropped", device="cpu").notes
    assert any("it gives other logits each time: is there a dropout" in note for note in notes)


@pytest.mark.parametrize("kind", ["half", "bfloat16", "double"])
def test_numbers_of_another_type_become_float32(kind: str, write: Any) -> None:
    write(f"def build():\n    return Net().{kind}()\n\ndef plain():\n    return Net()\n")
    model, plain = (load_model(f"nets/net.py:{name}", device="cpu") for name in ("build", "plain"))
    pictures = torch.rand(1, 3, 40, 40)
    assert model.module.conv.weight.dtype == torch.float32
    with torch.no_grad():
        assert torch.allclose(model(pictures), plain(pictures), atol=0.01)
    assert model.weights.sha256 != plain.weights.sha256


def test_untrained_weights_are_the_same_each_time_and_nobody_elses_randomness_moves(write: Any) -> None:
    write("def build():\n    return Net()\n")
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first = load_model("nets/net.py:build", device="cpu")
    assert torch.rand(1) == expected
    second = load_model("nets/net.py:build", device="cpu")
    assert first.weights.sha256 == second.weights.sha256


def test_the_hash_is_of_every_weight_its_name_type_and_shape() -> None:
    def changed(change: Any) -> str:
        torch.manual_seed(0)
        network: Any = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        with torch.no_grad():
            change(network)
        return weights_hash(network)

    same = changed(lambda _: None)
    assert changed(lambda n: n.train(False)) == same
    others = [
        changed(lambda n: n[0].weight[0, 0, 0, 0].add_(1e-6)),
        changed(lambda n: n[1].running_var[3].add_(1e-6)),
        changed(lambda n: n.half()),
        changed(lambda n: n.append(nn.Linear(1, 1))),
        changed(lambda n: n[0].__setattr__("weight", nn.Parameter(n[0].weight.view(4, 3, 9, 1)))),
        changed(lambda n: n.__setattr__("0", nn.ModuleList([n[0]]))),
    ]
    assert len({same, *others}) == 7


def test_weights_from_a_file_are_read_as_tensors_only(write: Any) -> None:
    write("def build():\n    return Net()\n")
    model = load_model("nets/net.py:build", device="cpu")
    other = {name: value + 1 for name, value in model.module.state_dict().items()}
    torch.save(other, "mine.pth")
    found = load_model("nets/net.py:build", weights="mine.pth", device="cpu")
    assert torch.equal(found.module.state_dict()["conv.weight"], other["conv.weight"])
    assert found.weights.sha256 == hashlib.sha256(Path("mine.pth").read_bytes()).hexdigest()
    assert (found.weights.origin, found.weights.code) == ("file mine.pth", "net.py:build")
    torch.save({**other, "more": torch.zeros(1)}, "other.pth")
    assert "1 tensors unexpected (more)" in refused("nets/net.py:build", weights="other.pth")
    torch.save(nn.Linear(2, 2), "pickled.pth")
    assert "no code from a file is ever run" in refused("nets/net.py:build", weights="pickled.pth")
    assert "makes its own weights" in refused("nets/net.py:build", weights="random:1")


def test_the_file_runs_as_a_script_does(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        "import parts_of_net\nprint('loading')\n"
        "def build():\n    print('building')\n    return parts_of_net.some(Net)\n"
    )
    Path("nets/parts_of_net.py").write_text("def some(net):\n    return net()\n")
    before = sys.path[:]
    load_model("nets/net.py:build", device="cpu")
    heard = capsys.readouterr()
    assert (heard.out, heard.err) == ("", "loading\nbuilding\n")
    assert sys.path == before
    assert not list(Path("nets/__pycache__").glob("net.*"))


def test_a_forward_that_prints_leaves_stdout_alone(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        "class Loud(Net):\n    def forward(self, x):\n        print(x.shape)\n        return super().forward(x)\n"
    )
    load_model("nets/net.py:Loud", device="cpu")
    assert capsys.readouterr().out == ""


def built(expression: str) -> str:
    return f"def build():\n    return {expression}"


def fed(expression: str) -> str:
    return f"class Fed(Net):\n    def forward(self, x):\n        return {expression}"


SPARSE = """def build():
    network = Net()
    network.register_buffer("m", torch.zeros(2, 2).to_sparse())
    return network
"""
PROGRAM = """import warnings
def build():
    with warnings.catch_warnings(action="ignore"):
        return torch.jit.trace(nn.Conv2d(3, 5, 1), torch.zeros(1, 3, 8, 8))
"""
WRONG = {
    "a name": ("", "net", "No function 'net' in nets/net.py. Did you mean 'Net'?"),
    "no name": ("def other(): ...", "xyz", "No function 'xyz' in nets/net.py. There are: Net, other."),
    "arguments": (
        "def build(a, *, b): ...",
        "build",
        "needs arguments (missing a required argument: 'a'), and is",
    ),
    "a number": (
        "number = 7",
        "number",
        "nets/net.py:number is an int, not a function that makes a network.",
    ),
    "nothing": (
        "def build(): ...",
        "build",
        "nets/net.py:build gives None, not a torch.nn.Module or a deepdream",
    ),
    "text": (built("'x'"), "build", "gives a str, not a torch.nn.Module"),
    "an exception": (
        built("{}['a\\n  b']"),
        "build",
        "nets/net.py, line 16: build() raised KeyError: 'a\\n b'.",
    ),
    "one without words": (
        "def build():\n    raise ValueError",
        "build",
        "line 16: build() raised ValueError.",
    ),
    "a file": (
        built("torch.load('gone.pth')"),
        "build",
        "line 16: build() raised FileNotFoundError: [Errno 2]",
    ),
    "syntax": ("def build(:", "build", "nets/net.py, line 15: it raised SyntaxError: invalid syntax."),
    "the end": (
        "import sys; sys.exit('usage')",
        "build",
        "nets/net.py, line 15: it raised SystemExit: usage.",
    ),
    "an import": (
        "import not_there",
        "build",
        "line 15: it raised ModuleNotFoundError: No module named 'not_there'.",
    ),
    "maps": (
        built("nn.Conv2d(3, 5, 3)"),
        "build",
        "gives a float32 tensor (2, 5, 222, 222) for pictures (2, 3, 224",
    ),
    "a vector": (
        built("nn.Sequential(Net(), nn.Flatten(0))"),
        "build",
        "gives a float32 tensor (8,) for pictures",
    ),
    "channels": (
        built("Model.wrap(nn.Sequential(nn.Conv2d(1, 3, 1), Net()))"),
        "build",
        "given pictures (2, 3, 224, 224), raised Runt",
    ),
    "a list": (fed("[self, str(super().forward(x))]"), "Fed", "gives a list, not one tensor"),
    "its forward": (
        fed("1 / 0"),
        "Fed",
        "nets/net.py, line 17: its network, given pictures (2, 3, 224, 224), raised Z",
    ),
    "no numbers": (fed("super().forward(x) / 0"), "Fed", "gives NaN or infinity for"),
    "no gradient": (
        fed("super().forward(x).detach()"),
        "Fed",
        "gives logits without a gradient: is there a torch.no",
    ),
    "a backbone without gradient": (
        "class Probe(Net):\n    def forward(self, x):\n        with torch.no_grad():\n"
        "            f = self.conv(x)\n        return self.head(f.mean((2, 3)))\n",
        "Probe",
        "gives logits without a gradient with respect to the picture: a part of its forward runs under torch.no_grad",
    ),
    "a wrong size": (
        built("Model.wrap(nn.Sequential(nn.Flatten(), nn.Linear(3072, 4)))"),
        "build",
        "It runs with Model.wrap(network, channels=3, input_size=32).",
    ),
    "a second input": (
        "class Two(Net):\n    def forward(self, x, y):\n        return super().forward(x + y)\n",
        "Two",
        "Give it constant second inputs: Model.wrap(network, extra=(tensor, ...)).",
    ),
    "a function of tensors": (built("lambda x: x"), "build", "docs/own-networks.md"),
    "a pair": (
        built("(Net(), 'x')"),
        "build",
        "gives a tuple, not a torch.nn.Module or a deepdream.Model. Return",
    ),
    "another network's forward": (
        "class Borrowed(Net):\n    def forward(self, x):\n"
        "        return super().forward(x) * (1 if self is made else 2)\nmade = Borrowed()\n",
        "made",
        "A copy of the network of nets/net.py:made gives other logits than the network itself.",
    ),
    "classes": (fed("super().forward(x).argmax(1)"), "Fed", "gives an int64 tensor (2,)"),
    "an exit": (fed("sys.exit(3)").replace("class", "import sys\nclass", 1), "Fed", "raised SystemExit: 3."),
    "a map of positions": (
        fed("self.conv(x).flatten(2)"),
        "Fed",
        "not logits (2, classes). Where no argument of Model.wrap helps, a class of three lines does: docs/own",
    ),
    "probabilities": (
        built("nn.Sequential(Net(), nn.Softmax(1))"),
        "build",
        "gives probabilities: leave out its soft",
    ),
    "no shapes": (
        "class Unused(Net):\n    def __init__(self):\n        super().__init__()\n"
        "        self.conv0 = nn.LazyConv2d(3, 1)",
        "Unused",
        "conv0.bias have no shape yet: run one",
    ),
    "sparse": (SPARSE, "build", "The weights m are no plain numbers (torch.float32)."),
    "a program": (
        PROGRAM,
        "build",
        "nets/net.py:build gives a TorchScript program, which cannot be taken apart.",
    ),
    "labels": (
        built("Model.wrap(Net(), labels=('a', 'b'))"),
        "build",
        "Net has 2 labels for 4 classes. Give one label for each output, in their order.",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_goes_wrong_is_one_line(case: str, write: Any) -> None:
    more, function, said = WRONG[case]
    write(more)
    assert said in refused(f"nets/net.py:{function}", device="cpu")


def test_a_file_without_functions_and_no_file(write: Any) -> None:
    write(head="import torch\n")
    assert refused("nets/net.py:build") == "No function 'build' in nets/net.py: it defines none."
    assert refused("nets/none.py:build") == "Cannot read nets/none.py: No such file or directory."
    assert (
        refused("nets/net.py")
        == "Which function of nets/net.py makes the network? Name it: FILE.py:FUNCTION."
    )
    assert "Name it: FILE.py:FUNCTION" in refused("nets/net.py:a.b")


def test_a_path_may_hold_colons_and_blanks() -> None:
    code = OwnCode.parse("my nets: new/my net.py:build")
    assert (str(code.path), code.function) == ("my nets: new/my net.py", "build")
    assert (code.name, code.record) == ("my-net_build", "my net.py:build")


def test_names_of_the_catalog_are_not_files(write: Any) -> None:
    write()
    assert "No model 'net'" in refused("net")
    assert isinstance(load_model("squeezenet1_1", weights="random", device="cpu"), Model)
