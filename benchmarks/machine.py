"""The machine that the numbers were measured on, without anything that identifies its owner."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

import handspun

PACKAGES = ("numpy", "torch", "scikit-learn", "jax")

#: Environment variables that configure thread pools and matrix kernels.
SETTINGS = ("OPENBLAS_", "OMP_", "MKL_", "XLA_", "GOMP_")


def describe_machine() -> dict[str, str]:
    """Processor, memory, system, versions and the settings that affect speed."""
    versions = {"handspun": handspun.__version__, "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    versions[f"NumPy's BLAS ({blas['name']})"] = blas["version"]
    settings = {name: value for name, value in sorted(os.environ.items()) if name.startswith(SETTINGS)}
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores, {_cores_used()} of them used",
        "memory": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
        "settings": ", ".join(f"{name}={value}" for name, value in settings.items()) or "none",
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cores_used() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> str:
    if "SC_PHYS_PAGES" not in os.sysconf_names:
        return "unknown"
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"
