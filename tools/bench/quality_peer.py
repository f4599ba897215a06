"""Trains a peer on a folder of pictures for a while, and writes what it draws on the way. `quality.py` calls this.

The peers are PyPI's stylegan2-pytorch and lightweight-gan, with the settings of their own command lines. Both refuse to
start without an Nvidia GPU although nothing in them needs one: here `.cuda()` leaves things where they are, and they
train on the processor. The sample sheets that they would stop for are left out, so that their time goes into training.
"""

import argparse
import json
import os
import pathlib
import sys
import time
import types

import numpy
import torch
from PIL import Image
from retry.api import retry_call


def without_cuda(name):
    """The module `name`, which thinks that there is a GPU while it is imported."""
    torch.Tensor.cuda = torch.nn.Module.cuda = lambda self, *_, **__: self
    # An experiment tracker that is used only when it is asked for.
    sys.modules["aim"] = types.ModuleType("aim")
    is_available, torch.cuda.is_available = torch.cuda.is_available, lambda: True
    try:
        return __import__(f"{name}.{name}", fromlist=["Trainer"])
    finally:
        torch.cuda.is_available = is_available


class OnProcessor:
    """torch, with every device the processor."""

    def __getattr__(self, name):
        return getattr(torch, name)

    @staticmethod
    def device(*_):
        return torch.device("cpu")


class StyleGan2:
    """stylegan2-pytorch."""

    def __init__(self, side, folder):
        self.module = without_cuda("stylegan2_pytorch")
        # What its command line passes where it differs from the trainer's own defaults.
        self.trainer = self.module.Trainer(
            base_dir=folder, image_size=side, batch_size=5, gradient_accumulate_every=6, ttur_mult=1.5, trunc_psi=0.75
        )

    def networks(self):
        gan = self.trainer.GAN
        return {"": (gan.S, gan.G), "-ema": (gan.SE, gan.GE)}

    def draw(self, networks, count, random):
        mapping, generator = networks
        z = torch.randn(count, generator.latent_dim, generator=random)
        noise = torch.rand(count, generator.image_size, generator.image_size, 1, generator=random)
        styles = self.module.styles_def_to_tensor([(mapping(z), generator.num_layers)])
        return self.module.evaluate_in_chunks(self.trainer.batch_size, generator, styles, noise)


class Lightweight:
    """lightweight-gan."""

    def __init__(self, side, folder):
        self.module = without_cuda("lightweight_gan")
        self.module.torch = OnProcessor()
        self.trainer = self.module.Trainer(
            base_dir=folder,
            image_size=side,
            batch_size=10,
            gradient_accumulate_every=4,
            attn_res_layers=[32],
            disc_output_size=1,
            aug_types=["cutout", "translation"],
            use_aim=False,
        )

    def networks(self):
        gan = self.trainer.GAN
        return {"": gan.G, "-ema": gan.GE}

    def draw(self, generator, count, random):
        z = torch.randn(count, self.trainer.latent_dim, generator=random)
        return self.module.evaluate_in_chunks(self.trainer.batch_size, generator, z)


PEERS = {"stylegan2-pytorch": StyleGan2, "lightweight-gan": Lightweight}


def write(pictures, folder):
    """Writes `pictures [n, 3, side, side]` from 0 to 1 as NVIDIA's dataset tool does."""
    (folder / "00000").mkdir(parents=True)
    bytes_ = (pictures.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    for number, picture in enumerate(bytes_):
        Image.fromarray(numpy.ascontiguousarray(picture)).save(folder / f"00000/img{number:08}.png")
    (folder / "dataset.json").write_text('{"labels": null}')


@torch.no_grad()
def sample(peer, count, folder):
    """Pictures of both generators, the one in training and its average, of the same latents every time."""
    peer.trainer.GAN.eval()
    for kind, networks in peer.networks().items():
        random = torch.Generator().manual_seed(1)
        write(peer.draw(networks, count, random), folder.with_name(folder.name + kind))
    peer.trainer.GAN.train()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--data", required=True)
    parser.add_argument("--side", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="of training")
    parser.add_argument("--points", type=int, required=True, help="how often pictures are drawn on the way")
    parser.add_argument("--count", type=int, required=True, help="pictures to draw each time")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(42)
    args.out.mkdir(parents=True)
    peer = PEERS[args.peer](args.side, args.out)
    trainer = peer.trainer
    trainer.evaluate = lambda *_, **__: None
    trainer.set_data_src(args.data)
    trainer.init_GAN()
    pictures_in_a_step = trainer.batch_size * trainer.gradient_accumulate_every
    trained, points = 0.0, 0
    with (args.out / "points.jsonl").open("w") as lines:
        while trained < args.seconds:
            began = time.perf_counter()
            # As their command lines do.
            retry_call(trainer.train, tries=3, exceptions=peer.module.NanException)
            trained += time.perf_counter() - began
            if trained < args.seconds * (points + 1) / args.points:
                continue
            points += 1
            sample(peer, args.count, args.out / f"drawn{points:04}")
            kimg = trainer.steps * pictures_in_a_step / 1000
            print(json.dumps(dict(point=points, kimg=kimg, duration_secs=trained)), file=lines, flush=True)


if __name__ == "__main__":
    main()
