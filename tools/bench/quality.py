"""Guise and its peers on the same collection, for the same time, on the same cores: whose pictures come to resemble it
sooner? `./x bench quality` calls this.

Each side trains alone, with its own defaults. Now and then it draws pictures, which `guise evaluate` compares with the
collection by the kernel distance of fixed random features, which none of them was made with. Drawing and comparing do not
count as training. Of a peer the better of its two generators counts, the one in training and its average.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from machine import processor

HERE = pathlib.Path(__file__).parent
OURS = "guise"
PEERS = ["lightweight-gan", "stylegan2-pytorch"]


def call(command, **options):
    subprocess.run([str(word) for word in command], check=True, **options)


class Race:
    """A race on a dataset."""

    def __init__(self, args):
        self.data, self.out = args.data.resolve(), args.out.resolve() / "quality"
        self.seconds, self.points = args.minutes * 60, args.points
        self.program = args.program.resolve()
        # Pictures are compared with as many of the collection, and these with as many others.
        names = [path for path in self.data.rglob("*.png")]
        self.count = min(1000, len(names) // 2)
        if self.count < 2:
            sys.exit(f"bench: {self.data} holds {len(names)} PNGs, expected a dataset folder that guise prepare wrote")
        self.measure = f"kid{self.count}_random" if self.count % 1000 else f"kid{self.count // 1000}k_random"
        self.cores = set(sorted(os.sched_getaffinity(0))[: args.threads])
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)

    def on_cores(self):
        os.sched_setaffinity(0, self.cores)

    def distance(self, *what):
        """The distance of what `guise evaluate` is told, and that of other pictures of the collection."""
        figures = self.out / "figures.json"
        told = ["--data", self.data, "--count", self.count, "--out", figures]
        call([self.program, "evaluate", *what, *told], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = json.loads(figures.read_text())
        self.least = found[f"{self.measure}_collection"]
        return found[self.measure]

    def ours(self):
        """Trains StyleGAN2 as `guise train` does by itself and gives its curve."""
        runs = self.out / "runs"
        command = [self.program, "train", "stylegan2", "--data", self.data, "--out", runs, "--metrics", "none"]
        command += ["--kimg", 1_000_000, "--snapshot-kimg", 1]
        log = (self.out / "guise.log").open("w")
        env = {**os.environ, "RAYON_NUM_THREADS": str(len(self.cores))}
        process = subprocess.Popen(
            [str(word) for word in command], preexec_fn=self.on_cores, stdout=log, stderr=log, env=env
        )
        stats = None
        while process.poll() is None:
            time.sleep(0.5)
            stats = stats or next(iter(runs.glob("0*/stats.jsonl")), None)
            # Its own clock begins with the first step, as that of a peer does.
            lines = self.lines(stats) if stats else []
            if lines and lines[-1]["duration_secs"] >= self.seconds:
                process.send_signal(signal.SIGINT)
                process.wait()
        if process.returncode != 0:
            sys.exit(f"bench: guise train failed: {self.out / 'guise.log'}")
        run = stats.parent
        # The last line of a whole kimg tells when its snapshot was.
        moments = {int(line["kimg"]): line for line in self.lines(stats)}
        snapshots = sorted(int(path.stem.removeprefix("snapshot")) for path in run.glob("snapshot*.bpk"))
        snapshots = [kimg for kimg in snapshots if moments[kimg]["duration_secs"] <= self.seconds]
        every = max(1, len(snapshots) // self.points)
        curve = []
        for kimg in snapshots[every - 1 :: every]:
            distance = self.distance("pictures", "--model", run, "--snapshot", kimg)
            line = moments[kimg]
            curve.append(dict(kimg=line["kimg"], duration_secs=line["duration_secs"], distance=distance))
        return curve

    @staticmethod
    def lines(path):
        """The whole lines of a file that is being written."""
        return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def peer(self, name):
        """Trains a peer and gives its curve."""
        out = self.out / name
        side = self.side()
        command = [sys.executable, HERE / "quality_peer.py", name, "--data", self.data, "--side", side, "--out", out]
        command += ["--seconds", self.seconds, "--points", self.points, "--count", self.count]
        log = (self.out / f"{name}.log").open("w")
        call(command, preexec_fn=self.on_cores, stdout=log, stderr=log)
        curve = []
        for line in self.lines(out / "points.jsonl"):
            folders = sorted(out.glob(f"drawn{line.pop('point'):04}*"))
            line["distance"] = min(self.distance("drawn", folder) for folder in folders)
            curve.append(line)
        return curve

    def side(self):
        """Pixels on a side of the collection's pictures, as the first PNG's header says it."""
        first = next(self.data.rglob("*.png")).read_bytes()
        return int.from_bytes(first[16:20])


def reached(curve, distance):
    """When the curve first came as near as this, in seconds."""
    return next((point["duration_secs"] for point in curve if point["distance"] <= distance), None)


def main():
    parser = argparse.ArgumentParser(prog="./x bench quality", description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="a folder that guise prepare wrote, of 2000 pictures or more")
    parser.add_argument("--minutes", type=float, default=30, help="of training for each side")
    parser.add_argument("--points", type=int, default=12, help="how often pictures are compared on the way")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="cores for each side")
    parser.add_argument("--program", type=pathlib.Path, required=True, help="the guise to race")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for quality/")
    args = parser.parse_args()
    race = Race(args)
    print(f"{processor()}; {args.minutes:g} minutes for each of {', '.join([OURS, *PEERS])}\n", flush=True)
    curves = {OURS: race.ours(), **{name: race.peer(name) for name in PEERS}}

    print(f"| side | kimg | least {race.measure} | after min | Guise as near after min | times sooner |\n|---|---:|---:|---:|---:|---:|")
    results = {}
    for name, curve in curves.items():
        if not curve:
            sys.exit(f"bench: {name} came to no point in {args.minutes:g} minutes: give more --minutes")
        best = min(curve, key=lambda point: point["distance"])
        ours = reached(curves[OURS], best["distance"])
        ratio = best["duration_secs"] / ours if ours else None
        results[name] = dict(curve=curve, best=best, ours_as_near_secs=ours, times_sooner=ratio)
        said = [f"{ours / 60:.1f}" if ours else "never", f"{ratio:.1f}" if ratio else "-"]
        print(f"| {name} | {curve[-1]['kimg']:.1f} | {best['distance']:.4f} | {best['duration_secs'] / 60:.1f} | {said[0]} | {said[1]} |")
        # As statistics of runs, which `guise plot` draws.
        folder = race.out / "curves" / name
        folder.mkdir(parents=True)
        line = lambda point: {**{key: point[key] for key in ["kimg", "duration_secs"]}, race.measure: point["distance"]}
        (folder / "stats.jsonl").write_text("".join(json.dumps(line(point)) + "\n" for point in curve))
    print(f"\nother pictures of the collection: {race.least:.4f}")
    picture = race.out / "quality.svg"
    call([race.program, "plot", *[race.out / "curves" / name for name in curves], "--over", "hours", "--out", picture])
    facts = dict(machine=processor(), minutes=args.minutes, measure=race.measure, collection=race.least, sides=results)
    (race.out / "quality.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(f"written to {race.out / 'quality.json'}")


if __name__ == "__main__":
    main()
