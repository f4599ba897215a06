//! `guise import sr` against spandrel (fixtures/sr/make.py): networks, names, and files that are none.
//!
//! The references compute in f64, the networks in f32: differences of 2e-6 of the largest value were seen.

use super::command::{failure, guise};
use burn::tensor::{Device, Tensor, TensorData};
use guise::{
    networks::super_resolution::{Enlarge, UpscalerConfig},
    weights::foreign::{Rectifier, SuperResolution, safetensors},
};
use std::{fs, path::PathBuf};

const TOLERANCE: f32 = 1e-4;

/// Every file, its architecture, how many times it enlarges, and how far its network looks.
const FILES: [(&str, &str, usize, usize); 12] = [
    ("esrgan-numbers-x4.pth", "RRDBNet", 4, 19),
    ("esrgan-numbers-x8.safetensors", "RRDBNet", 8, 19),
    ("esrgan-numbers-x1.safetensors", "RRDBNet", 1, 19),
    ("bsrgan-trunk-x2.pth", "RRDBNet", 2, 19),
    ("realesrgan-body-x4.pth", "RRDBNet", 4, 34),
    ("realesrgan-body-x2.pth", "RRDBNet", 2, 39),
    ("realesrgan-body-x1.safetensors", "RRDBNet", 1, 79),
    ("compact-prelu-x2.pth", "SRVGGNetCompact", 2, 5),
    ("compact-prelu-x3.pth", "SRVGGNetCompact", 3, 3),
    ("compact-prelu-x4.pth", "SRVGGNetCompact", 4, 4),
    ("compact-relu-x4.pth", "SRVGGNetCompact", 4, 4),
    ("compact-leakyrelu-x2.pth", "SRVGGNetCompact", 2, 4),
];

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sr")).join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap()
}

