//! One relation of `WHERE` to a restriction.

use veltrix_cql::{Comparison, Expr, InValues, Name, Relation, Subject, Test as Said};

use super::{Contains, End, Restriction, Slice, Test, Tuple, Values};
use crate::api::{Column as Named, Error};
use crate::query::scope::{Scope, identifier, names as names_of};
use crate::schema::Kind;
use crate::types::CqlType;

/// A relation, understood.
pub(super) enum Understood {
    Restriction(Restriction),
    Token(Slice),
}

pub(super) fn understand(scope: &mut Scope, relation: &Relation) -> Result<Understood, Error> {
    match &relation.subject {
        Subject::Column(name) => single(scope, name, None, &relation.test).map(Understood::Restriction),
        Subject::Element(name, key) => single(scope, name, Some(key), &relation.test).map(Understood::Restriction),
        Subject::Tuple(names) => tuple(scope, names, relation).map(Understood::Restriction),
        Subject::Token(names) => token(scope, names, &relation.test).map(Understood::Token),
        Subject::Field(name, field) => Err(Error::Invalid(format!(
            "Restrictions on fields are not supported: {}.{}",
            name.as_str(),
            field.as_str()
        ))),
    }
}

fn single(scope: &mut Scope, name: &Name, key: Option<&Expr>, said: &Said) -> Result<Restriction, Error> {
    let column = scope.position(name)?;
    check(scope, column, key.is_some(), said)?;
    let of = scope.column(column).of.clone();
    let test = match (said, key) {
        (Said::Compare(Comparison::Equal, value), Some(key)) => {
            let (key_receiver, value_receiver) = (element(scope, column, true), element(scope, column, false));
            let key = scope.compile(key, &key_receiver)?;
            let entry = (key, scope.compile(value, &value_receiver)?);
            Test::Contains(Contains { entries: vec![entry], ..Contains::default() })
        }
        (Said::Compare(Comparison::Equal, value), None) => {
            Test::Equal(Tuple::Each(vec![scope.compile_for(column, value)?]))
        }
        (Said::Compare(comparison, value), _) => {
            if has_duration(&of) {
                return Err(Error::Invalid(format!(
                    "Slice restrictions are not supported on {}",
                    match of {
                        CqlType::Duration => "duration columns",
                        CqlType::Tuple(_) => "tuples containing durations",
                        CqlType::Udt { .. } => "UDTs containing durations",
                        _ => "collections containing durations",
                    }
                )));
            }
            let value = Tuple::Each(vec![scope.compile_for(column, value)?]);
            Test::Slice(slice(*comparison, value, 1))
        }
        (Said::In(InValues::List(values)), _) => match &values[..] {
            [one] => Test::Equal(Tuple::Each(vec![scope.compile_for(column, one)?])),
            values => Test::In(Values::List(
                values
                    .iter()
                    .map(|value| Ok(Tuple::Each(vec![scope.compile_for(column, value)?])))
                    .collect::<Result<_, Error>>()?,
            )),
        },
        (Said::In(InValues::Marker(marker)), _) => {
            let receiver = scope.receiver(format!("in({})", scope.column(column).name), list_of(of));
            Test::In(Values::Bound(scope.compile_marker(marker, &receiver)?))
        }
        (Said::Contains(value), _) => {
            let receiver = element(scope, column, false);
            Test::Contains(Contains { values: vec![scope.compile(value, &receiver)?], ..Contains::default() })
        }
        (Said::ContainsKey(key), _) => {
            let receiver = element(scope, column, true);
            Test::Contains(Contains { keys: vec![scope.compile(key, &receiver)?], ..Contains::default() })
        }
        (Said::Like(value), _) => {
            scope.compile_for(column, value)?;
            return unsupported(scope, &scope.column(column).name, said);
        }
        (Said::IsNotNull, _) => return unsupported(scope, &scope.column(column).name, said),
    };
    Ok(Restriction { columns: vec![column], test })
}

/// What no index of this server can answer.
fn unsupported<T>(scope: &Scope, subject: &str, said: &Said) -> Result<T, Error> {
    Err(Error::Invalid(match said {
        Said::Like(value) => {
            let value = scope.text(value);
            format!(
                "LIKE restriction is only supported on properly indexed columns. {subject} LIKE {value} is not valid."
            )
        }
        _ => format!("Unsupported restriction: {subject} IS NOT NULL"),
    }))
}

