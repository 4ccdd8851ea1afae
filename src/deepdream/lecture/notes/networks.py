"""Multilayer perceptrons: structure and counting."""

from deepdream.lecture.lessons import Lesson

LESSONS = (
    Lesson(
        "mlp",
        "A network learns: boundary, hidden neurons, curves.",
        27,
        "Every hidden neuron draws one soft line; the output neuron combines them. Watch the validation "
        "curve: when it turns up while the training curve goes down, it learns its samples by heart.",
        "'1970' is loose: Rosenblatt described multilayer perceptrons in 1962; what came in the 1970s and "
        "became known in 1986 is backpropagation.",
    ),
    Lesson(
        "forward",
        "The forward pass as equations with numbers and shapes.",
        31,
        "One equation per neuron, then the same as a matrix product: z = W a + b, W of shape (out, in).",
        "On one slide the weights w11..w14 leave input 1 (input first); on the next the sum w11 x1 + w12 x2 "
        "+ ... belongs to neuron 1 (neuron first). Both are in use; here it is neuron first, W is (out, in). "
        "And there is no x4: the network has three inputs and four hidden neurons. In the composition the "
        "brackets are wrong: y = f_N(... f_2(f_1(x W_1 + b_1) W_2 + b_2) ... W_N + b_N).",
    ),
    Lesson(
        "weight-and-bias",
        "What w and b do to one neuron: steeper, and shifted.",
        32,
        "The weight sets how sharply the neuron switches, the bias where: at x = -b/w.",
        "'b up-down weights a neuron': the bias does not weight anything, it shifts the switching point.",
    ),
    Lesson(
        "count",
        "Exercise: how many parameters?",
        34,
        "Layer by layer: in x out weights and out biases. Three inputs, four hidden neurons and one output "
        "make 3x4 + 4 + 4x1 + 1 = 21.",
        "'Hundreds of weights and biases': thousands to billions today. In a convolutional network often "
        "several last layers are fully connected; in modern ones just one.",
    ),
    Lesson(
        "hyperparameters",
        "Exercise: how many hyperparameters, and of which kind?",
        35,
        "Parameters are learned from the data; hyperparameters are chosen before. Input and output sizes are "
        "neither: the data fix them.",
        "N_l is the number of layers on one line and labels neurons per layer on the next. The '??' of the "
        "connectivity: one yes or no per possible edge, so 2^(sum of n_l n_(l+1)) choices; fully connected "
        "leaves none. Missing on the slide: initialization, batch size, epochs, regularization, the seed, "
        "early stopping.",
    ),
)
