"""Options that several lessons have, each with its sentence of help."""

from __future__ import annotations

from typing import Annotated

from deepdream.lecture.course.lesson import Argument, Option

__all__ = ["Activation", "Data", "Epochs", "Hidden", "Init", "Loss", "Momentum", "Rate", "Sizes", "Target"]

Data = Annotated[str, Option("A data set by name, or a CSV file with one header line.", metavar="NAME|CSV")]
Target = Annotated[str | None, Option("CSV files: the column to predict. The default is the last one.")]
Sizes = Annotated[list[int], Argument("Neurons per layer, inputs first: 3 4 1.", metavar="SIZES...")]
Hidden = Annotated[str, Option("Neurons of the hidden layers, separated by commas.")]
Activation = Annotated[
    str, Option("Activation of the hidden neurons: sigmoid, tanh, relu, identity or step.")
]
Init = Annotated[str, Option("Initial weights: nielsen, normal, xavier, kaiming, uniform or zeros.")]
Loss = Annotated[str, Option("Loss: quadratic, cross-entropy, binary-cross-entropy, l1 or squared-error.")]
Rate = Annotated[float, Option("Learning rate.", min=0)]
Momentum = Annotated[float, Option("Share of the last step that is added to the next one.", min=0, max=0.999)]
Epochs = Annotated[int, Option("Passes through all samples.", min=1)]