/// What a column of that type can't be asked.
fn check(scope: &Scope, column: usize, element: bool, said: &Said) -> Result<(), Error> {
    let column = scope.column(column);
    let (name, of) = (identifier(&column.name), &column.of);
    let refuse = |message: String| Err(Error::Invalid(message));
    let is_map = matches!(of, CqlType::Map { .. });
    let is_collection = is_map || matches!(of, CqlType::List { .. } | CqlType::Set { .. });
    match said {
        Said::ContainsKey(_) if !is_map => return refuse(format!("Cannot use CONTAINS KEY on non-map column {name}")),
        Said::Contains(_) if !is_collection => {
            return refuse(format!("Cannot use CONTAINS on non-collection column {name}"));
        }
        Said::Compare(Comparison::NotEqual, value) => {
            return refuse(format!("Unsupported \"!=\" relation: {name} != {}", scope.text(value)));
        }
        _ => {}
    }
    if element {
        if matches!(of, CqlType::List { .. }) {
            let message = format!("Indexes on list entries ({name}[index] = value) are not currently supported.");
            return refuse(message);
        }
        if !is_map {
            return refuse(format!("Column {name} cannot be used as a map"));
        }
        if !of.is_multicell() {
            let message = format!("Map-entry equality predicates on frozen map column {name} are not supported");
            return refuse(message);
        }
        if !matches!(said, Said::Compare(Comparison::Equal, _)) {
            return refuse("Only EQ relations are supported on map entries".into());
        }
    }
    if matches!(of, CqlType::Udt { .. }) && of.is_multicell() {
        return refuse(format!("Non-frozen UDT column '{name}' ({of}) cannot be restricted by any relation"));
    }
    let sign = match said {
        Said::Compare(comparison, _) => comparison.as_str(),
        Said::In(_) => "IN",
        Said::Contains(_) | Said::ContainsKey(_) | Said::Like(_) | Said::IsNotNull => return Ok(()),
    };
    if is_collection && of.is_multicell() && !element {
        return refuse(format!("Collection column '{name}' ({of}) cannot be restricted by a '{sign}' relation"));
    }
    Ok(())
}

/// What an element, a key or a value of a collection is for.
pub(crate) fn element(scope: &Scope, column: usize, key: bool) -> Named {
    let column = scope.column(column);
    let (word, of) = match &column.of {
        CqlType::List { element, .. } | CqlType::Set { element, .. } => ("value", element),
        CqlType::Map { key: of, .. } if key => ("key", of),
        CqlType::Map { value, .. } => ("value", value),
        other => return scope.receiver(&*column.name, other.clone()),
    };
    scope.receiver(format!("{word}({})", column.name), (**of).clone())
}

fn has_duration(of: &CqlType) -> bool {
    match of {
        CqlType::Duration => true,
        CqlType::List { element, .. } | CqlType::Set { element, .. } | CqlType::Vector { element, .. } => {
            has_duration(element)
        }
        CqlType::Map { key, value, .. } => has_duration(key) || has_duration(value),
        CqlType::Tuple(parts) => parts.iter().any(has_duration),
        CqlType::Udt { definition, .. } => definition.fields.iter().any(|(_, of)| has_duration(of)),
        _ => false,
    }
}

fn list_of(of: CqlType) -> CqlType {
    CqlType::List { element: of.into(), frozen: false }
}

fn slice(comparison: Comparison, value: Tuple, width: usize) -> Slice {
    let inclusive = matches!(comparison, Comparison::LessOrEqual | Comparison::GreaterOrEqual);
    let end = Some(End { value, inclusive, width });
    match comparison {
        Comparison::Less | Comparison::LessOrEqual => Slice { upper: end, ..Slice::default() },
        Comparison::Greater | Comparison::GreaterOrEqual | Comparison::Equal | Comparison::NotEqual => {
            Slice { lower: end, ..Slice::default() }
        }
    }
}

fn tuple(scope: &mut Scope, names: &[Name], relation: &Relation) -> Result<Restriction, Error> {
    let mut columns = Vec::new();
    for name in names {
        let column = scope.position(name)?;
        if !matches!(scope.column(column).kind, Kind::Clustering { .. }) {
            return Err(Error::Invalid(format!(
                "Multi-column relations can only be applied to clustering columns but was applied to: {}",
                identifier(name.as_str())
            )));
        }
        if columns.contains(&column) {
            let message =
                format!("Column \"{}\" appeared twice in a relation: {}", name.as_str(), said(scope, names, relation));
            return Err(Error::Invalid(message));
        }
        if columns.last().is_some_and(|last| last + 1 != column) {
            return Err(Error::Invalid(format!(
                "Clustering columns must appear in the PRIMARY KEY order in multi-column relations: {}",
                said(scope, names, relation)
            )));
        }
        columns.push(column);
    }
    let test = match &relation.test {
        Said::Compare(Comparison::Equal, value) => Test::Equal(values(scope, &columns, value)?),
        Said::Compare(Comparison::NotEqual, _) => {
            return Err(Error::Invalid(format!("Unsupported \"!=\" relation: {}", said(scope, names, relation))));
        }
        Said::Compare(comparison, value) => {
            Test::Slice(slice(*comparison, values(scope, &columns, value)?, columns.len()))
        }
        Said::In(InValues::List(list)) => match &list[..] {
            [one] => Test::Equal(values(scope, &columns, one)?),
            list => Test::In(Values::List(
                list.iter().map(|value| values(scope, &columns, value)).collect::<Result<_, _>>()?,
            )),
        },
        Said::In(InValues::Marker(marker)) => {
            let receiver = tuple_receiver(scope, &columns);
            let receiver = scope.receiver(format!("in{}", receiver.name), list_of(receiver.of));
            Test::In(Values::Bound(scope.compile_marker(marker, &receiver)?))
        }
        Said::Contains(_) | Said::ContainsKey(_) => {
            return Err(Error::Invalid("CONTAINS cannot be used for multi-column relations".into()));
        }
        Said::Like(_) | Said::IsNotNull => {
            let names: Vec<_> = names.iter().map(Name::as_str).collect();
            return unsupported(scope, &format!("({})", names.join(", ")), &relation.test);
        }
    };
    Ok(Restriction { columns, test })
}

