//! What is no Inception.

use super::*;
use burn::tensor::TensorData;

type Change<'a> = &'a dyn Fn(&mut Found);

#[test]
fn other_networks_are_refused() {
    let refused = |change: Change| {
        let mut found: Found = [
            "conv.weight",
            "bn.weight",
            "bn.bias",
            "bn.running_mean",
            "bn.running_var",
        ]
        .into_iter()
        .map(|field| {
            let shape = if field == "conv.weight" {
                vec![2, 1, 1, 1]
            } else {
                vec![2]
            };
            (
                format!("Conv2d_1a_3x3.{field}"),
                Ok(TensorData::new(vec![1f32; 2], shape)),
            )
        })
        .collect();
        change(&mut found);
        let tensors = ours(found).map_err(|error| error.to_string())?;
        check(&Inception::init(&Device::flex()), &tensors).map_err(|error| error.to_string())
    };
    let number = |values: Vec<f32>| Ok(TensorData::new(values.clone(), [values.len()]));
    let fc = |found: &mut Found| drop(found.insert("fc.weight".into(), number(vec![0.0; 1000])));
    let variance = |found: &mut Found| {
        drop(found.insert("Conv2d_1a_3x3.bn.running_var".into(), number(vec![1.0, -1.0])));
    };
    let missing = |found: &mut Found| drop(found.remove("Conv2d_1a_3x3.bn.bias"));
    let no_number = |found: &mut Found| {
        drop(found.insert("Conv2d_1a_3x3.bn.bias".into(), Err("holds NaN".into())));
    };
    let cases: [(Change, &str); 5] = [
        (&fc, "does not tell 1008 classes apart"),
        (&variance, "has the variance -1"),
        (&missing, "Conv2d_1a_3x3.bn.bias is missing"),
        (&no_number, "Conv2d_1a_3x3.bn.bias holds NaN"),
        (&|_| (), "186 missing"),
    ];
    for (change, expected) in cases {
        let said = refused(change).unwrap_err();
        assert!(said.contains(expected), "expected {expected:?} in {said:?}");
    }
}