/// The model of a fixture.
pub fn model(name: &str) -> SuperResolution {
    let rectifier = match name {
        "compact-relu-x4.pth" => Some(Rectifier::Relu),
        "compact-leakyrelu-x2.pth" => Some(Rectifier::Leaky),
        _ => None,
    };
    read(&bytes(name), rectifier).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn read(bytes: &[u8], rectifier: Option<Rectifier>) -> Result<SuperResolution, String> {
    let words = ("MIT".into(), "a test".into());
    SuperResolution::from_foreign(bytes, rectifier, words.0, words.1, &Device::flex())
        .map_err(|error| error.to_string())
}

/// A picture of the fixtures.
fn picture(key: &str) -> TensorData {
    let (mut pictures, _) = safetensors::read(&bytes("pictures.safetensors")).unwrap();
    pictures.remove(key).unwrap()
}

#[test]
fn networks_are_those_of_spandrel() {
    let device = Device::flex();
    for (name, architecture, scale, radius) in FILES {
        let model = model(name);
        assert_eq!(model.config.architecture(), architecture, "{name}");
        // What was written is what was read.
        let model = SuperResolution::from_safetensors(&model.to_safetensors().unwrap()).unwrap();
        assert_eq!(model.config.scale(), scale, "{name}");
        let network = model.network(&device).unwrap();
        assert_eq!(
            (network.scale(), network.receptive_radius()),
            (scale, radius),
            "{name}"
        );
        let x = Tensor::<4>::from_data(picture(&format!("{name}.in")), &device);
        let expected = Tensor::<4>::from_data(picture(&format!("{name}.out")), &device);
        let found = network.forward(x);
        assert_eq!(found.dims(), expected.dims(), "{name}");
        let most = expected.clone().abs().max().into_scalar::<f32>();
        let difference = (found - expected).abs().max().into_scalar::<f32>() / most;
        println!("{name}: {difference:.1e} of {most}");
        assert!(difference < TOLERANCE, "{name}: {difference} of {most}");
    }
}

#[test]
fn networks_of_one_shape_have_one_name_for_each_parameter() {
    let names = |name: &str| model(name).tensors.into_keys().collect::<Vec<_>>();
    assert_eq!(names("esrgan-numbers-x4.pth"), names("realesrgan-body-x2.pth"));
    let UpscalerConfig::Rrdb(config) = model("realesrgan-body-x2.pth").config else {
        panic!("another network")
    };
    assert_eq!(
        [
            config.num_feat,
            config.num_block,
            config.num_grow,
            config.doublings,
            config.unshuffle
        ],
        [6, 1, 3, 2, 2]
    );
}

/// The state dict of a fixture, to be changed and written again.
fn changed(name: &str, change: impl Fn(&mut guise::weights::Tensors)) -> Vec<u8> {
    let (mut tensors, _) = safetensors::read(&bytes(name)).unwrap();
    change(&mut tensors);
    safetensors::write(&tensors, Default::default()).unwrap()
}

#[test]
fn what_is_wrong_is_said_in_the_names_of_the_file() {
    const NAME: &str = "realesrgan-body-x1.safetensors";
    let refusal =
        |change: &dyn Fn(&mut guise::weights::Tensors)| read(&changed(NAME, change), None).unwrap_err();
    let set = |name: &'static str, shape: &'static [usize]| {
        refusal(&move |tensors| {
            tensors.insert(name.into(), TensorData::zeros::<f32, _>(shape.to_vec()));
        })
    };
    for (error, reason) in [
        (set("body.0.rdb2.conv6.weight", &[3]), "body.0.rdb2.conv6.weight"),
        (set("surprise", &[3]), "surprise"),
        (
            set("body.0.rdb2.conv3.weight", &[3, 12, 3, 1]),
            "body.0.rdb2.conv3.weight has shape [3, 12, 3, 1], the network needs [3, 12, 3, 3]",
        ),
        (
            set("conv_hr.bias", &[7]),
            "conv_hr.bias has shape [7], the network needs [6]",
        ),
        (
            set("conv_first.weight", &[6, 5, 3, 3]),
            "conv_first.weight takes 5 channels, expected 3",
        ),
        (
            set("conv_first.weight", &[6]),
            "conv_first.weight has 1 dimensions, expected the 4",
        ),
        (
            set("conv_first.weight", &[0, 3, 3, 3]),
            "num_feat is 0, expected 1 to 512",
        ),
        // One more block is promised by a single tensor.
        (
            set("body.1.rdb1.conv1.weight", &[3, 6, 3, 3]),
            "body.1.rdb1.conv2.weight",
        ),
        (
            refusal(&|tensors| drop(tensors.remove("conv_up1.weight"))),
            "unshuffle is 4, expected a power of two from 1 to 1",
        ),
        (
            refusal(&|tensors| drop(tensors.remove("conv_last.bias"))),
            "conv_last.bias",
        ),
        (
            refusal(&|tensors| drop(tensors.remove("conv_first.weight"))),
            "conv_first.weight",
        ),
    ] {
        assert!(error.contains(reason), "{error}, expected {reason}");
    }
    // All blocks together are too many.
    let many = changed(NAME, |tensors| {
        for block in 0..65 {
            let name = format!("body.{block}.rdb1.conv1.weight");
            tensors.insert(name, TensorData::zeros::<f32, _>([3, 6, 3, 3]));
        }
    });
    let error = read(&many, None).unwrap_err();
    assert!(error.contains("num_block is 65, expected 1 to 64"), "{error}");
}

#[test]
fn rectifiers_without_slopes_are_asked_for() {
    let refusal = |name: &str, rectifier| read(&bytes(name), rectifier).unwrap_err();
    let error = refusal("compact-relu-x4.pth", None);
    assert!(error.contains("--rectifier relu or --rectifier leaky"), "{error}");
    let error = refusal("compact-prelu-x4.pth", Some(Rectifier::Relu));
    assert!(
        error.contains("slopes of their own: leave --rectifier out"),
        "{error}"
    );
    let error = refusal("realesrgan-body-x4.pth", Some(Rectifier::Leaky));
    assert!(
        error.contains("an RRDBNet, whose rectifiers are known"),
        "{error}"
    );
    let mut file = model("compact-prelu-x4.pth");
    let config = serde_json::to_value(&file.config).unwrap();
    assert_eq!(config["num_conv"], 2);
    // A file whose words contradict each other.
    file.config = model("compact-prelu-x2.pth").config;
    let error = file.network(&Device::flex()).unwrap_err().to_string();
    assert!(error.contains("body.4."), "{error}");
}

#[test]
fn files_that_hold_no_such_network_are_refused_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sr.safetensors");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let pth = bytes("realesrgan-body-x4.pth");
    let clip = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/clip/open_clip.safetensors"
    );
    for (file, reason) in [
        (
            write("cut.pth", &pth[..pth.len() / 2]),
            "is damaged, or truncated",
        ),
        (
            write(
                "cut.safetensors",
                &bytes("realesrgan-body-x1.safetensors")[..9000],
            ),
            "is damaged or not safetensors at all",
        ),
        (write("empty.pth", &[]), "damaged"),
        (clip.into(), "those of none of SRVGGNetCompact, RRDBNet"),
        (folder.path().join("none.pth"), "none.pth"),
        (folder.path().into(), "it is a folder"),
    ] {
        let arguments = [
            "import".as_ref(),
            "sr".as_ref(),
            file.as_os_str(),
            "--out".as_ref(),
            out.as_os_str(),
        ];
        let error = failure(guise(arguments));
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(error.contains(reason) && error.contains(name), "{error}");
        assert!(!out.exists());
    }
}

