"""Lessons about gradient descent, and what the gradient of a deep network needs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from deepdream.errors import UnknownNameError, UsageError
from deepdream.lecture.course.lesson import (
    LessonAnswer,
    Option,
    TextTable,
    lesson,
    numbers_of,
    plots,
)
from deepdream.lecture.course.lesson_options import (
    Momentum,
)

if TYPE_CHECKING:
    from deepdream.figures import Theme
    from deepdream.lecture.mlp import MLP


@lesson(
    "descent",
    "Gradient descent on the loss of a line, and the same steps upward.",
    place=44,
    notes="The path follows minus the gradient. It converges if the learning rate is below 2 / lambda_max of "
    "the Hessian: a little above, it diverges. The same function climbs: maximizing an activation over the "
    "*input* instead of minimizing a loss over the *weights* is all that DeepDream does.",
    slide="The L2 of a line is a surface (a paraboloid), not a hyperplane. Gradient descent does not look "
    "around and choose: it computes one direction. And it is 'gradient', not 'linear' descent.",
)
def descent(
    model: Annotated[str, Option("Model: line, or mlp for a small network.")] = "line",
    rates: Annotated[
        str,
        Option("Learning rates, separated by commas. For a line: as shares of the critical rate.", "--lr"),
    ] = "",
    steps: Annotated[int, Option("Number of steps.", min=1, max=10000)] = 40,
    momentum: Momentum = 0.0,
    data: Annotated[
        str, Option("A CSV file with columns x and y. For mlp: data as in the lesson play.")
    ] = "",
    view: Annotated[str, Option("View of the plot: map, space (3-D) or climb.")] = "map",
    seed: int = 0,
) -> LessonAnswer:
    """Prints and draws paths on a loss surface.

    For a line, descent diverges above the critical rate 2 / lambda_max.
    """
    for kind, name, known in (("model", model, ("line", "mlp")), ("view", view, ("map", "space", "climb"))):
        if name not in known:
            raise UnknownNameError(kind, name, known)
    if model == "mlp":
        return _network_descent(numbers_of(rates or "0.1,1,5", "--lr"), steps, momentum, data, view, seed)
    return _line_descent(rates or "0.5,0.1,0.99,1.01", steps, momentum, data, view, seed)


def _line_descent(rates: str, steps: int, momentum: float, data: str, view: str, seed: int) -> LessonAnswer:
    """Paths on the loss of a line, which is a paraboloid, so that the critical rate is known exactly."""
    import torch

    from deepdream.lecture.descent import (
        climb_example,
        critical_rate,
        gradient_descent,
        line_loss,
        line_samples,
        load_line,
    )

    x, y = load_line(data) if data else line_samples(seed=seed)
    f = line_loss(x, y)
    critical = critical_rate(f, [0.0, 0.0])
    # Shares of the critical rate show the same for any data: without momentum 0.99 converges and 1.01 does not.
    shares = numbers_of(rates, "--lr")
    paths = {
        f"{share:g} × critical": gradient_descent(f, [-1.5, -1.5], share * critical, steps, momentum=momentum)
        for share in shares
    }
    rows = [
        (name, share * critical, *map(float, path.points[-1]), float(path.values[-1]))
        for (name, path), share in zip(paths.items(), shares, strict=True)
    ]
    climb = climb_example(seed)
    z = climb.path.values

    def losses(points: Any) -> Any:
        return f(torch.as_tensor(points)[:, None]).numpy()

    def plot(theme: Theme) -> Any:
        if view == "climb":
            return plots("descent").plot_climb(climb, theme=theme)
        if view == "space":
            shadows, names = [path.points for path in paths.values()], ("slope", "intercept")
            return plots("descent").plot_in_space(losses, paths, shadows, names=names, theme=theme)
        return plots("descent").plot_descent(x, y, paths, theme=theme)

    keys = ("lr", "slope", "intercept", "loss")
    numbers = {name: dict(zip(keys, values, strict=True)) for name, *values in rows}
    way_up = {"from": z[0], "to": z[-1], "input": climb.path.points[-1].tolist()}
    return LessonAnswer(
        {"critical_rate": critical, "paths": numbers, "climb": way_up},
        text=f"Loss of a line: the critical rate is 2 / λmax = {critical:.4g}.",
        tables=[TextTable(("rate", "lr", "slope", "intercept", "loss after all steps"), rows)],
        closing="Upward: the same function with maximize=True moves a trained network's *input*; the sum z "
        f"of one neuron climbs from {z[0]:.3f} to {z[-1]:.3f} (--view climb draws it). This is all that "
        "DeepDream does.",
        plot=plot,
    )


def _network_descent(
    rates: list[float], steps: int, momentum: float, data: str, view: str, seed: int
) -> LessonAnswer:
    """Paths on the loss of a small network, and the plane through weight space in which they spread most."""
    from deepdream.lecture.datasets import find_data
    from deepdream.lecture.mlp import MLP
    from deepdream.lecture.surface import descend, network_loss, principal_slice
    from deepdream.lecture.training import TrainingSettings

    dataset = find_data(data or "circle", seed=seed).against_rest().standardized()

    # The same start for every rate, so that only the rate differs.
    def start() -> MLP:
        return MLP([dataset.X.shape[1], 4, 1], "tanh", init="xavier", seed=seed)

    paths = {
        f"{lr:g}": descend(
            start(), dataset, TrainingSettings("cross-entropy", lr=lr, momentum=momentum, epochs=steps)
        )
        for lr in rates
    }
    plane, heights = principal_slice(paths.values()), network_loss(start(), dataset, "cross-entropy")

    def plot(theme: Theme) -> Any:
        if view == "climb":
            raise UsageError("--view climb is drawn by the lesson without --model mlp.")
        if view == "space":
            shadows = [plane.flatten(path.points) for path in paths.values()]
            names = ("first direction", "second direction")
            return plots("descent").plot_in_space(
                lambda points: heights(plane.lift(points)), paths, shadows, names=names, theme=theme
            )
        return plots("descent").plot_network_descent(heights, paths, plane, theme=theme)

    rows = [(lr, float(path.values[0]), float(path.values[-1])) for lr, path in paths.items()]
    return LessonAnswer(
        {"losses": {lr: path.values.tolist() for lr, path in paths.items()}, "share_in_slice": plane.share},
        text=f"{start()} on {dataset.about}; the same start, {len(rates)} rates, {steps} steps.",
        tables=[TextTable(("learning rate", "loss before", "loss after"), rows)],
        closing=f"The plot is a slice through {plane.origin.size} dimensions; {plane.share:.0%} of the "
        "paths' spread lies in it.",
        plot=plot,
    )


@lesson(
    "smoothness",
    "Small changes in, small changes out: step and sigmoid.",
    place=49,
    notes="Change one weight and watch the output. With a step nothing happens, then everything at once; with "
    "a sigmoid every small change has a small effect, and this is what gradient descent needs.",
    slide="The slide's sentence has no end. It continues: '... is what lets us learn by small steps'. A step "
    "function has gradient zero almost everywhere and cannot be trained this way.",
)
def smoothness() -> LessonAnswer:
    """Prints the output for several values of one weight, with a step and with a sigmoid."""
    rows = []
    for w in (-2.0, -1.0, 0.0, 0.6, 0.7, 1.0, 2.0):
        z = 1.5 * w - 1.0
        rows.append((w, z, float(z >= 0), 1 / (1 + math.exp(-z))))
    return LessonAnswer(
        {"rows": [dict(zip(("w", "z", "step", "sigmoid"), row, strict=True)) for row in rows]},
        tables=[TextTable(("weight w", "z = 1.5 w - 1", "step(z)", "sigmoid(z)"), rows)],
        plot=lambda theme: plots("training").plot_smoothness(theme=theme),
    )


@lesson(
    "vanishing",
    "Gradients by layer: why deep sigmoids learned so slowly.",
    place=52.5,
    notes="Each sigmoid layer multiplies the gradient by at most 0.25 times a weight: after six layers, the "
    "gradient of the first is a thousandth of that of the last. ReLU with He initialization keeps the "
    "norms level.",
)
def vanishing(
    depth: Annotated[int, Option("Number of hidden layers, each of 30 neurons.", min=1, max=20)] = 5,
    samples: Annotated[int, Option("Number of digits.", min=1, max=1797)] = 100,
    seed: int = 0,
) -> LessonAnswer:
    """Prints the norm of the gradient in each layer, on handwritten digits and before training.

    All networks have ten sigmoid outputs and binary cross-entropy. They differ in their hidden layers.
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
    title = "‖dC/dW‖ before training: digits 8x8, sigmoid outputs, binary cross-entropy"
    return LessonAnswer(
        {"norms": norms},
        tables=[TextTable(("network", *names, "last / first"), rows, title)],
        plot=lambda theme: plots("training").plot_vanishing(norms, theme=theme),
    )
