"""Guise and its peers on the same work, on the same machine, in turns. `./x bench` calls this.

For each work both sides get the same weights and the same input. Their results are compared first; only then
are they timed, a slice each in turns, so that whatever else the machine does falls on all of them alike.
"""

import argparse
import json
import os
import pathlib
import subprocess
from dataclasses import dataclass

import browser
import native
from machine import ROOT, processor

ROWS = {
    "generator": native.generator,
    "step": native.step,
    "sr": native.upscaler,
    "guide": native.guide,
    "clip": native.clip,
    "wasm": browser.wasm,
    "webgpu": browser.webgpu,
}


@dataclass
class Bench:
    """What a row needs to know."""

    root: pathlib.Path
    # What `./x bench` installed and writes.
    out: pathlib.Path
    # Where weights, inputs and results of the works are kept.
    work_dir: pathlib.Path
    # benches/peers.rs, compiled.
    program: str
    # For every native contender.
    threads: int
    # The bundle that the browser draws with; the page's own if none is given.
    bundle: pathlib.Path | None


def build_ours():
    """Compiles benches/peers.rs and returns the program's path."""
    command = ["cargo", "build", "--release", "--bench", "peers", "--message-format", "json-render-diagnostics"]
    output = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    messages = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return next(m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "peers")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)}; all of them without any")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="for every native contender")
    parser.add_argument("--rounds", type=int, default=7, help="turns that each contender gets after its warm-up")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for peers.json and what is fetched")
    parser.add_argument("--bundle", type=pathlib.Path, help="what the browser draws with; the page's own by default")
    args = parser.parse_args()
    for row in args.rows:
        if row not in ROWS:
            parser.error(f"there is no row {row}: choose from {', '.join(ROWS)}")

    out = args.out.resolve()
    work_dir = out / "work"
    work_dir.mkdir(parents=True, exist_ok=True)
    bench = Bench(ROOT, out, work_dir, build_ours(), args.threads, args.bundle)
    print(f"\n{processor()}; native contenders with {args.threads} threads, medians of up to {args.rounds} turns\n")
    print("| work | peer | Guise ms | peer ms | peer / Guise |\n|---|---|---:|---:|---:|", flush=True)
    results = []
    for row in args.rows or ROWS:
        for work in ROWS[row](bench):
            work.check()
            ours_ms, medians = work.race(args.rounds)
            work.close()
            for peer, peer_ms in medians.items():
                ratio = peer_ms / ours_ms
                results.append(dict(work=work.name, peer=peer, ours_ms=ours_ms, peer_ms=peer_ms, ratio=ratio))
                print(f"| {work.name} | {peer} | {ours_ms:.2f} | {peer_ms:.2f} | {ratio:.2f} |", flush=True)
    # Rows that were not asked for keep what an earlier run measured.
    path = out / "peers.json"
    measured = {(result["work"], result["peer"]) for result in results}
    earlier = json.loads(path.read_text()) if path.exists() else []
    kept = [result for result in earlier if (result["work"], result["peer"]) not in measured]
    path.write_text(json.dumps(kept + results, indent=2) + "\n")
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    main()