fn values(scope: &mut Scope, columns: &[usize], value: &Expr) -> Result<Tuple, Error> {
    if let Expr::Tuple(parts) = value {
        if parts.len() != columns.len() {
            return Err(Error::Invalid(format!(
                "Expected {} elements in value tuple, but got {}: {}",
                columns.len(),
                parts.len(),
                scope.text(value)
            )));
        }
        let each = columns.iter().zip(parts).map(|(column, part)| scope.compile_for(*column, part));
        return each.collect::<Result<_, _>>().map(Tuple::Each);
    }
    if !matches!(value, Expr::Marker(_)) {
        return Err(Error::Syntax(format!("expected a tuple or a bind marker, found {value}")));
    }
    let receiver = tuple_receiver(scope, columns);
    scope.compile(value, &receiver).map(Tuple::Whole)
}

fn tuple_receiver(scope: &Scope, columns: &[usize]) -> Named {
    let columns = columns.iter().map(|column| scope.column(*column));
    let names: Vec<_> = columns.clone().map(|column| &*column.name).collect();
    scope.receiver(format!("({})", names.join(",")), CqlType::Tuple(columns.map(|column| column.of.clone()).collect()))
}

fn token(scope: &mut Scope, names: &[Name], said: &Said) -> Result<Slice, Error> {
    let mut columns = Vec::new();
    for name in names {
        columns.push(scope.position(name)?);
    }
    let key: Vec<usize> = (0..scope.table.partition_keys).collect();
    if columns != key {
        let mut distinct = columns.clone();
        distinct.sort_unstable();
        distinct.dedup();
        return Err(Error::Invalid(if !key.iter().all(|column| columns.contains(column)) {
            "The token() function must be applied to all partition key components or none of them".into()
        } else if distinct.len() < columns.len() {
            "The token() function contains duplicate partition key components".into()
        } else if distinct != key {
            "The token() function must contains only partition key components".into()
        } else {
            let order = names_of(scope.table.partition_key());
            format!("The token function arguments must be in the partition key order: {order}")
        }));
    }
    let receiver = scope.receiver("partition key token", CqlType::Bigint);
    let refuse = |what: &str| Err(Error::Invalid(format!("{what} cannot be used with the token function")));
    match said {
        Said::Compare(Comparison::NotEqual, _) => refuse("!="),
        Said::Compare(comparison, value) => {
            let value = Tuple::Each(vec![scope.compile(value, &receiver)?]);
            let equal = *comparison == Comparison::Equal;
            let mut slice = slice(*comparison, value, 1);
            slice.equal = equal;
            Ok(slice)
        }
        Said::In(_) => refuse("IN"),
        Said::Contains(_) => refuse("CONTAINS"),
        Said::ContainsKey(_) => refuse("CONTAINS KEY"),
        Said::Like(_) => refuse("LIKE"),
        Said::IsNotNull => refuse("IS NOT NULL"),
    }
}

fn said(scope: &Scope, names: &[Name], relation: &Relation) -> String {
    let text = |value: &Expr| scope.text(value);
    let names: Vec<_> = names.iter().map(Name::as_str).collect();
    let test = match &relation.test {
        Said::Compare(comparison, value) => format!("{} {}", comparison.as_str(), text(value)),
        Said::In(InValues::List(values)) => {
            format!("IN ({})", values.iter().map(text).collect::<Vec<_>>().join(", "))
        }
        Said::In(InValues::Marker(marker)) => format!("IN {marker}"),
        Said::Contains(value) => format!("CONTAINS {}", text(value)),
        Said::ContainsKey(key) => format!("CONTAINS KEY {}", text(key)),
        Said::Like(value) => format!("LIKE {}", text(value)),
        Said::IsNotNull => "IS NOT NULL".to_owned(),
    };
    format!("({}) {test}", names.join(", "))
}
