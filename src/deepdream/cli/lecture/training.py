"""Commands for training: descent, backpropagation, and what can go wrong."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.cli.lecture.neurons import numbers_of
from deepdream.cli.lecture.showing import LessonAnswer, Seed, TextTable, add_lesson, plots, put_grid
from deepdream.cli.terminal import say
from deepdream.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from deepdream.figures import Theme
    from deepdream.lecture.mlp import MLP


def register(app: typer.Typer) -> None:
    """Add the lessons of this part to ``app``."""
    for name, command in (
        ("descent", descent),
        ("smoothness", smoothness),
        ("backprop", backprop),
        ("chain-rule", chain_rule),
        ("check-gradients", check_gradients),
        ("vanishing", vanishing),
        ("collapse", collapse),
    ):
        add_lesson(app, name, command)


def descent(
    model: Annotated[str, typer.Option("--model", help="line, or mlp: a small network.")] = "line",
    rates: Annotated[
        str, typer.Option("--lr", help="Learning rates; of a line, as shares of the critical one.")
    ] = "",
    steps: Annotated[int, typer.Option("--steps", min=1, max=10000, help="Steps.")] = 40,
    momentum: Annotated[float, typer.Option("--momentum", min=0, max=0.999)] = 0.0,
    data: Annotated[
        str, typer.Option("--data", help="A CSV file with columns x and y; for mlp as in the lesson play.")
    ] = "",
    view: Annotated[str, typer.Option("--view", help="Of the plot: map, space (3-D) or climb.")] = "map",
    seed: Seed = 0,
) -> LessonAnswer:
    """Paths on a loss surface. For a line, descent turns to explosion at the critical rate 2 / lambda_max."""
    for kind, name, known in (("model", model, ("line", "mlp")), ("view", view, ("map", "space", "climb"))):
        if name not in known:
            raise UnknownNameError(kind, name, known)
    if model == "mlp":
        return _network_descent(numbers_of(rates or "0.1,1,5", "--lr"), steps, momentum, data, view, seed)
    from deepdream.lecture import descent as room

    x, y = room.load_line(data) if data else room.line_samples(seed=seed)
    f = room.line_loss(x, y)
    critical = room.critical_rate(f, [0.0, 0.0])
    shares = numbers_of(rates or "0.5,0.1,0.99,1.01", "--lr")
    paths = {
        f"{share:g} × critical": room.gradient_descent(
            f, [-1.5, -1.5], share * critical, steps, momentum=momentum
        )
        for share in shares
    }
    rows = [(name, share * critical, *map(float, p.points[-1]), float(p.values[-1]))
            for (name, p), share in zip(paths.items(), shares, strict=True)]  # fmt: skip
    climb = room.climb_example(seed)
    z = climb.path.values

    def plot(theme: Theme) -> Any:
        if view == "climb":
            return plots("descent").plot_climb(climb, theme=theme)
        if view == "space":
            shadows, names = [path.points for path in paths.values()], ("slope", "intercept")
            return plots("descent").plot_in_space(
                lambda places: _losses(f, places), paths, shadows, names=names, theme=theme
            )
        return plots("descent").plot_descent(x, y, paths, theme=theme)

    keys = ("lr", "slope", "intercept", "loss")
    return LessonAnswer(
        {
            "critical_rate": critical,
            "paths": {name: dict(zip(keys, values, strict=True)) for name, *values in rows},
            "climb": {"from": z[0], "to": z[-1], "input": climb.path.points[-1].tolist()},
        },
        text=f"Loss of a line: the critical rate is 2 / λmax = {critical:.4g}.",
        tables=[TextTable(("rate", "lr", "slope", "intercept", "loss after all steps"), rows)],
        closing="Upward: the same function with maximize=True moves a trained network's *input*; the sum z "
        f"of one neuron climbs from {z[0]:.3f} to {z[-1]:.3f} (--view climb draws it). This is all that "
        "DeepDream does.",
        plot=plot,
    )


def _losses(f: Any, places: Any) -> Any:
    import torch

    return f(torch.as_tensor(places)[:, None]).numpy()


def _network_descent(
    rates: list[float], steps: int, momentum: float, data: str, view: str, seed: int
) -> LessonAnswer:
    from deepdream.lecture.datasets import find_data
    from deepdream.lecture.mlp import MLP
    from deepdream.lecture.surface import descend, network_loss, principal_slice
    from deepdream.lecture.training import TrainingSettings

    table = find_data(data or "circle", seed=seed).against_rest().standardized()

    def start() -> MLP:
        return MLP([table.X.shape[1], 4, 1], "tanh", init="xavier", seed=seed)

    paths = {
        f"{lr:g}": descend(
            start(), table, TrainingSettings("cross-entropy", lr=lr, momentum=momentum, epochs=steps)
        )
        for lr in rates
    }
    plane, heights = principal_slice(paths.values()), network_loss(start(), table, "cross-entropy")

    def plot(theme: Theme) -> Any:
        if view == "climb":
            raise UsageError("--view climb is drawn by the lesson without --model mlp.")
        if view == "space":
            shadows = [plane.flatten(path.points) for path in paths.values()]
            names = ("first direction", "second direction")
            return plots("descent").plot_in_space(
                lambda places: heights(plane.lift(places)), paths, shadows, names=names, theme=theme
            )
        return plots("descent").plot_network_descent(heights, paths, plane, theme=theme)

    rows = [(lr, float(path.values[0]), float(path.values[-1])) for lr, path in paths.items()]
    return LessonAnswer(
        {"losses": {lr: path.values.tolist() for lr, path in paths.items()}, "share_in_slice": plane.share},
        text=f"{start()} on {table.about}; the same start, {len(rates)} rates, {steps} steps.",
        tables=[TextTable(("learning rate", "loss before", "loss after"), rows)],
        closing=f"The plot is a slice through {plane.origin.size} dimensions; {plane.share:.0%} of the "
        "paths' spread lies in it.",
        plot=plot,
    )


def smoothness() -> LessonAnswer:
    """The output against one weight: with a step nothing happens, with a sigmoid always a little."""
    import math

    rows = []
    for w in (-2.0, -1.0, 0.0, 0.6, 0.7, 1.0, 2.0):
        z = 1.5 * w - 1.0
        rows.append((w, z, float(z >= 0), 1 / (1 + math.exp(-z))))
    return LessonAnswer(
        {"rows": [dict(zip(("w", "z", "step", "sigmoid"), row, strict=True)) for row in rows]},
        tables=[TextTable(("weight w", "z = 1.5 w - 1", "step(z)", "sigmoid(z)"), rows)],
        plot=lambda theme: plots("training").plot_smoothness(theme=theme),
    )


def _example(name: str, seed: int) -> tuple[MLP, Tensor, Tensor]:
    import torch

    from deepdream.lecture.backpropagation import mazur
    from deepdream.lecture.mlp import MLP

    if name == "mazur":
        return mazur()
    if name == "xor":
        x = torch.tensor([[0.0, 1.0]]).double()
        return MLP([2, 2, 1], init="uniform", seed=seed), x, torch.ones(1, 1).double()
    if name == "random":
        generator = torch.Generator().manual_seed(seed)
        x, y = (torch.rand(1, n, generator=generator, dtype=torch.float64) for n in (3, 1))
        return MLP([3, 4, 3, 1], seed=seed), x, y
    raise UnknownNameError("example", name, ("mazur", "xor", "random"))


def backprop(
    example: Annotated[str, typer.Option("--example", help="mazur, xor or random.")] = "mazur",
    lr: Annotated[float, typer.Option("--lr", min=0, help="Learning rate of the step.")] = 0.5,
    pause: Annotated[bool, typer.Option("--pause", help="Wait for Enter after each part.")] = False,
    seed: Seed = 0,
) -> LessonAnswer:
    """Forward, backward, one step: every number. Mazur's example keeps its biases fixed, as its author "
    "does."""
    from deepdream.lecture import backpropagation as room

    model, x, y = _example(example, seed)
    trace, drawn = room.backprop(model, x, y), _example(example, seed)[0]
    parts = _parts(model, trace)
    room.take_step(model, trace, lr, bias_lr=0.0 if example == "mazur" else lr)
    after = room.backprop(model, x, y).cost
    if pause:
        _step_through(parts)
    return LessonAnswer(
        {
            "x": x[0].tolist(), "y_true": y[0].tolist(), "cost_before": trace.cost, "cost_after": after,
            "layers": [{key: value.tolist() for key, value in vars(layer).items()} for layer in trace.layers],
            "weights_after": [layer.weight.tolist() for layer in model.linear],
        },
        text=f"{model}, x = {x[0].tolist()}, y_true = {y[0].tolist()}",
        tables=[] if pause else parts,
        closing=f"Cost before the step: {trace.cost:.10g}\nCost after it (lr {lr:g}): {after:.10g}",
        plot=lambda theme: plots("networks").plot_backprop(drawn, x[0].tolist(), trace, theme=theme),
    )  # fmt: skip


