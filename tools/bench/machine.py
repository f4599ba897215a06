"""Where the benchmarks run."""

import os
import pathlib
import platform

ROOT = pathlib.Path(__file__).resolve().parents[2]


def processor():
    """The processor's name, where the system says it."""
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"
