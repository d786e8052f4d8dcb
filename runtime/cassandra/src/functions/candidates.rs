//! The functions whose types are known beforehand.

use std::slice::from_ref;

use veltrix_cql::Operator;

use super::aggregate::Kind;
use super::{Function, arithmetic, blob, cast as casts, math, time};
use crate::schema::Table;
use crate::types::{CqlType, text};

/// Numbers, in the order in which Cassandra tries them.
pub(super) const NUMBERS: [CqlType; 9] = [
    CqlType::Tinyint,
    CqlType::Smallint,
    CqlType::Int,
    CqlType::Bigint,
    CqlType::Float,
    CqlType::Double,
    CqlType::Decimal,
    CqlType::Varint,
    CqlType::Counter,
];

/// All functions of that name.
pub(super) fn named(name: &str) -> Vec<Function> {
    use CqlType::{Bigint, Date, Duration, Time, Timestamp, Timeuuid, Uuid};
    let one = |arguments: &[CqlType], returns, scalar| vec![Function::strict(name, arguments, returns, scalar)];
    let of_number =
        |scalar| NUMBERS.iter().map(|of| Function::strict(name, from_ref(of), of.clone(), scalar)).collect();
    let sums = |kind| NUMBERS.iter().map(|of| Function::aggregate(name, from_ref(of), of.clone(), kind)).collect();
    match name {
        "now" | "currenttimeuuid" | "current_timeuuid" => one(&[], Timeuuid, time::now),
        "currenttimestamp" | "current_timestamp" => one(&[], Timestamp, time::current_timestamp),
        "currentdate" | "current_date" => one(&[], Date, time::current_date),
        "currenttime" | "current_time" => one(&[], Time, time::current_time),
        "uuid" => one(&[], Uuid, time::uuid),
        "mintimeuuid" | "min_timeuuid" => one(&[Timestamp], Timeuuid, time::min_timeuuid),
        "maxtimeuuid" | "max_timeuuid" => one(&[Timestamp], Timeuuid, time::max_timeuuid),
        "todate" | "to_date" => {
            [Timeuuid, Timestamp].map(|of| Function::strict(name, &[of], Date, time::to_date)).into()
        }
        "totimestamp" | "to_timestamp" => {
            [Timeuuid, Date].map(|of| Function::strict(name, &[of], Timestamp, time::to_timestamp)).into()
        }
        "tounixtimestamp" | "to_unix_timestamp" => {
            [Timeuuid, Timestamp, Date].map(|of| Function::strict(name, &[of], Bigint, time::to_unix)).into()
        }
        "floor" => {
            let mut functions = vec![Function::strict(name, &[Time, Duration], Time, time::floor)];
            for (of, returns) in [(Timestamp, Timestamp), (Timeuuid, Timestamp), (Date, Date)] {
                functions.push(Function::strict(name, &[of.clone(), Duration], returns.clone(), time::floor));
                functions.push(Function::strict(name, &[of, Duration, returns.clone()], returns, time::floor));
            }
            functions
        }
        "abs" => of_number(math::abs),
        "exp" => of_number(math::exp),
        "log" => of_number(math::log),
        "log10" => of_number(math::log10),
        "round" => of_number(math::round),
        "sum" => sums(Kind::Sum),
        "avg" => sums(Kind::Average),
        _ => blob::conversion(name).into_iter().collect(),
    }
}

/// `token(…)` of a table's partition key.
pub(super) fn token(table: &Table) -> Function {
    let key: Vec<_> = table.partition_key().iter().map(|column| column.of.clone()).collect();
    Function::strict("token", &key, CqlType::Bigint, blob::token)
}

/// All casts to a type.
pub(crate) fn cast(to: &CqlType) -> Vec<Function> {
    use CqlType::{Ascii, Boolean, Date, Inet, Text, Time, Timestamp, Timeuuid, Uuid};
    let name = format!("cast_as_{to}");
    let from: Vec<CqlType> = match to {
        CqlType::Tinyint | CqlType::Smallint | CqlType::Int | CqlType::Bigint | CqlType::Float => NUMBERS.to_vec(),
        CqlType::Double | CqlType::Decimal | CqlType::Varint => NUMBERS.to_vec(),
        Ascii | Text => {
            let mut from = NUMBERS.to_vec();
            from.extend([Inet, Boolean, Timeuuid, Timestamp, Date, Time, Uuid]);
            if *to == Text {
                from.push(Ascii);
            }
            from
        }
        Date => vec![Timeuuid, Timestamp],
        Timestamp => vec![Timeuuid, Date],
        _ => Vec::new(),
    };
    let scalar = match to {
        Ascii | Text => |function: &Function, arguments: &[Option<bytes::Bytes>]| {
            Ok(Some(text::print(&function.arguments[0], super::bytes(arguments, 0)).into()))
        },
        Date => time::to_date,
        Timestamp => time::to_timestamp,
        _ => casts::number,
    };
    from.into_iter().filter(|of| of != to).map(|of| Function::strict(&name, &[of], to.clone(), scalar)).collect()
}

/// All forms of an operator.
pub(super) fn operation(op: Operator) -> Vec<Function> {
    let (name, scalar): (_, super::Scalar) = match op {
        Operator::Add => ("_add", arithmetic::add),
        Operator::Subtract => ("_substract", arithmetic::subtract),
        Operator::Multiply => ("_multiply", arithmetic::multiply),
        Operator::Divide => ("_divide", arithmetic::divide),
        Operator::Modulo => ("_modulo", arithmetic::modulo),
    };
    let mut functions = Vec::new();
    for left in &NUMBERS {
        for right in &NUMBERS {
            let returns = arithmetic::result(left, right);
            functions.push(Function::strict(name, &[left.clone(), right.clone()], returns, scalar));
        }
    }
    if matches!(op, Operator::Add | Operator::Subtract) {
        for of in [CqlType::Timestamp, CqlType::Date] {
            functions.push(Function::strict(name, &[of.clone(), CqlType::Duration], of, scalar));
        }
    }
    if op == Operator::Add {
        use CqlType::{Ascii, Text};
        for (left, right, returns) in
            [(Text, Text, Text), (Ascii, Ascii, Ascii), (Ascii, Text, Text), (Text, Ascii, Text)]
        {
            functions.push(Function::strict(name, &[left, right], returns, scalar));
        }
    }
    functions
}

/// All forms of `-value`.
pub(super) fn negation() -> Vec<Function> {
    NUMBERS.iter().map(|of| Function::strict("_negate", from_ref(of), of.clone(), arithmetic::negate)).collect()
}
