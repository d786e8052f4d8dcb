//! Operators on stored values.

use bytes::Bytes;
use veltrix_cql::Operator;

use crate::api::Error;
use crate::functions::operate;
use crate::types::CqlType;

/// `left op right`, of two values of one type, which the result is of, too.
///
/// # Errors
/// `FunctionFailure`, as of the operation in an expression; `Invalid` for types that have none.
pub(crate) fn operation(op: Operator, of: &CqlType, left: &[u8], right: &[u8]) -> Result<Bytes, Error> {
    use CqlType::{Ascii, Bigint, Counter, Decimal, Double, Float, Int, Smallint, Text, Tinyint, Varint};
    let text = matches!(of, Ascii | Text) && op == Operator::Add;
    let number = matches!(of, Tinyint | Smallint | Int | Bigint | Counter | Float | Double | Decimal | Varint);
    if !text && !number {
        let op = op.as_str();
        return Err(Error::Invalid(format!("the '{op}' operation is not supported between {of} and {of}")));
    }
    if number && (left.is_empty() || right.is_empty()) {
        return Ok(Bytes::new());
    }
    operate(op, (of, left), (of, right), of).map_err(|error| Error::FunctionFailure {
        keyspace: "system".to_owned(),
        function: op.as_str().to_owned(),
        arguments: vec![of.to_string(), of.to_string()],
        message: format!("the operation '{of} {} {of}' failed: {error}", op.as_str()),
    })
}