def _parts(model: MLP, trace: Any) -> list[TextTable]:
    grids = []
    for number, layer in enumerate(trace.layers, start=1):
        rows = [(j + 1, float(layer.z[0, j]), float(layer.a[0, j])) for j in range(layer.z.shape[1])]
        grids.append(
            TextTable(("neuron", "z", "a"), rows, f"forward, layer {number}: W {tuple(layer.grad_w.shape)}")
        )
    pairs = list(enumerate(zip(trace.layers, model.linear, strict=True), start=1))
    for number, (layer, linear) in reversed(pairs):
        columns = zip(layer.delta[0].tolist(), layer.grad_w.tolist(), linear.weight.tolist(), strict=True)
        back = [
            (j, f"{delta:+.8f}", _row(gradient, "+.8f"), _row(weights, ".4g"))
            for j, (delta, gradient, weights) in enumerate(columns, start=1)
        ]
        grids.append(TextTable(("neuron", "delta = dC/db", "dC/dW", "W"), back, f"backward, layer {number}"))
    return grids


def _row(values: list[float], digits: str) -> str:
    return ", ".join(f"{value:{digits}}" for value in values)


def _step_through(parts: list[TextTable]) -> None:
    for grid in parts:
        put_grid(grid)
        if sys.stdin.isatty():
            say("Enter for the next part ...")
            sys.stdin.readline()


