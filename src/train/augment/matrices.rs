//! Homogeneous matrices: of the plane (columns, rows, 1) and of colors (red, green, blue, 1).

/// A matrix, row by row.
pub(super) type Square<const N: usize> = [[f64; N]; N];

/// The matrix that changes nothing.
pub(super) fn identity<const N: usize>() -> Square<N> {
    diagonal([1.0; N])
}

pub(super) fn diagonal<const N: usize>(values: [f64; N]) -> Square<N> {
    std::array::from_fn(|i| std::array::from_fn(|j| if i == j { values[i] } else { 0.0 }))
}

/// `a b`: what `b` does, then what `a` does.
pub(super) fn product<const N: usize>(a: &Square<N>, b: &Square<N>) -> Square<N> {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..N).map(|k| a[i][k] * b[k][j]).sum()))
}

/// Moves by a distance along each axis, of which there are `N - 1`.
pub(super) fn translation<const N: usize>(distance: &[f64]) -> Square<N> {
    let mut matrix = identity();
    for (row, distance) in matrix.iter_mut().zip(distance) {
        row[N - 1] = *distance;
    }
    matrix
}

/// Turns the plane from its first axis to its second.
pub(super) fn rotation(angle: f64) -> Square<3> {
    turn(angle.cos(), angle.sin())
}

/// [`rotation`] by so many right angles; every entry is whole.
pub(super) fn quarter_turns(count: usize) -> Square<3> {
    let (cos, sin) = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)][count % 4];
    turn(cos, sin)
}

fn turn(cos: f64, sin: f64) -> Square<3> {
    [[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]]
}

/// `own I + (all - own) v v^T` on colors, where `v` is the gray axis `(1, 1, 1) / sqrt(3)`: gray times `all`,
/// and what differs from it times `own`.
pub(super) fn around_gray(own: f64, all: f64) -> Square<4> {
    let mut matrix = diagonal([own, own, own, 1.0]);
    for row in &mut matrix[..3] {
        row[..3].iter_mut().for_each(|value| *value += (all - own) / 3.0);
    }
    matrix
}

/// Turns colors around the gray axis by an angle (Rodrigues' formula).
pub(super) fn hue(angle: f64) -> Square<4> {
    let mut matrix = around_gray(angle.cos(), 1.0);
    let sin = angle.sin() / 3.0f64.sqrt();
    for (row, column, sign) in [(0, 1, -1.0), (0, 2, 1.0), (1, 2, -1.0)] {
        matrix[row][column] += sign * sin;
        matrix[column][row] -= sign * sin;
    }
    matrix
}
