"""What is learned and what is asked: the words, the years, the questions."""

from deepdream.lecture.lessons import Lesson

LESSONS = (
    Lesson(
        "glossary",
        "The words of the lecture, each with what it means here.",
        1,
        "Machine learning: data-driven models that learn parameters from data. Ask which of these words "
        "the hall would define differently.",
        "'Any method that learns parameters from the data' (later slide) excludes k-nearest neighbors, "
        "which the slides list: it learns no parameters. Feature importance is not causality.",
    ),
    Lesson(
        "timeline",
        "From the first neuron (1943) to DeepDream (2015) and on.",
        59,
        "Ideas waited decades for data and machines. The second color marks what was asked about the "
        "methods.",
        "Multilayer perceptrons are older than 1970 (Rosenblatt 1962). 1986 made backpropagation known, "
        "it did not invent it. The newspaper's 'Weather Buerau' is a slip for Bureau. DeepDream came "
        "from the Caffe framework with GoogLeNet, not 'Cafe'.",
    ),
    Lesson(
        "discuss",
        "Cards for the discussion: dated facts, our own numbers, questions to the hall.",
        63,
        "Topics: transparency, right-to-explanation, accountability, chart, unethical-uses. Let the hall "
        "choose a threshold first, then read the card on accountability.",
        "'Audability' is auditability. 'Proportional to its complexity' must be: falls with its "
        "complexity. Williams' was the first publicly reported case, nobody knows whether the first.",
    ),
)
