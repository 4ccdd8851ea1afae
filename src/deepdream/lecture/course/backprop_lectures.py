"""Lessons about backpropagation: step by step, on one neuron, and how to find its bugs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from deepdream.errors import UnknownNameError, UsageError
from deepdream.lecture.course.lesson import (
    Argument,
    LessonAnswer,
    Option,
    TextTable,
    lesson,
    numbers_of,
    plots,
)
from deepdream.lecture.course.lesson_options import (
    Loss,
)

if TYPE_CHECKING:
    from torch import Tensor

    from deepdream.lecture.backpropagation import BackpropTrace
    from deepdream.lecture.mlp import MLP


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


@lesson(
    "backprop",
    "Step by step: every z, a, delta and gradient.",
    place=50,
    notes="Four equations (Nielsen, BP1-BP4): delta at the output is the slope of the cost times the slope of "
    "the activation; each earlier delta is W transposed times the later one, times the slope; the "
    "gradient of a bias is delta, of a weight delta times the activation that enters.",
    slide="The slide titled back-propagation shows the *forward* equations of Rumelhart, Hinton and Williams "
    "1986, without the bias. Effects run forward; backpropagation computes them from the last layer back. "
    "Mazur's well-known example prints 0.291027924 after one step, which comes from using weights "
    "already updated; with the original weights it is 0.2910277737.",
)
def backprop(
    example: Annotated[str, Option("Example: mazur, xor or random.")] = "mazur",
    lr: Annotated[float, Option("Learning rate of the step.", min=0)] = 0.5,
    pause: Annotated[bool, Option("Wait for Enter after each part.")] = False,
    seed: int = 0,
) -> LessonAnswer:
    """Prints every number of the forward pass, the backward pass, and one step.

    Mazur's example keeps its biases fixed, as its author does.
    """
    from deepdream.lecture import backpropagation

    model, x, y = _example(example, seed)
    trace = backpropagation.backprop(model, x, y)
    # The step changes the weights in place, so the tables are made before it, and the plot gets a second network.
    before, _, _ = _example(example, seed)
    tables = _backprop_tables(model, trace)
    backpropagation.take_step(model, trace, lr, bias_lr=0.0 if example == "mazur" else lr)
    cost_after = backpropagation.backprop(model, x, y).cost
    return LessonAnswer(
        {
            "x": x[0].tolist(), "y_true": y[0].tolist(), "cost_before": trace.cost, "cost_after": cost_after,
            "layers": [{key: value.tolist() for key, value in vars(layer).items()} for layer in trace.layers],
            "weights_after": [layer.weight.tolist() for layer in model.linear],
        },
        text=f"{model}, x = {x[0].tolist()}, y_true = {y[0].tolist()}",
        tables=tables,
        closing=f"Cost before the step: {trace.cost:.10g}\nCost after it (lr {lr:g}): {cost_after:.10g}",
        pause=pause,
        plot=lambda theme: plots("structure").plot_backprop(before, x[0].tolist(), trace, theme=theme),
    )  # fmt: skip


def _backprop_tables(model: MLP, trace: BackpropTrace) -> list[TextTable]:
    tables = []
    for number, layer in enumerate(trace.layers, start=1):
        rows = [(j + 1, float(layer.z[0, j]), float(layer.a[0, j])) for j in range(layer.z.shape[1])]
        tables.append(
            TextTable(("neuron", "z", "a"), rows, f"forward, layer {number}: W {tuple(layer.grad_w.shape)}")
        )
    pairs = list(enumerate(zip(trace.layers, model.linear, strict=True), start=1))
    # Backward tables come last layer first, in the order in which the deltas are computed.
    for number, (layer, linear) in reversed(pairs):
        columns = zip(layer.delta[0].tolist(), layer.grad_w.tolist(), linear.weight.tolist(), strict=True)
        back = [
            (
                j,
                f"{delta:+.8f}",
                ", ".join(f"{g:+.8f}" for g in gradient),
                ", ".join(f"{w:.4g}" for w in weights),
            )
            for j, (delta, gradient, weights) in enumerate(columns, start=1)
        ]
        tables.append(TextTable(("neuron", "delta = dC/db", "dC/dW", "W"), back, f"backward, layer {number}"))
    return tables


@lesson(
    "chain-rule",
    "One neuron as a graph: values forward, derivatives backward.",
    place=51,
    notes="The neuron of Stanford's CS231n: w = (2, -3), x = (-1, -2), bias -3. Each node multiplies the "
    "derivative that arrives from the output by its own.",
    slide="Nothing wrong: partial derivatives and the chain rule are indeed all there is.",
)
def chain_rule(
    w: Annotated[str, Option("Weights, separated by commas.")] = "2,-3",
    x: Annotated[str, Option("Inputs, separated by commas.")] = "-1,-2",
    b: Annotated[float, Option("Bias.")] = -3.0,
) -> LessonAnswer:
    """Prints the value and the derivative at every node of sigmoid(w·x + b)."""
    from deepdream.lecture.backpropagation import chain_rule_neuron

    weights, inputs = numbers_of(w, "--w"), numbers_of(x, "--x")
    if len(weights) != len(inputs) or not weights:
        raise UsageError(f"--w has {len(weights)} values and --x {len(inputs)}: the two must be equal.")
    graph = chain_rule_neuron(weights, inputs, b)
    rows = [(name, value, float(graph.slopes[name])) for name, value in graph.values.items()]
    return LessonAnswer(
        {"values": graph.values, "slopes": graph.slopes},
        tables=[TextTable(("node", "value", "d a / d node"), rows)],
        plot=lambda theme: plots("training").plot_chain(graph, theme=theme),
    )


@lesson(
    "check-gradients",
    "Is it right? Finite differences find a notebook's bug.",
    place=52,
    notes="Change each weight up and down by a tiny step and see how the cost changes. If your formula "
    "disagrees by more than a millionth, the formula is wrong.",
    slide="The notebook NN_from_scratch learns, slowly, with a wrong line: syn1 += outputLayer.T.dot(delta). "
    "It must be layer1out.T.dot(delta): the gradient of a weight is the delta times the activation that "
    "*enters* the layer. A gradient check finds a bug that still learns; the learning curve does not "
    "show it.",
)
def check_gradients(
    sizes: Annotated[
        list[int] | None, Argument("Neurons per layer of the network to check: 3 4 1.", metavar="[SIZES]...")
    ] = None,
    loss: Loss = "quadratic",
    seed: int = 0,
) -> LessonAnswer:
    """Compares two sets of gradients with finite differences: this toolkit's and those of a class notebook."""
    import torch

    from deepdream.lecture import backpropagation, notebook_bug
    from deepdream.lecture.mlp import MLP

    model = MLP(sizes or [3, 4, 1], seed=seed)
    generator = torch.Generator().manual_seed(seed)
    x, y = (
        torch.rand(4, n, generator=generator, dtype=torch.float64) for n in (model.sizes[0], model.sizes[-1])
    )
    # The default network is that of the notebook, and so are its samples.
    if not sizes:
        x, y = notebook_bug.notebook_samples()
    # The notebook has one output; its wrong line has no meaning for more.
    checks = {"this toolkit": backpropagation.check_gradients(model, x, y, loss)}
    if model.sizes[-1] == 1:
        checks["the notebook's line"] = backpropagation.check_gradients(
            model, x, y, loss, gradients=notebook_bug.notebook_backprop
        )
    tables = [
        TextTable(("parameter", "by formula", "by differences", "relative error"), check.rows[:6],
             f"{name}: {'passed' if check.passed else 'WRONG'} (worst {check.worst:.1e}; the six worst)")
        for name, check in checks.items()
    ]  # fmt: skip
    wrong = notebook_bug.train_notebook(notebook_bug.wrong_line)
    right = notebook_bug.train_notebook(notebook_bug.right_line)
    lines = ("wrong line: syn1 += outputLayer.T.dot(delta)", "right line: syn1 += layer1out.T.dot(delta)")
    outputs = [(name, *values) for name, values in zip(lines, (wrong, right), strict=True)]
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
        closing="The wrong line learns a little, so the learning curve does not show the mistake. The check does.",
        plot=lambda theme: plots("training").plot_check(checks, theme=theme),
    )
