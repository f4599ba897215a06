//! Weights in the form that a kernel reads, kept for as long as the weights themselves are there.
//!
//! Preparing weights costs as much as convolving a small picture with them, and the same weights draw picture
//! after picture. A form is found again by the memory that its weights lie in, which is watched and not held:
//! dropping the weights frees them, and the form goes when the next one comes. A stale form cannot be found.
//! While a [`Weak`] points to it, the memory is not given to anybody else, `Arc::get_mut` refuses to lend it
//! for writing, and `Arc::make_mut` moves the contents elsewhere: changed weights always have another
//! address.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::sizes::ConvSizes;
use crate::ops::{
    cpu::{Isa, Line},
    flex::{FlexTensor, dims},
};
use burn::tensor::Bytes;

/// What is made of weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// For the Winograd kernel; with reversed taps and exchanged channels for the gradient of the input.
    Winograd { of_input_grad: bool },
    /// For the direct kernel.
    Direct { sizes: ConvSizes, of_input_grad: bool },
    /// The sums of squares that demodulation needs.
    Energy,
}

/// At most this many lines of 16 floats are kept, 64 MB: four times the weights that the networks here have.
const MOST_LINES: usize = 1 << 20;

struct Entry {
    weight: Weak<Bytes>,
    /// Tensors of several shapes may share one memory.
    shape: [usize; 4],
    /// Instruction sets read some forms in orders of their own.
    isa: Isa,
    form: Form,
    lines: Arc<Vec<Line>>,
}

/// The oldest first.
static KEPT: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// `weight` in this form for `isa`, which `make` makes if it is not there yet. The tensor must be contiguous.
pub(super) fn kept(
    weight: &FlexTensor,
    isa: Isa,
    form: Form,
    make: impl FnOnce() -> Vec<Line>,
) -> Arc<Vec<Line>> {
    let (memory, shape) = (weight.data_arc(), dims(weight));
    let is_it = |entry: &Entry| {
        entry.weight.as_ptr() == Arc::as_ptr(&memory)
            && entry.shape == shape
            && (entry.isa, entry.form) == (isa, form)
    };
    // A panic elsewhere leaves whole entries behind, so the lock is as good as before.
    let lock = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(entry) = lock().iter().find(|entry| is_it(entry)) {
        return entry.lines.clone();
    }
    let lines = Arc::new(make());
    let mut entries = lock();
    entries.retain(|entry| entry.weight.strong_count() > 0);
    let mut total: usize = entries.iter().map(|entry| entry.lines.len()).sum();
    let too_old = entries
        .iter()
        .take_while(|entry| {
            let over = total + lines.len() > MOST_LINES;
            total -= entry.lines.len();
            over
        })
        .count();
    entries.drain(..too_old);
    entries.push(Entry {
        weight: Arc::downgrade(&memory),
        shape,
        isa,
        form,
        lines: lines.clone(),
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::flex::from_values;

    fn tensor(value: f32) -> FlexTensor {
        from_values(vec![value; 16], [1, 1, 4, 4])
    }

    /// What is kept for this tensor, made of its first number.
    fn first(tensor: &FlexTensor, form: Form) -> f32 {
        let line = || vec![Line([tensor.storage::<f32>()[0]; 16])];
        kept(tensor, Isa::Plain, form, line)[0].0[0]
    }

    #[test]
    fn the_same_weights_are_prepared_once() {
        let weight = tensor(1.0);
        assert_eq!(first(&weight, Form::Energy), 1.0);
        let again = kept(&weight.clone(), Isa::Plain, Form::Energy, || {
            panic!("it is there")
        });
        assert_eq!(again[0].0[0], 1.0);
        let other = Form::Winograd { of_input_grad: true };
        assert_eq!(
            kept(&weight, Isa::Plain, other, || vec![Line([7.0; 16])])[0].0[0],
            7.0
        );
        if let Some(&isa) = Isa::available().iter().find(|isa| **isa != Isa::Plain) {
            let of_another_set = kept(&weight, isa, Form::Energy, || vec![Line([8.0; 16])]);
            assert_eq!(of_another_set[0].0[0], 8.0);
        }
    }

    #[test]
    fn changed_weights_are_prepared_again() {
        let mut weight = tensor(1.0);
        first(&weight, Form::Energy);
        // Nothing else holds them, so burn would write in place here.
        assert!(weight.is_unique());
        weight.storage_mut::<f32>()[0] = 2.0;
        assert_eq!(first(&weight, Form::Energy), 2.0);
        if let Some(values) = weight.try_storage_mut::<f32>() {
            values[0] = 3.0;
        }
        assert_eq!(first(&weight, Form::Energy), weight.storage::<f32>()[0]);
        let shared = weight.clone();
        weight.storage_mut::<f32>()[0] = 4.0;
        assert_eq!(first(&weight, Form::Energy), 4.0);
        assert_eq!(first(&shared, Form::Energy), shared.storage::<f32>()[0]);
    }

    #[test]
    fn freed_memory_that_comes_back_is_not_mistaken() {
        for value in 0..100 {
            assert_eq!(first(&tensor(value as f32), Form::Energy), value as f32);
        }
    }
}
