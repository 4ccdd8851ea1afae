"""From loss and distance to the perceptron."""

from deepdream.lecture.lessons import Lesson

LESSONS = (
    Lesson(
        "losses",
        "How wrong is a prediction? L1, squares, cross-entropy.",
        6,
        "Learning is minimizing a loss, or maximizing a target function: the same algorithm with the sign "
        "turned. L1 grows in proportion to the error, the squared error punishes large errors more, and "
        "cross-entropy punishes confident mistakes without limit. Always say how a loss is reduced: summed "
        "or averaged, over samples or over outputs as well.",
        "'L2 = (y - y_true)^2' is the squared error, not the L2 norm. The quadratic cost needs a norm: "
        "C = 1/2 ||y - a||^2. Cross-entropy is not a distance: it is not symmetric. And 'intra-cluster "
        "variance / inter-cluster distance' names two criteria, not a ratio.",
    ),
    Lesson(
        "distances",
        "What is near? Minkowski, Jaccard, the great circle.",
        9,
        "A loss needs a distance or a similarity. Minkowski's p chooses what a step costs: p=1 walks along "
        "streets (Manhattan), p=2 flies (Euclid), p=infinity counts only the longest leg (Chebyshev). Look "
        "at the unit balls: all points at distance 1.",
        "Minkowski is a metric only for p >= 1: below, the ball is not convex and a detour is shorter than "
        "the straight way. Jaccard is a similarity; libraries differ (one returns 1 - J), and for two empty "
        "sets as well: here J = 1. Great circle: the arccos formula of textbooks gives 0 m for points that "
        "are a tenth of a millimeter apart; the haversine formula does not.",
    ),
    Lesson(
        "neuron",
        "McCulloch-Pitts 1943: which threshold makes an AND?",
        13,
        "Inputs are 0 or 1, the neuron counts those that are on and fires if there are at least theta. "
        "Exercise: which theta gives AND? With n inputs, any theta in (n-1, n]. Theta = 1 is OR. NOT needs "
        "an inhibitory input: a sum of excitatory inputs can only grow. Picture: the corners of a cube, cut "
        "by a plane.",
        "The 1943 neuron has absolute inhibition: one active inhibitory input silences it. 'Exceeds the "
        "threshold' in words and '>=' in the formula disagree; here the neuron fires at sum >= theta.",
    ),
    Lesson(
        "perceptron",
        "Rosenblatt 1958: learning from mistakes, and their bound.",
        17,
        "On a mistake the line turns toward the misjudged point: w <- w + eta y x, b <- b + eta y, with "
        "y = -1 or +1. If a line exists at all, the number of mistakes is at most (R/gamma)^2: R is the "
        "length of the longest sample, gamma the margin of the best line (Novikoff 1962). The bound does not "
        "know the dimension, and eta does not change the count.",
        "The deck never states the learning rule. The bias b, the threshold theta and Z say the same thing "
        "three times: only theta = Z - b matters; here there is one bias and the threshold is 0. The "
        "Widrow-Hoff rule (LMS, ADALINE) is another rule. y on the slide is both the sum and the activated "
        "output: here z and a.",
    ),
    Lesson(
        "activations",
        "Step, sigmoid, tanh, ReLU ... and their derivatives.",
        22,
        "The derivative is what learning sees. The step has none, the sigmoid's is at most 0.25, tanh's at "
        "most 1, ReLU's is 0 or 1.",
        "sigma' = sigma(1 - sigma) takes the *output* of the sigmoid: code that says dsigmoid(x) = x(1-x) "
        "expects sigma(z), not z. A sigmoid unit is logistic regression; Rosenblatt's unit had a step. "
        "Both have a straight boundary. 'Turns neurons on and off' is true for the step only.",
    ),
    Lesson(
        "xor",
        "What no line can do, and one hidden layer can.",
        26,
        "Three attempts: the perceptron makes 4 mistakes per epoch for ever and returns to w = 0; the best "
        "line by least squares says 0.5 everywhere; two hidden neurons (OR and AND) solve it by hand, and "
        "training finds a solution from most starts, not from all.",
        "XOR fails for one neuron, McCulloch-Pitts or perceptron. A *network* of McCulloch-Pitts neurons "
        "computes it: h1 = OR, h2 = AND, output = 1 if h1 - h2 >= 1.",
    ),
)
