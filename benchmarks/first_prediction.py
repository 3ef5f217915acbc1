"""A program that loads a model file and predicts one image: ``python -m benchmarks.first_prediction LIBRARY FILE``.

Each function imports what it needs and no more, as such a program would.
"""

from __future__ import annotations

import sys


def handspun(path: str) -> int:
    """With handspun's model file."""
    import numpy as np

    from handspun import load

    return int(load(path).predict(np.zeros((1, 784), np.uint8))[0])


def torch(path: str) -> int:
    """With PyTorch's state_dict, loaded safely."""
    import torch
    from torch import nn

    network = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    network.load_state_dict(torch.load(path, weights_only=True))
    with torch.inference_mode():
        return int(network(torch.zeros(1, 784)).softmax(1).argmax())


def sklearn(path: str) -> int:
    """With a classifier in joblib's file."""
    import joblib
    import numpy as np

    return int(joblib.load(path).predict_proba(np.zeros((1, 784), np.float32)).argmax())


if __name__ == "__main__":
    print({"handspun": handspun, "torch": torch, "sklearn": sklearn}[sys.argv[1]](sys.argv[2]), flush=True)