#[test]
fn an_imported_file_is_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let [sr, large] = ["sr.safetensors", "large.png"].map(|name| folder.path().join(name));
    let file = path("realesrgan-body-x2.pth");
    let output = guise([
        "import".as_ref(),
        "sr".as_ref(),
        file.as_os_str(),
        "--out".as_ref(),
        sr.as_os_str(),
    ]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("enlarges 2 times (RRDBNet, 3 dense blocks of 6 channels)")
            && said.contains("--license"),
        "{said}"
    );
    let picture = super::fixture("picture.png");
    let output = guise([
        "upscale".as_ref(),
        picture.as_os_str(),
        large.as_os_str(),
        "--model".as_ref(),
        sr.as_os_str(),
    ]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(image::image_dimensions(&large).unwrap(), (80, 96));

    let before = fs::read(&large).unwrap();
    for (flags, reason) in [
        (["--tile", "38"], "--tile is 38, expected 39 or more"),
        (["--tile", "1025"], "expected 16 to 1024"),
        (["--memory", "1M"], "ask for a smaller --tile"),
    ] {
        let arguments = [
            "upscale".as_ref(),
            picture.as_os_str(),
            large.as_os_str(),
            "--model".as_ref(),
            sr.as_os_str(),
        ];
        let error = failure(guise(
            arguments.into_iter().chain(flags.map(|flag| flag.as_ref())),
        ));
        assert!(error.contains(reason), "{error}");
    }
    assert_eq!(fs::read(&large).unwrap(), before);
}

/// Also where tiles begin within a square of pixels that the network makes channels.
#[test]
fn tiles_leave_no_seams_whatever_the_network() {
    let picture = image::open(super::fixture("picture.png")).unwrap();
    let picture = image::imageops::resize(&picture, 215, 101, image::imageops::FilterType::Lanczos3);
    for name in [
        "esrgan-numbers-x8.safetensors",
        "bsrgan-trunk-x2.pth",
        "realesrgan-body-x4.pth",
        "realesrgan-body-x2.pth",
        "realesrgan-body-x1.safetensors",
        "compact-prelu-x3.pth",
    ] {
        let network = model(name).network(&Device::flex()).unwrap();
        let whole = super::enlarged(&network, &picture, 1024);
        // Where the network's own rounding lies between two values of 8 bits, either may come out.
        for tile in [16, 27] {
            let tiled = super::enlarged(&network, &picture, tile);
            assert!(super::distance(&whole, &tiled) <= 1, "{name}, tile {tile}");
            let other = whole.iter().zip(tiled.iter()).filter(|(a, b)| a != b).count();
            assert!(
                other * 1000 <= whole.len(),
                "{name}, tile {tile}: {other} of {}",
                whole.len()
            );
        }
    }
}
