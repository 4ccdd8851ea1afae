"""From a score to a decision, and what it costs to understand it."""

from deepdream.lecture.lessons import Lesson

LESSONS = (
    Lesson(
        "tradeoff",
        "Accuracy against transparency: the chart, measured.",
        57,
        "Count what a reader must hold in mind, cross-validate, draw error bars. On breast cancer and "
        "wine a linear model ties with the best; on digits a shallow tree fails and a kernel machine "
        "wins by little. Within one standard deviation there is no ranking.",
        "The slide's chart has no data: Rudin (2019) calls it a fictional depiction, taken from DARPA's "
        "announcement. 'Transparency is proportional to complexity' must be: it falls with complexity.",
    ),
    Lesson(
        "tree",
        "A single tree: a model that can be read as sentences.",
        62,
        "Read the tree aloud from the top. Two questions decide most tumors. Then grow the full tree: 22 "
        "leaves, every training sample right, and hardly better on new ones.",
        "'A single tree model' is readable when it is small. A full tree is not, and a forest is a "
        "hundred of them.",
    ),
    Lesson(
        "threshold",
        "Who sets the threshold? Counts, costs, ROC, DET, groups.",
        65,
        "Ask the hall for a threshold before you show the costs. If a miss costs ten times a false "
        "alarm, a calibrated score should be cut at 1/11, not at 1/2. Then write down who decided: "
        "--decided-by.",
        "'FR returns a probabilistic result': it returns a similarity score, usually not calibrated, so "
        "the theory of costs does not apply to it as it stands (--data digit_pairs shows one).",
    ),
    Lesson(
        "odds",
        "A small error rate times a large gallery.",
        65.5,
        "One comparison in a million goes wrong. A gallery has 49 million faces. Ask for the number "
        "before you press enter: 49 people who did nothing.",
        "The slide speaks of one T/F match (1:1); a search compares with everybody (1:N), and the "
        "expected false matches are N times the rate.",
    ),
)
