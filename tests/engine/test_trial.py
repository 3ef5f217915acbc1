"""Which of two sets of workers does the steps."""

import pytest

from handspun.engine.trial import Trial
from handspun.engine.workers import Workers


def steps_of(paces, seconds, trial, candidates):
    """Who did each step in so many seconds of work, at ``paces`` seconds per image, with ten images per step."""
    done, spent = [], 0.0
    while spent < seconds:
        number = candidates.index(trial.workers)
        done.append(number)
        spent += 10 * paces[number]
        trial.note(10 * paces[number], 10)
    return done


@pytest.mark.parametrize("faster", [0, 1])
def test_the_faster_set_does_nearly_all_of_the_work(faster):
    candidates = [Workers(), Workers()]
    trial = Trial(candidates, 2e-4)
    paces = [2e-4, 2e-4]
    paces[faster] = 1e-4
    done = steps_of(paces, 20.0, trial, candidates)
    assert set(done) == {0, 1}
    assert done.count(faster) > 0.97 * len(done)


def test_a_change_of_the_faster_set_is_noticed_soon():
    candidates = [Workers(), Workers()]
    trial = Trial(candidates, 2e-4)
    assert steps_of([2e-4, 1e-4], 20.0, trial, candidates)[-1] == 1
    done = steps_of([2e-4, 9e-4], 2.0, trial, candidates)  # the machine has other work
    assert done.count(0) > 0.9 * len(done)
    done = steps_of([2e-4, 1e-4], 10.0, trial, candidates)  # and has it no more
    assert done.count(1) > 0.7 * len(done)