def chain_rule(
    w: Annotated[str, typer.Option("--w", help="Weights.")] = "2,-3",
    x: Annotated[str, typer.Option("--x", help="Inputs.")] = "-1,-2",
    b: Annotated[float, typer.Option("--b", help="Bias.")] = -3.0,
) -> LessonAnswer:
    """sigmoid(w·x + b), value and derivative at every node."""
    from deepdream.lecture.chain_rule import chain_rule_neuron

    weights, inputs = numbers_of(w, "--w"), numbers_of(x, "--x")
    if len(weights) != len(inputs) or not weights:
        raise UsageError(f"--w has {len(weights)} values and --x {len(inputs)}: as many are needed.")
    graph = chain_rule_neuron(weights, inputs, b)
    rows = [(name, value, float(graph.slopes[name])) for name, value in graph.values.items()]
    return LessonAnswer(
        {"values": graph.values, "slopes": graph.slopes},
        tables=[TextTable(("node", "value", "d a / d node"), rows)],
        plot=lambda theme: plots("training").plot_chain(graph, theme=theme),
    )


def check_gradients(
    sizes: Annotated[list[int] | None, typer.Argument(help="A network to check: 3 4 1.")] = None,
    loss: Annotated[
        str, typer.Option("--loss", help="quadratic, [binary-]cross-entropy, l1 or squared-error.")
    ] = "quadratic",
    seed: Seed = 0,
) -> LessonAnswer:
    """Our backpropagation and that of a class notebook, each against finite differences."""
    import torch

    from deepdream.lecture import backpropagation as room
    from deepdream.lecture.mlp import MLP

    model = MLP(sizes or [3, 4, 1], seed=seed)
    generator = torch.Generator().manual_seed(seed)
    x, y = (
        torch.rand(4, n, generator=generator, dtype=torch.float64) for n in (model.sizes[0], model.sizes[-1])
    )
    if not sizes:
        x, y = room.notebook_samples()
    checks = {"this toolkit": room.check_gradients(model, x, y, loss)}
    if model.sizes[-1] == 1:
        checks["the notebook's line"] = room.check_gradients(
            model, x, y, loss, gradients=room.notebook_backprop
        )
    tables = [
        TextTable(("parameter", "by formula", "by wiggling", "relative error"), check.rows[:6],
             f"{name}: {'passed' if check.passed else 'WRONG'} (worst {check.worst:.1e}; the six worst)")
        for name, check in checks.items()
    ]  # fmt: skip
    wrong, right = room.train_notebook(room.wrong_line), room.train_notebook(room.right_line)
    told = ("wrong line: syn1 += outputLayer.T.dot(delta)", "right line: syn1 += layer1out.T.dot(delta)")
    outputs = [(name, *values) for name, values in zip(told, (wrong, right), strict=True)]
    tables.append(
        TextTable(("after 6000 steps", *"0110"), outputs, "the notebook NN_from_scratch, targets as headers")
    )
    return LessonAnswer(
        {
            "checks": {
                name: {"worst": check.worst, "passed": check.passed} for name, check in checks.items()
            },
            "notebook": {"wrong_line": wrong, "right_line": right},
        },
        tables=tables,
        closing="The wrong line learns a little, so the curve does not betray it; the check does.",
        plot=lambda theme: plots("training").plot_check(checks, theme=theme),
    )


