//! Sizes of a matrix product, and its contraction cut into runs; `shaders/shared/product.wgsl`.

use super::word;
use crate::gpu::Error;
use crate::uniform;

uniform! {
    /// One run of products of m x k and k x n, `count` of them side by side; later runs add to what the first one wrote.
    pub(super) struct Product as "Params" { m: u32, n: u32, k: u32, k_first: u32, k_count: u32, accumulate: u32, count: u32 }
}

impl Product {
    /// The runs of so many products, none longer than one invocation may loop.
    pub(super) fn runs(
        operation: &str,
        count: usize,
        [m, n, k]: [usize; 3],
        longest: usize,
    ) -> Result<Vec<Self>, Error> {
        if k == 0 {
            return Err(Error::Shape {
                what: operation.to_owned(),
                expected: "a contraction over at least one element".to_owned(),
                got: "none".to_owned(),
            });
        }
        let run = |k_first: usize| {
            Ok(Self {
                m: word(operation, m)?,
                n: word(operation, n)?,
                k: word(operation, k)?,
                k_first: word(operation, k_first)?,
                k_count: word(operation, longest.min(k - k_first))?,
                accumulate: u32::from(k_first > 0),
                count: word(operation, count)?,
            })
        };
        (0..k).step_by(longest).map(run).collect()
    }
}
