"""Feature space: clusters, labels, and flat sheets of many dimensions."""

from deepdream.lecture.lessons import Lesson

LESSONS = (
    Lesson(
        "regression-vs-classification",
        "The same digits asked as a number and as ten classes.",
        3,
        "One network gives the digit as a number, one gives ten probabilities. Rounding the number is "
        "far worse: the regressor believes that 3 lies between 2 and 4, so its doubt lands on wrong "
        "digits. Rename the digits at random: the classifier does not care.",
        "'Regression (classification with infinitely small classes)': classification knows no order of "
        "its classes and uses another loss.",
    ),
    Lesson(
        "clusters",
        "Points without and with labels: inertia, silhouette.",
        4,
        "Unsupervised: all features are known for all observations, and we look for structure. "
        "Supervised: one feature, the target, is unknown for some. Inertia always falls with more "
        "clusters, so it cannot choose k; the silhouette can help.",
        "'Intra-cluster variance / inter cluster distance' reads as a ratio: they are two criteria. 'One "
        "feature cannot be observed for the rest' means the target.",
    ),
    Lesson(
        "left-right",
        "The newspaper's left and right of July 1958, simulated.",
        25,
        "A retina of 20 x 20 cells sees a mark on its left or right. The rule adds or subtracts what it "
        "saw, only when it was wrong. The learned weights are a picture of the answer. Most runs need "
        "more than 50 attempts: how many depends on what is shown.",
        "'After 50 attempts' is the newspaper's count, with stimuli that were not published with it; "
        "this is a simulation with random marks. Two fixed cards would need at most two mistakes.",
    ),
    Lesson(
        "embed",
        "PCA and t-SNE of digits, or of what a network sees.",
        72,
        "Sixty-four or a thousand dimensions on a flat sheet. Read the scores over each panel before the "
        "shapes. Raw pixels of photographs do not sort themselves; what a network makes of them does.",
        "t-SNE is in the title of the deck and on none of its slides. In the lab's grid the seed changed "
        "with every cell and the second grid's titles were stale: here one seed serves all panels and "
        "each title says its own settings.",
    ),
)