def vanishing(
    depth: Annotated[int, typer.Option("--depth", min=1, max=20, help="Hidden layers of 30.")] = 5,
    samples: Annotated[int, typer.Option("--samples", min=1, max=1797)] = 100,
    seed: Seed = 0,
) -> LessonAnswer:
    """Gradient norms per layer on handwritten digits, before training.

    Ten sigmoid outputs and binary cross-entropy everywhere; only the hidden layers and their start differ.
    """
    from deepdream.lecture.backpropagation import gradient_norms
    from deepdream.lecture.datasets import bundled, one_hot
    from deepdream.lecture.mlp import MLP

    digits = bundled("digits")
    x, y = digits.X[:samples], one_hot(digits.y[:samples], 10)
    sizes = [64, *[30] * depth, 10]
    norms = {}
    for activation, init in (("sigmoid", "nielsen"), ("tanh", "xavier"), ("relu", "kaiming")):
        model = MLP(sizes, activation, init=init, seed=seed)
        norms[f"{activation}, {init}"] = gradient_norms(model, x, y, "binary-cross-entropy")
    rows = [(name, *values, values[-1] / values[0]) for name, values in norms.items()]
    names = [f"layer {i + 1}" for i in range(depth + 1)]
    told = "‖dC/dW‖ before training: digits 8x8, sigmoid outputs, binary cross-entropy"
    return LessonAnswer(
        {"norms": norms},
        tables=[TextTable(("network", *names, "last / first"), rows, told)],
        plot=lambda theme: plots("training").plot_vanishing(norms, theme=theme),
    )


def collapse(
    data: Annotated[str, typer.Option("--data", help="A toy data set: xor, circle, quadrants ...")] = "xor",
    seed: Seed = 0,
) -> LessonAnswer:
    """Train the same layers with and without activations, and multiply the matrices of the latter."""
    import torch

    from deepdream.lecture.datasets import one_hot, toy
    from deepdream.lecture.mlp import MLP
    from deepdream.lecture.training import TrainingSettings, fit

    table = toy(data, seed=seed)
    n, targets = table.X.shape[1], one_hot(table.y, 2)
    flat = MLP([n, 4, 3, 1], "identity", output="identity", init="xavier", seed=seed)
    curved = MLP([n, 4, 3, 1], "tanh", init="xavier", seed=seed)
    scores = [
        fit(model, table.X, targets, TrainingSettings(lr=lr, epochs=250)).epochs[-1].accuracy
        for model, lr in ((flat, 0.05), (curved, 0.5))
    ]
    W, b = flat.collapse()
    with torch.no_grad():
        x = torch.as_tensor(table.X)
        difference = float((flat(x) - (x @ W.T + b)).abs().max())
    rows = [("identity (collapses)", scores[0]), ("tanh", scores[1])]
    return LessonAnswer(
        {"W": W.tolist(), "b": b.tolist(), "difference": difference, "accuracy": dict(rows)},
        text=f"{flat} is one layer: W = {[round(w, 4) for w in W[0].tolist()]}, b = {b[0].item():.4f}; "
        f"the outputs differ by {difference:.1e}.",
        tables=[TextTable(("activation", "accuracy"), rows, table.about)],
        plot=lambda theme: plots("training").plot_collapse(
            table, {"identity: a plane": flat, "tanh: curved": curved}, theme=theme
        ),
    )
