//! The parameters of a network by their dotted names, such as `synthesis.blocks.0.conv1.weight`.
//!
//! A name is the path of field names and list positions from the network down to the parameter, so it
//! changes only when the network's code does.

use super::Error;
use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Bool, DataError, ExecutionError, Int, Tensor, TensorData},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
};

/// Tensors on the host by name, `f32` each.
pub type Tensors = BTreeMap<String, TensorData>;

type Reading = Pin<Box<dyn Future<Output = Result<TensorData, ExecutionError>> + Send>>;

/// Reads every parameter of `module` back from its device, as `f32`.
///
/// # Errors
///
/// [`Error::Device`] when the device fails, [`Error::Tensor`] when a parameter is no float tensor.
pub async fn collect<M: Module>(module: &M) -> Result<Tensors, Error> {
    let mut collector = Collector::default();
    module.visit(&mut collector);
    if let Some(name) = collector.foreign.pop() {
        return Err(Error::Tensor {
            name,
            reason: "is no float tensor, which is all that is saved".into(),
        });
    }
    let mut tensors = Tensors::new();
    for (name, reading) in collector.readings {
        let failed = |reason: String| Error::Device {
            name: name.clone(),
            reason,
        };
        let data = reading.await.map_err(|error| failed(error.to_string()))?;
        let data = on_the_host(data).map_err(|error| failed(error.to_string()))?;
        tensors.insert(name, data);
    }
    Ok(tensors)
}

/// `data` as `f32`, in memory of the host's own.
///
/// A native GPU answers with bytes that are fetched when they are first looked at, from a buffer that the
/// next training step writes into: what is kept for later has to be looked at now.
fn on_the_host(data: TensorData) -> Result<TensorData, DataError> {
    let shape = data.shape().clone();
    Ok(TensorData::new(data.try_into_vec_as::<f32>()?, shape))
}

/// The names and shapes of all parameters of `module`, in its order. No value is read.
pub fn shapes<M: Module>(module: &M) -> Vec<(String, Vec<usize>)> {
    let mut shapes = Shapes::default();
    module.visit(&mut shapes);
    shapes.shapes
}

/// Makes sure that `tensors` are exactly the parameters of `module`, without touching either.
///
/// # Errors
///
/// [`Error::Names`] unless the names are exactly those of the module's parameters, [`Error::Shape`] when
/// a shape differs.
pub fn check<M: Module>(module: &M, tensors: &Tensors) -> Result<(), Error> {
    let shapes = shapes(module);
    let names: BTreeSet<_> = shapes.iter().map(|(name, _)| name).collect();
    let missing: Vec<_> = shapes
        .iter()
        .filter(|(name, _)| !tensors.contains_key(name))
        .map(|(name, _)| name.clone())
        .collect();
    let unexpected: Vec<_> = tensors
        .keys()
        .filter(|name| !names.contains(name))
        .cloned()
        .collect();
    if !missing.is_empty() || !unexpected.is_empty() {
        return Err(Error::Names { missing, unexpected });
    }
    match shapes
        .into_iter()
        .find(|(name, shape)| tensors[name].shape()[..] != shape[..])
    {
        Some((name, expected)) => Err(Error::Shape {
            actual: tensors[&name].shape().to_vec(),
            name,
            expected,
        }),
        None => Ok(()),
    }
}

/// Puts `tensors` into `module`, each onto the device where the parameter it replaces lives.
///
/// # Errors
///
/// As [`check`], before anything is put anywhere.
pub fn apply<M: Module>(module: M, tensors: &Tensors) -> Result<M, Error> {
    check(&module, tensors)?;
    Ok(module.map(&mut Applier {
        path: vec![],
        tensors,
    }))
}

/// The family of a generator and the architecture of an upscaler are no part of their parameters' names: the
/// manifest says them.
const NAMELESS: [&str; 2] = ["Enum:Generator", "Enum:Upscaler"];

fn enter(path: &mut Vec<String>, name: &str, container: &str) {
    if !NAMELESS.contains(&container) {
        path.push(name.into());
    }
}

fn exit(path: &mut Vec<String>, container: &str) {
    if !NAMELESS.contains(&container) {
        path.pop();
    }
}

/// The shapes of a module's float parameters, in its order.
#[derive(Default)]
struct Shapes {
    path: Vec<String>,
    shapes: Vec<(String, Vec<usize>)>,
}

