//! Cases of the complex kernels.

use flatlight::ops::{Clock, complex_matmul};
use flatlight::reference;

use super::{Case, Draws, Gradient, Problem, case, cost, fresh, tensor};

pub(super) fn cases() -> Vec<Case> {
    vec![
        product("complex_matmul::ab", Product::Ab),
        product("complex_matmul::ahb", Product::Ahb),
        product("complex_matmul::abh", Product::Abh),
    ]
}

#[derive(Clone, Copy, PartialEq)]
enum Product {
    Ab,
    Ahb,
    Abh,
}

/// Sizes are m, n, k. The gradients of each product are two of the others.
fn product(name: &'static str, kind: Product) -> Case {
    const SIZES: &[&[usize]] = &[
        &[1, 1, 1],
        &[3, 3, 3],
        &[1, 63, 3],
        &[63, 64, 65],
        &[64, 97, 63],
        &[97, 1, 64],
        &[65, 5, 1009],
        // Many groups; a gradient contracts over 80,000 elements, more than one loop may.
        &[5, 80_000, 9],
    ];
    let make = move |draws: Draws, size: &[usize]| {
        let [m, n, k] = size.try_into().expect("m, n, k");
        let shape_a = if kind == Product::Ahb { [k, m, 2] } else { [m, k, 2] };
        let shape_b = if kind == Product::Abh { [n, k, 2] } else { [k, n, 2] };
        let inputs = vec![
            tensor("a", &shape_a, draws.uniform("a", 2 * m * k, -1.0, 1.0)),
            tensor("b", &shape_b, draws.uniform("b", 2 * n * k, -1.0, 1.0)),
        ];
        let (d_a, d_b) = match kind {
            Product::Ab => ("complex_matmul::abh", "complex_matmul::ahb"),
            Product::Ahb => ("complex_matmul::abh", "complex_matmul::ab"),
            Product::Abh => ("complex_matmul::ab", "complex_matmul::ahb"),
        };
        let (flops, words) = (8 * m * n * k, 2 * (m * n + m * k + n * k));
        Problem {
            inputs,
            outputs: vec![fresh("c", &[m, n, 2])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let [a, b, c] = [&on.inputs[0], &on.inputs[1], &on.outputs[0]];
                match kind {
                    Product::Ab => complex_matmul::ab(plan, a, b, c),
                    Product::Ahb => complex_matmul::ahb(plan, a, b, c),
                    Product::Abh => complex_matmul::abh(plan, a, b, c),
                }
            }),
            specification: Box::new(move |x| {
                use reference::complex_matmul::{ab, abh, ahb};
                vec![match kind {
                    Product::Ab => ab(&x[0], &x[1], m, n, k),
                    Product::Ahb => ahb(&x[0], &x[1], m, n, k),
                    Product::Abh => abh(&x[0], &x[1], m, n, k),
                }]
            }),
            gradient: Some(Gradient {
                of: vec![0, 1],
                upstream: None,
                backward: Box::new(move |plan, on| {
                    let [a, b, d_c] = [&on.inputs[0], &on.inputs[1], &on.upstream[0]];
                    let [d_a, d_b] = [&on.gradients[0], &on.gradients[1]];
                    match kind {
                        Product::Ab => {
                            complex_matmul::abh(plan, d_c, b, d_a)?;
                            complex_matmul::ahb(plan, a, d_c, d_b)
                        }
                        Product::Ahb => {
                            complex_matmul::abh(plan, b, d_c, d_a)?;
                            complex_matmul::ab(plan, a, d_c, d_b)
                        }
                        Product::Abh => {
                            complex_matmul::ab(plan, d_c, b, d_a)?;
                            complex_matmul::ahb(plan, d_c, a, d_b)
                        }
                    }
                }),
                specification: Box::new(move |x, d| {
                    use reference::complex_matmul::{ab_backward, abh_backward, ahb_backward};
                    let backward = match kind {
                        Product::Ab => ab_backward,
                        Product::Ahb => ahb_backward,
                        Product::Abh => abh_backward,
                    };
                    backward(&x[0], &x[1], &d[0], m, n, k).to_vec()
                }),
            }),
            costs: vec![cost(name, flops, words), cost(d_a, flops, words), cost(d_b, flops, words)],
        }
    };
    case(name, SIZES, &[512, 512, 512], make).tolerance(2e-5, 0.0).note("linear in each input's re and im")
}
