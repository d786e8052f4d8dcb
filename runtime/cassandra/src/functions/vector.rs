//! How similar vectors of floats are.

use bytes::Bytes;

use super::{Function, bytes};
use crate::api::Error;
use crate::types::number;

/// `similarity_cosine`, `similarity_euclidean` and `similarity_dot_product`
pub(super) fn similarity(function: &Function, arguments: &[Option<Bytes>]) -> Result<Option<Bytes>, Error> {
    let floats = |at| bytes(arguments, at).chunks_exact(4).map(number::float);
    let pairs = || floats(0).zip(floats(1));
    let dot = || pairs().map(|(a, b)| a * b).sum::<f32>();
    let value = match function.name.as_str() {
        "similarity_cosine" => {
            let norm = |at| floats(at).map(|n| n * n).sum::<f32>();
            if norm(0) == 0.0 || norm(1) == 0.0 {
                return Err(Error::Invalid(format!(
                    "Function {} doesn't support all-zero vectors.",
                    function.full_name()
                )));
            }
            (1.0 + (f64::from(dot()) / (f64::from(norm(0)) * f64::from(norm(1))).sqrt()) as f32) / 2.0
        }
        "similarity_euclidean" => 1.0 / (1.0 + pairs().map(|(a, b)| (a - b) * (a - b)).sum::<f32>()),
        _ => (1.0 + dot()) / 2.0,
    };
    Ok(Some(value.to_be_bytes().to_vec().into()))
}
