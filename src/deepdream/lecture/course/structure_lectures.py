"""Lessons about how a network is built: its equations, its parameters, its hyperparameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from deepdream.errors import UsageError
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
    Activation,
    Init,
    Sizes,
)

if TYPE_CHECKING:
    from torch import Tensor


@lesson(
    "forward",
    "The forward pass as equations with numbers and shapes.",
    place=31,
    notes="One equation per neuron, then the same as a matrix product: z = W a + b, W of shape (out, in).",
    slide="On one slide the weights w11..w14 leave input 1 (input first); on the next the sum w11 x1 + w12 x2 + "
    "... belongs to neuron 1 (neuron first). Both are in use; here it is neuron first, W is (out, in). "
    "And there is no x4: the network has three inputs and four hidden neurons. In the composition the "
    "brackets are wrong: y = f_N(... f_2(f_1(x W_1 + b_1) W_2 + b_2) ... W_N + b_N).",
)
def forward(
    sizes: Sizes,
    x: Annotated[str, Option("The input, separated by commas. The default is 1,0,1,0 ...")] = "",
    activation: Activation = "sigmoid",
    convention: Annotated[
        str, Option("Order of the indices of a weight: out-in or in-out.", "--index-convention")
    ] = "out-in",
    init: Init = "nielsen",
    seed: int = 0,
) -> LessonAnswer:
    """Prints the equation of every neuron with its numbers, then the same with matrices and their shapes."""
    import torch

    from deepdream.lecture.mlp import MLP

    if convention not in ("out-in", "in-out"):
        raise UsageError(f"--index-convention is out-in or in-out, not {convention!r}.")
    model = MLP(sizes, activation, init=init, seed=seed)
    values = numbers_of(x, "--x") or [float((i + 1) % 2) for i in range(sizes[0])]
    if len(values) != sizes[0]:
        raise UsageError(f"--x has {len(values)} values; the network {model} takes {sizes[0]}.")
    with torch.no_grad():
        states = model.trace([values])
    rows = []
    for number, (layer, state) in enumerate(zip(model.linear, states, strict=True), start=1):
        n_out, n_in = layer.weight.shape
        shape = (
            f"W ({n_out}, {n_in}): z = W a + b"
            if convention == "out-in"
            else f"W ({n_in}, {n_out}): z = a W + b"
        )
        rows.append((number, shape, _list(state.z[0]), _list(state.a[0])))
    return LessonAnswer(
        {
            "x": values,
            "weights": [layer.weight.tolist() for layer in model.linear],
            "layers": [{"z": state.z[0].tolist(), "a": state.a[0].tolist()} for state in states],
        },
        text=f"{model}, input {values}\n\n{model.equations()}",
        tables=[TextTable(("layer", f"shape ({convention})", "z", "a"), rows)],
        plot=lambda theme: plots("structure").plot_forward(model, values, theme=theme),
    )


def _list(values: Tensor) -> str:
    return ", ".join(f"{value:.4f}" for value in values.tolist()[:8]) + (", ..." if len(values) > 8 else "")


@lesson(
    "weight-and-bias",
    "What w and b do to one neuron: steeper, and shifted.",
    place=32,
    notes="The weight sets how sharply the neuron switches, the bias where: at x = -b/w.",
    slide="'b up-down weights a neuron': the bias does not weight anything, it shifts the switching point.",
)
def weight_and_bias() -> LessonAnswer:
    """Prints where sigmoid(w x + b) switches, and how steep it is there."""
    pairs = [(w, b) for w in (0.5, 1.0, 3.0) for b in (-3.0, 0.0, 3.0)]
    rows = [(w, b, 0.0 - b / w, w / 4) for w, b in pairs]
    return LessonAnswer(
        {"rows": [dict(zip(("w", "b", "switches_at", "steepness"), row, strict=True)) for row in rows]},
        tables=[TextTable(("w", "b", "switches at x = -b/w", "steepness there, w/4"), rows)],
        plot=lambda theme: plots("structure").plot_knobs(theme=theme),
    )


@lesson(
    "count",
    "Exercise: how many parameters?",
    place=34,
    notes="Layer by layer: in x out weights and out biases. Three inputs, four hidden neurons and one output "
    "make 3x4 + 4 + 4x1 + 1 = 21.",
    slide="'Hundreds of weights and biases': thousands to billions today. In a convolutional network often "
    "several last layers are fully connected; in modern ones just one.",
)
def count(
    sizes: Annotated[
        list[int] | None, Argument("Neurons per layer, inputs first: 3 4 1.", metavar="[SIZES]...")
    ] = None,
    cnn: Annotated[str, Option("A convolutional network by name: lenet5.")] = "",
    model: Annotated[str, Option("A pretrained network by name; `deepdream models` lists them.")] = "",
) -> LessonAnswer:
    """Prints weights and biases layer by layer, with the formula."""
    from deepdream.lecture.counting import count_parameters

    if sum(map(bool, (sizes, cnn, model))) > 1:
        raise UsageError("Give SIZES, --cnn or --model: one of the three.")
    if model:
        from deepdream.models import load_model

        counted: Any = count_parameters(load_model(model).module)
    else:
        counted = count_parameters(cnn or sizes or [3, 4, 3, 1])
    rows = [(layer.name, layer.formula, layer.weights, layer.biases, layer.total) for layer in counted.layers]
    drawable = None if cnn or model else (sizes or [3, 4, 3, 1])
    return LessonAnswer(
        {
            "total": counted.total,
            "layers": [{"name": row[0], "weights": row[2], "biases": row[3]} for row in rows],
        },
        tables=[TextTable(("layer", "inputs x outputs + biases", "weights", "biases", "sum"), rows)],
        closing=f"{counted.total} parameters.",
        plot=(lambda theme: plots("structure").plot_count(drawable, counted, theme=theme))
        if drawable
        else None,
    )


@lesson(
    "hyperparameters",
    "Exercise: how many hyperparameters, and of which kind?",
    place=35,
    notes="Parameters are learned from the data; hyperparameters are chosen before. Input and output sizes are "
    "neither: the data fix them.",
    slide="N_l is the number of layers on one line and labels neurons per layer on the next. The '??' of the "
    "connectivity: one yes or no per possible edge, so 2^(sum of n_l n_(l+1)) choices; fully connected "
    "leaves none. Missing on the slide: initialization, batch size, epochs, regularization, the seed, "
    "early stopping.",
)
def hyperparameters(
    sizes: Sizes,
    optimizer: Annotated[str, Option("Optimizer of torch.optim, such as SGD, Adam or RMSprop.")] = "Adam",
    connectivity: Annotated[str, Option("Connections: full, or free (a yes or no for each).")] = "full",
) -> LessonAnswer:
    """Prints the table of the exercise: what is chosen, what the data fix, and what is learned."""
    from deepdream.lecture.counting import count_parameters, hyperparameter_table

    learned = count_parameters(sizes).total
    rows = hyperparameter_table(sizes, optimizer, connectivity=connectivity)
    total = sum(row.count for row in rows)
    # Both totals are printed: they show that the connections are most of the choices.
    free = sum(row.count for row in hyperparameter_table(sizes, optimizer, connectivity="free"))
    full = sum(row.count for row in hyperparameter_table(sizes, optimizer))
    return LessonAnswer(
        {"rows": [vars(row) for row in rows], "total": total, "learned": learned},
        tables=[
            TextTable(("role", "choice", "how many", "which"), [tuple(vars(row).values()) for row in rows])
        ],
        closing=f"Hyperparameters: {full} fully connected, {free} if every connection is a choice. "
        f"Learned parameters: {learned}.",
        plot=lambda theme: plots("structure").plot_hyperparameters(rows, theme=theme),
    )


@lesson(
    "collapse",
    "Without activations, all layers multiply to one.",
    place=53,
    notes="However many linear layers: the product of matrices is a matrix. The collapsed model gives the same "
    "outputs to the last digits, and cannot do XOR.",
    slide="'They are just linear models with a bunch of parameters' is wrong without 'and non-linearities "
    "between them': only these let a network do more.",
)
def collapse(
    data: Annotated[str, Option("A toy data set, such as xor, circle or quadrants.")] = "xor",
    seed: int = 0,
) -> LessonAnswer:
    """Trains the same layers with and without activations, and multiplies the matrices of the latter."""
    import torch

    from deepdream.lecture.datasets import one_hot, toy
    from deepdream.lecture.mlp import MLP
    from deepdream.lecture.training import TrainingSettings, fit

    dataset = toy(data, seed=seed)
    n, targets = dataset.X.shape[1], one_hot(dataset.y, 2)
    flat = MLP([n, 4, 3, 1], "identity", output="identity", init="xavier", seed=seed)
    curved = MLP([n, 4, 3, 1], "tanh", init="xavier", seed=seed)
    # A linear network diverges at the rate that suits tanh, hence the smaller one.
    scores = [
        fit(model, dataset.X, targets, TrainingSettings(lr=lr, epochs=250)).epochs[-1].accuracy
        for model, lr in ((flat, 0.05), (curved, 0.5))
    ]
    W, b = flat.collapse()
    with torch.no_grad():
        x = torch.as_tensor(dataset.X)
        difference = float((flat(x) - (x @ W.T + b)).abs().max())
    rows = [("identity (collapses)", scores[0]), ("tanh", scores[1])]
    return LessonAnswer(
        {"W": W.tolist(), "b": b.tolist(), "difference": difference, "accuracy": dict(rows)},
        text=f"{flat} is one layer: W = {[round(w, 4) for w in W[0].tolist()]}, b = {b[0].item():.4f}; "
        f"the outputs differ by {difference:.1e}.",
        tables=[TextTable(("activation", "accuracy"), rows, dataset.about)],
        plot=lambda theme: plots("training").plot_collapse(
            dataset, {"identity: a plane": flat, "tanh: curved": curved}, theme=theme
        ),
    )
