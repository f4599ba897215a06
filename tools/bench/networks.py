"""The peers' networks in PyTorch, written as fast as PyTorch allows.

tests/fixtures/stylegan2/reference.py is slow on purpose. Here the batch shares its weights, as in ours, and a
resample filter is one depthwise convolution. `check` holds this formulation against that one.
"""

import pathlib
import sys
import warnings

import torch
import torch.nn.functional as F

sys.path.append(str(pathlib.Path(__file__).parents[2] / "tests/fixtures/stylegan2"))
import reference  # noqa: E402

TAP = torch.tensor([1.0, 3.0, 3.0, 1.0])
FILTER = torch.outer(TAP, TAP) / 64


def upfirdn(x, up=1, down=1, padding=(0, 0), gain=1.0):
    """As the reference's, for the paddings that StyleGAN2 uses."""
    c = x.shape[1]
    kernel = (FILTER * gain).expand(c, 1, 4, 4)
    if up == 2:
        return F.conv_transpose2d(x, kernel, stride=2, padding=2 - padding[1], groups=c)
    assert padding[0] == padding[1]
    return F.conv2d(x, kernel, stride=down, padding=padding[0], groups=c)


def modulated(x, weight, styles, demodulate, up):
    """As the reference's: scaling the input by the styles and the output by the norm is the same function."""
    k = weight.shape[2]
    x = x * styles[:, :, None, None]
    if up:
        x = F.conv2d(upfirdn(x, up=2, padding=(3, 2), gain=4.0), weight)
    else:
        x = F.conv2d(x, weight, padding=k // 2)
    if demodulate:
        norm = styles.square() @ weight.square().sum((2, 3)).T + 1e-8
        x = x * norm.rsqrt()[:, :, None, None]
    return x


slow = dict(upfirdn=reference.upfirdn, modulated=reference.modulated)
fast = dict(upfirdn=upfirdn, modulated=modulated)


def use(formulation):
    """Makes the reference's networks compute with `slow` or `fast` operations."""
    for name, function in formulation.items():
        setattr(reference, name, function)


class Generator(torch.nn.Module):
    """`z [n, z_dim] -> image`, without truncation."""

    def __init__(self, config, params):
        super().__init__()
        self.config, self.params = config, params

    def forward(self, z):
        return reference.generator(self.params, self.config, z)


def srvgg(params, x, upscale):
    """SRVGGNetCompact: `x [n, 3, h, w] -> [n, 3, upscale h, upscale w]`."""
    y = x
    count = len([name for name in params if name.endswith(".weight")])
    for i in range(count):
        y = F.conv2d(y, params[f"body.{i}.weight"], params[f"body.{i}.bias"], padding=1)
        if i != count - 1:
            y = F.prelu(y, params[f"body.{i}.slope"])
    return F.pixel_shuffle(y, upscale) + F.interpolate(x, scale_factor=upscale, mode="nearest")


class Upscaler(torch.nn.Module):
    def __init__(self, params, upscale):
        super().__init__()
        self.params, self.upscale = params, upscale

    def forward(self, x):
        return srvgg(self.params, x, self.upscale)


def image_tower(params, x):
    """The image tower of a collection's CLIP: `x [n, 3, h, w] -> [n, embed_dim]` of unit length."""
    for i in range(len([name for name in params if name.startswith("layers.") and name.endswith(".weight")])):
        # After the first, every other layer halves the sides before it.
        if i % 2 == 1:
            x = upfirdn(x, down=2, padding=(1, 1))
        x = F.conv2d(x, params[f"layers.{i}.weight"], params[f"layers.{i}.bias"], padding=1)
        x = F.leaky_relu(x, 0.2) * 2**0.5
    return F.normalize(F.linear(x.flatten(1), params["head.weight"], params["head.bias"]), dim=1)


def random_image_tower(config, seed):
    """Random weights of that tower."""
    generator = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(*shape, generator=generator)
    channels = lambda side: min(config["channel_base"] // side, config["channel_max"])
    side = config["resolution"]
    widths = [3, channels(side)]
    while side > 4:
        side //= 2
        widths += [channels(side)] * 2
    params = {}
    for i, (c_in, c_out) in enumerate(zip(widths, widths[1:])):
        params[f"layers.{i}.weight"] = normal(c_out, c_in, 3, 3) / (9 * c_in) ** 0.5
        params[f"layers.{i}.bias"] = 0.1 * normal(c_out)
    params["head.weight"] = normal(config["embed_dim"], 16 * widths[-1]) / (16 * widths[-1]) ** 0.5
    params["head.bias"] = 0.1 * normal(config["embed_dim"])
    params["logit_scale"] = torch.zeros(1)
    return params


def random_params(config, seed):
    """Random weights of generator and discriminator of about the size that training leaves."""
    generator = torch.Generator().manual_seed(seed)
    params = reference.random_params(config, lambda *shape: torch.randn(*shape, generator=generator))
    for network in params:
        # A mean of w that only truncation uses; part of our network, so part of the file.
        if "synthesis.input" in network:
            network["mapping.w_avg"] = torch.zeros(config["w_dim"])
    return params


def export(network, example, path):
    """Writes `network` as ONNX with a fixed batch, which is what ONNX Runtime optimizes best."""
    with warnings.catch_warnings():
        # It warns that the tracing exporter is old, and that sizes become constants, which they are.
        warnings.simplefilter("ignore")
        names = dict(input_names=["x"], output_names=["y"])
        torch.onnx.export(network.eval(), (example,), str(path), **names, opset_version=17, dynamo=False)
