"""Can the probabilities be trusted? Of all answers with 80 %, are four in five right?"""

from __future__ import annotations

from matplotlib.figure import Figure

from handspun.evaluation.metrics import Reliability
from handspun.plots.style import GREY, INK, LINE, RED, new_figure, paper, settle, title

#: With this many answers in a bin its accuracy is known to about 15 percentage points.
ENOUGH = 10


def reliability_diagram(calibrated: Reliability, plain: Reliability) -> Figure:
    """Accuracy over mean probability of the answers in each bin; on the diagonal they agree.

    The size of a point shows the number of answers in its bin. The line joins bins with ``ENOUGH`` or more answers.

    Args:
        calibrated: reliability of the probabilities that the network shows.
        plain: reliability of the plain softmax.
    """
    with paper():
        figure = new_figure(6.0, 5.6)
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=LINE, linewidth=1.5)
        for name, found, colour in (("softmax", plain, GREY), ("calibrated", calibrated, RED)):
            some = found.count > 0
            size = 8 + 120 * (found.count[some] / found.count.sum()) ** 0.5
            label = f"{name}: off by {100 * found.error:.2f} %"
            joined = found.count >= ENOUGH
            axes.plot(found.confidence[joined], found.accuracy[joined], color=colour, linewidth=1.2, label=label)
            axes.scatter(found.confidence[some], found.accuracy[some], s=size, color=colour)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="predicted probability", ylabel="accuracy")
        axes.set_aspect("equal")
        axes.legend(frameon=False, loc="best", labelcolor=INK)
        title(axes, "Reliability", f"{int(calibrated.count.sum()):,} answers; on the diagonal, probability equals accuracy")
        return settle(figure)
