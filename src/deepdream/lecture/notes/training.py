"""Training: descent, backpropagation, and what can go wrong."""

from deepdream.lecture.lessons import Lesson

LESSONS = (
    Lesson(
        "descent",
        "Down the loss of a line; upward, the same step dreams.",
        44,
        "The path follows minus the gradient. It converges if the learning rate is below 2 / lambda_max of "
        "the Hessian: a hair above, it explodes. The same function climbs: maximizing an activation over the "
        "*input* instead of minimizing a loss over the *weights* is all that DeepDream does.",
        "The L2 of a line is a surface (a paraboloid), not a hyperplane. Gradient descent does not look "
        "around and choose: it computes one direction. And it is 'gradient', not 'linear' descent.",
    ),
    Lesson(
        "smoothness",
        "Small changes in, small changes out: step and sigmoid.",
        49,
        "Turn one weight and watch the output. With a step nothing happens, then everything at once; with a "
        "sigmoid every small turn has a small effect, and this is what gradient descent needs.",
        "The slide's sentence has no end. It goes on: '... is what lets us learn by small steps'. A step "
        "function has gradient zero almost everywhere and cannot be trained this way.",
    ),
    Lesson(
        "backprop",
        "Step by step: every z, a, delta and gradient.",
        50,
        "Four equations (Nielsen, BP1-BP4): delta at the output is the slope of the cost times the slope of "
        "the activation; each earlier delta is W transposed times the later one, times the slope; the "
        "gradient of a bias is delta, of a weight delta times the activation that enters.",
        "The slide titled back-propagation shows the *forward* equations of Rumelhart, Hinton and Williams "
        "1986, without the bias. Effects run forward; backpropagation computes them from the last layer "
        "back. Mazur's well-known example prints 0.291027924 after one step, which comes from using weights "
        "already updated; with the original weights it is 0.2910277737.",
    ),
    Lesson(
        "chain-rule",
        "One neuron as a graph: values forward, derivatives backward.",
        51,
        "The neuron of Stanford's CS231n: w = (2, -3), x = (-1, -2), bias -3. Each node multiplies what "
        "arrives from above by its own derivative.",
        "Nothing wrong: partial derivatives and the chain rule are indeed all there is.",
    ),
    Lesson(
        "check-gradients",
        "Is it right? Finite differences find a notebook's bug.",
        52,
        "Wiggle each weight up and down by a tiny step and see how the cost changes. If your formula "
        "disagrees by more than a millionth, the formula is wrong.",
        "The notebook NN_from_scratch learns, slowly, with a wrong line: syn1 += outputLayer.T.dot(delta). "
        "It must be layer1out.T.dot(delta): the gradient of a weight is the delta times the activation that "
        "*enters* the layer. A bug that still learns is found by a gradient check, and by nothing else.",
    ),
    Lesson(
        "vanishing",
        "Gradients by layer: why deep sigmoids learned so slowly.",
        52.5,
        "Each sigmoid layer multiplies the gradient by at most 0.25 times a weight: after six, the first "
        "one sees a thousandth. ReLU with He initialization keeps the norms level.",
    ),
    Lesson(
        "collapse",
        "Without activations, all layers multiply to one.",
        53,
        "However many linear layers: the product of matrices is a matrix. The collapsed model gives the same "
        "outputs to the last digits, and cannot do XOR.",
        "'They are just linear models with a bunch of parameters' is wrong without 'and non-linearities "
        "between them': those make all the difference.",
    ),
    Lesson(
        "play",
        "A network learns before your eyes; a page to play with.",
        53.5,
        "The playground: choose the data and the hidden layers, watch the hidden neurons' lines combine. The "
        "page (--html) works without a server: sliders for a neuron, a threshold and the network's state.",
    ),
)
