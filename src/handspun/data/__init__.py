"""Data sets: reading every supported format, downloading, and splitting.

Everything that comes from a file or a server is checked here, once; the rest of handspun trusts a ``Split``. Begin with
``dataset.py`` (what a data set is), then ``loading.py`` (from a name or path to a data set).
"""

from handspun.data.cache import cache_folder
from handspun.data.dataset import Dataset, Split
from handspun.data.idx import read_idx, write_idx
from handspun.data.loading import describe, fetch, is_picture_folder, load_dataset
from handspun.data.registry import dataset_names
from handspun.data.splits import hold_out, k_fold, pool
from handspun.data.tables import read_table

__all__ = [
    "Dataset",
    "Split",
    "cache_folder",
    "dataset_names",
    "describe",
    "fetch",
    "hold_out",
    "is_picture_folder",
    "k_fold",
    "load_dataset",
    "pool",
    "read_idx",
    "read_table",
    "write_idx",
]