impl ModuleVisitor for Shapes {
    fn enter_module(&mut self, name: &str, container: &str) {
        enter(&mut self.path, name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        exit(&mut self.path, container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // A parameter that was not read yet has a shape, but no values: it stays so.
        self.shapes
            .push((self.path.join("."), param.lazy_shape().to_vec()));
    }
}

#[derive(Default)]
struct Collector {
    path: Vec<String>,
    readings: Vec<(String, Reading)>,
    foreign: Vec<String>,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, container: &str) {
        enter(&mut self.path, name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        exit(&mut self.path, container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.readings
            .push((self.path.join("."), Box::pin(param.val().into_data_async())));
    }

    fn visit_int<const D: usize>(&mut self, _param: &Param<Tensor<D, Int>>) {
        self.foreign.push(self.path.join("."));
    }

    fn visit_bool<const D: usize>(&mut self, _param: &Param<Tensor<D, Bool>>) {
        self.foreign.push(self.path.join("."));
    }
}

struct Applier<'a> {
    path: Vec<String>,
    tensors: &'a Tensors,
}

impl ModuleMapper for Applier<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        enter(&mut self.path, name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        exit(&mut self.path, container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // The names were checked before.
        let data = self.tensors[&self.path.join(".")].clone();
        let id = param.id;
        let tensor = Tensor::from_data(data, &param.lazy_device());
        param.transform_for_load(tensor, id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use futures::executor::block_on;

    #[derive(Module, Debug)]
    struct Layer {
        weight: Param<Tensor<2>>,
        bias: Option<Param<Tensor<1>>>,
    }

    #[derive(Module, Debug)]
    struct Network {
        layers: Vec<Layer>,
        scale: Param<Tensor<1>>,
    }

    fn network(value: f32, device: &Device) -> Network {
        let layer = |bias: bool| Layer {
            weight: Param::from_tensor(Tensor::full([2, 3], value, device)),
            bias: bias.then(|| Param::from_tensor(Tensor::full([3], value, device)).set_require_grad(false)),
        };
        Network {
            layers: vec![layer(true), layer(false)],
            scale: Param::from_tensor(Tensor::full([1], value, device)),
        }
    }

    #[test]
    fn a_generator_has_the_names_of_its_family() {
        use crate::networks::{
            NetworkConfig,
            generators::{GeneratorConfig, stylegan2::StyleGan2Config},
        };
        let device = Device::flex();
        let config = StyleGan2Config {
            channel_max: 4,
            classes: vec![],
            ..StyleGan2Config::small(16)
        };
        let bare = block_on(collect(&config.init_generator(&device))).unwrap();
        let any = GeneratorConfig::StyleGan2(config).init(&device);
        let names = block_on(collect(&any)).unwrap();
        assert!(names.keys().eq(bare.keys()), "{names:?}");
        assert_eq!(block_on(collect(&apply(any, &bare).unwrap())).unwrap(), bare);
    }

    #[test]
    fn what_is_collected_can_be_applied() {
        let device = Device::flex();
        let tensors = block_on(collect(&network(0.5, &device))).unwrap();
        let names: Vec<_> = tensors.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["layers.0.bias", "layers.0.weight", "layers.1.weight", "scale"]
        );
        let other = apply(network(0.25, &device), &tensors).unwrap();
        assert_eq!(block_on(collect(&other)).unwrap(), tensors);
    }

    #[test]
    fn gradients_are_still_required_where_they_were() {
        let device = Device::flex().autodiff();
        let tensors = block_on(collect(&network(0.5, &device))).unwrap();
        let other = apply(network(0.25, &device), &tensors).unwrap();
        assert!(other.scale.val().is_require_grad());
        assert!(!other.layers[0].bias.as_ref().unwrap().val().is_require_grad());
    }

    #[test]
    fn other_names_and_shapes_are_refused_by_name() {
        let device = Device::flex();
        let mut tensors = block_on(collect(&network(0.5, &device))).unwrap();
        let scale = tensors.remove("scale").unwrap();
        tensors.insert("scales".into(), scale);
        let Err(Error::Names { missing, unexpected }) = apply(network(0.0, &device), &tensors) else {
            panic!("wrong names were taken")
        };
        assert_eq!(
            (missing, unexpected),
            (vec!["scale".to_owned()], vec!["scales".to_owned()])
        );

        let mut tensors = block_on(collect(&network(0.5, &device))).unwrap();
        tensors.insert("layers.1.weight".into(), TensorData::zeros::<f32, _>([3, 2]));
        let error = apply(network(0.0, &device), &tensors).unwrap_err().to_string();
        assert_eq!(
            error,
            "the tensor layers.1.weight has shape [3, 2], the network needs [2, 3]"
        );
    }
}
