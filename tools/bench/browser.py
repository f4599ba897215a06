"""The works that run in headless Chromium: Guise's engine as it is shipped against ONNX Runtime Web."""

import json
import re
import shutil
import sys

import numpy
import torch
from safetensors.torch import load_file

import networks
from work import Program, Work

SEED = 1
NAMES = dict(generator="bundled generator", upscaler="bundled super-resolution")


def pixel_difference(ours, theirs):
    """The largest difference in steps of 255."""
    return int(numpy.abs(ours.astype(int) - theirs).max())


def prepare_site(bench):
    """Puts dist/, ONNX Runtime Web and the bundle's networks as ONNX into one folder that Chromium is shown."""
    dist = bench.root / "dist"
    if not (dist / "index.html").exists():
        sys.exit("bench: dist/ is missing: run ./x build first")
    model = re.search(r'name="guise-model" content="([^"]+)"', (dist / "index.html").read_text())[1]
    bundle = bench.bundle or dist / model
    parts = json.loads((bundle / "model.json").read_text())["parts"]
    config = {name: parts[name]["config"] for name in NAMES if name in parts}

    site = bench.work_dir / "site"
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir()
    for entry in dist.iterdir():
        (site / entry.name).symlink_to(entry.resolve())
    (site / "bundle").symlink_to(bundle.resolve())
    (site / "ort").symlink_to(bench.out / "npm/node_modules/onnxruntime-web/dist")
    (site / "page.js").symlink_to(bench.root / "tools/bench/browser/page.js")
    (site / "bench.html").write_text("<!doctype html><title>bench</title>\n")
    unpack = dict(bundle=str(bundle), seed=SEED, output=str(site))
    Program([bench.program], {"unpack": unpack}, site).close()

    networks.use(networks.fast)
    weights = lambda name: {key: value.float() for key, value in load_file(site / f"{name}.safetensors").items()}
    z = weights("z")["z"]
    z.numpy().tofile(site / "z.bin")
    networks.export(networks.Generator(config["generator"], weights("generator")), z, site / "generator.onnx")
    if "upscaler" in config:
        side = config["generator"]["resolution"]
        network = networks.Upscaler(weights("upscaler"), config["upscaler"]["upscale"])
        networks.export(network, torch.zeros(1, 3, side, side), site / "upscaler.onnx")
    return site, config


def races(bench, device, name, tolerance):
    site, config = prepare_site(bench)
    script = bench.root / "tools/bench/browser/contender.mjs"
    read = lambda path: numpy.fromfile(path, dtype=numpy.uint8)
    for kind in config:
        resolution = config["generator"]["resolution"]
        sizes = f"{resolution}x{resolution}" if kind == "generator" else f"{resolution} to {resolution * 4}"

        def contender(side):
            output = bench.work_dir / f"{device}.{kind}.{side}.rgb"
            ask = dict(site=str(site), side=side, device=device, kind=kind, seed=SEED, output=str(output))
            return Program(["node", script], ask, output, read=read)

        yield Work(
            name=f"{NAMES[kind]} {sizes}, Chromium, {name}",
            ours=contender("guise"),
            peers={"ONNX Runtime Web": contender("onnxruntime")},
            compare=pixel_difference,
            tolerance=tolerance,
        )


def wasm(bench):
    yield from races(bench, "Cpu", "CPU, one thread", tolerance=2)


def webgpu(bench):
    yield from races(bench, "WebGpu", "WebGPU on SwiftShader", tolerance=4)
