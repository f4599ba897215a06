//! The convolution and both of its gradients as they are defined, in double precision: slow, obvious, and
//! what the kernels are held against.

/// The sizes of one convolution of `x [n, c, h, w]` with `weight [k, c, kh, kw]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub n: usize,
    pub c: usize,
    pub h: usize,
    pub w: usize,
    pub k: usize,
    pub kh: usize,
    pub kw: usize,
    pub stride: usize,
    pub padding: usize,
}

impl Case {
    pub fn output(&self) -> [usize; 2] {
        [(self.h, self.kh), (self.w, self.kw)]
            .map(|(side, kernel)| (side + 2 * self.padding - kernel) / self.stride + 1)
    }

    pub fn x_len(&self) -> usize {
        self.n * self.c * self.h * self.w
    }

    pub fn weight_len(&self) -> usize {
        self.k * self.c * self.kh * self.kw
    }

    pub fn y_len(&self) -> usize {
        let [oh, ow] = self.output();
        self.n * self.k * oh * ow
    }

    /// Calls `product` with the indices into `y`, `x` and `weight` of every product in the definition.
    fn products(&self, mut product: impl FnMut(usize, usize, usize)) {
        let [oh, ow] = self.output();
        let inside = |at: usize, tap: usize, side: usize| {
            (at * self.stride + tap)
                .checked_sub(self.padding)
                .filter(|&i| i < side)
        };
        for n in 0..self.n {
            for k in 0..self.k {
                for (oy, ox) in (0..oh).flat_map(|oy| (0..ow).map(move |ox| (oy, ox))) {
                    for (ky, kx) in (0..self.kh).flat_map(|ky| (0..self.kw).map(move |kx| (ky, kx))) {
                        let (Some(y), Some(x)) = (inside(oy, ky, self.h), inside(ox, kx, self.w)) else {
                            continue;
                        };
                        for c in 0..self.c {
                            product(
                                ((n * self.k + k) * oh + oy) * ow + ox,
                                ((n * self.c + c) * self.h + y) * self.w + x,
                                ((k * self.c + c) * self.kh + ky) * self.kw + kx,
                            );
                        }
                    }
                }
            }
        }
    }

    pub fn forward(&self, x: &[f32], weight: &[f32]) -> Vec<f64> {
        let mut out = vec![0.0; self.y_len()];
        self.products(|y, i, j| out[y] += f64::from(x[i]) * f64::from(weight[j]));
        out
    }

    pub fn input_grad(&self, grad: &[f32], weight: &[f32]) -> Vec<f64> {
        let mut out = vec![0.0; self.x_len()];
        self.products(|y, i, j| out[i] += f64::from(grad[y]) * f64::from(weight[j]));
        out
    }

    pub fn weight_grad(&self, x: &[f32], grad: &[f32]) -> Vec<f64> {
        let mut out = vec![0.0; self.weight_len()];
        self.products(|y, i, j| out[j] += f64::from(grad[y]) * f64::from(x[i]));
        out
    }
}
