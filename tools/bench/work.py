"""What is raced, by whom, and how the results are compared."""

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Callable

import numpy
from safetensors.numpy import load_file

SLICE_SECONDS = 0.5
# Enough for a median even where one time takes many seconds, as on a graphics adapter made of software.
LIMIT_SECONDS = 60


@dataclass
class InProcess:
    """A contender that is a Python function."""

    once: Callable

    def run(self, times):
        taken = []
        for _ in range(times):
            began = time.perf_counter()
            self.once()
            taken.append((time.perf_counter() - began) * 1e3)
        return taken

    def close(self):
        pass


class Program:
    """A contender in a process of its own: benches/peers.rs or browser/contender.mjs.

    It reads a work as JSON, does it once, writes the result to the work's `output` and answers `ready`; then it answers
    each `run N` with N times in milliseconds, by its own clock.
    """

    def __init__(self, command, ask, output, threads=1, read=load_file):
        env = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
        self.command, self.output, self.read = command, output, read
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.ask(json.dumps(ask))

    def ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self.process.stdout.readline().strip()
        if not answer:
            sys.exit(f"bench: {' '.join(map(str, self.command))} ended when it was asked: {line}")
        return answer

    def once(self):
        return self.read(self.output)

    def run(self, times):
        return [float(ms) for ms in self.ask(f"run {times}").split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


@dataclass
class Work:
    """The same computation on both sides."""

    name: str
    ours: object
    peers: dict
    # `compare(ours, theirs)` gives the difference of two results as a number, at most `tolerance`.
    compare: Callable
    tolerance: float

    def check(self):
        result = self.ours.once()
        for name, peer in self.peers.items():
            difference = self.compare(result, peer.once())
            if not difference <= self.tolerance:
                sys.exit(f"bench: {self.name}: Guise and {name} differ by {difference:.2g}, more than {self.tolerance:g}")
            print(f"    {self.name}: Guise and {name} differ by {difference:.1g}", file=sys.stderr)

    def race(self, rounds):
        """Medians in milliseconds: ours, and each peer's. Slices of half a second in turns, after a warm-up."""
        contenders = {"": self.ours} | self.peers
        first = {name: contender.run(1)[0] for name, contender in contenders.items()}
        counts = {name: max(1, min(200, round(SLICE_SECONDS * 1e3 / ms))) for name, ms in first.items()}
        taken = {name: [] for name in contenders}
        began = time.monotonic()
        for turn in range(rounds + 1):
            for name, contender in contenders.items():
                times = contender.run(counts[name])
                if turn > 0:
                    taken[name] += times
            if turn >= 3 and time.monotonic() - began > LIMIT_SECONDS:
                break
        medians = {name: statistics.median(times) for name, times in taken.items()}
        return medians.pop(""), medians

    def close(self):
        for contender in [self.ours, *self.peers.values()]:
            contender.close()


def image_difference(ours, theirs):
    """The largest difference as a share of the largest value."""
    theirs = numpy.asarray(theirs)
    return float(numpy.abs(ours["image"] - theirs).max() / numpy.abs(theirs).max())
