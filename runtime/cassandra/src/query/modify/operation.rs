//! What is done to a column, and what can't be done to it.

use veltrix_cql::{Assignment, Expr, Literal, Name, Operator, Target};

use crate::api::Error;
use crate::query::restrictions::element;
use crate::query::scope::{Scope, identifier};
use crate::schema::{Column, Kind};
use crate::terms::Term;
use crate::types::CqlType;

/// One change of a column.
#[derive(Debug)]
pub(super) struct Operation {
    /// Position of the column.
    pub(super) column: usize,
    /// What is done.
    pub(super) action: Action,
}

/// What is done to a column.
#[derive(Debug)]
pub(super) enum Action {
    /// It gets a value.
    Set(Term),
    /// A list, set or map gets more.
    Append(Term),
    /// A list gets more before what it has.
    Prepend(Term),
    /// A list, set or map loses what equals these.
    Remove(Term),
    /// A counter changes by this.
    Add(Term),
    /// A counter changes by the negative of this.
    Subtract(Term),
    /// A number or text gets more; conditional statements can do that, as they read first.
    Calculate(Term),
    /// An element of a list or an entry of a map.
    Element(Term, Term),
    /// A field of a user-defined type.
    Field(u16, Term),
    /// The column.
    Delete,
    /// An element of a list or set, an entry of a map.
    DeleteElement(Term),
    /// A field.
    DeleteField(u16),
}

impl Operation {
    /// An assignment of `SET`. `reads`: the statement is conditional.
    pub(super) fn assignment(scope: &mut Scope, said: &Assignment, reads: bool) -> Result<Self, Error> {
        let name = match said {
            Assignment::Set(name, _)
            | Assignment::Add(name, _)
            | Assignment::Subtract(name, _)
            | Assignment::Prepend(name, _)
            | Assignment::Element(name, ..)
            | Assignment::Field(name, ..) => name,
        };
        let column = scope.position(name)?;
        if matches!(scope.column(column).kind, Kind::Partition(_) | Kind::Clustering { .. }) {
            return refuse(format!("PRIMARY KEY part {} found in SET part", identifier(name.as_str())));
        }
        let of = scope.column(column).of.clone();
        let id = identifier(name.as_str());
        let action = match said {
            Assignment::Set(_, value) => Action::Set(set(scope, column, value)?),
            Assignment::Add(_, value) => add(scope, column, Operator::Add, value, reads)?,
            Assignment::Subtract(_, value) => add(scope, column, Operator::Subtract, value, reads)?,
            Assignment::Prepend(_, value) => {
                let shown = format!("{id} = {} - {id}", scope.text(value));
                match of {
                    CqlType::List { frozen: false, .. } => Action::Prepend(scope.compile_for(column, value)?),
                    CqlType::List { .. } => {
                        return refuse(format!("Invalid operation ({shown}) for frozen list column {id}"));
                    }
                    _ => return refuse(format!("Invalid operation ({shown}) for non list column {id}")),
                }
            }
            Assignment::Element(_, key, value) => {
                let shown = format!("{id}[{}] = {}", scope.text(key), scope.text(value));
                let key = match of {
                    CqlType::List { frozen: false, .. } => {
                        let receiver = scope.receiver(format!("idx({name})", name = name.as_str()), CqlType::Int);
                        scope.compile(key, &receiver)?
                    }
                    CqlType::Map { frozen: false, .. } => {
                        let receiver = element(scope, column, true);
                        scope.compile(key, &receiver)?
                    }
                    CqlType::Set { .. } => {
                        return refuse(format!("Invalid operation ({shown}) for set column {id}"));
                    }
                    CqlType::List { .. } | CqlType::Map { .. } => {
                        return refuse(format!("Invalid operation ({shown}) for frozen collection column {id}"));
                    }
                    _ => return refuse(format!("Invalid operation ({shown}) for non collection column {id}")),
                };
                let receiver = element(scope, column, false);
                Action::Element(key, scope.compile(value, &receiver)?)
            }
            Assignment::Field(_, field, value) => {
                let shown = format!("{id}.{} = {}", field.as_str(), scope.text(value));
                let CqlType::Udt { definition, frozen } = &of else {
                    return refuse(format!("Invalid operation ({shown}) for non-UDT column {id}"));
                };
                if *frozen {
                    return refuse(format!("Invalid operation ({shown}) for frozen UDT column {id}"));
                }
                let number = field_number(&of, field, &id)?;
                let field_type = definition.fields[usize::from(number)].1.clone();
                let receiver = scope.receiver(format!("{}.{}", name.as_str(), field.as_str()), field_type);
                Action::Field(number, scope.compile(value, &receiver)?)
            }
        };
        Ok(Self { column, action })
    }

    /// What `DELETE` takes.
    pub(super) fn target(scope: &mut Scope, said: &Target) -> Result<Self, Error> {
        let (Target::Column(name) | Target::Element(name, _) | Target::Field(name, _)) = said;
        let column = scope.position(name)?;
        let id = identifier(name.as_str());
        if matches!(scope.column(column).kind, Kind::Partition(_) | Kind::Clustering { .. }) {
            return refuse(format!("Invalid identifier {id} for deletion (should not be a PRIMARY KEY part)"));
        }
        let of = scope.column(column).of.clone();
        let action = match said {
            Target::Column(_) => Action::Delete,
            Target::Element(_, key) => {
                let receiver = match of {
                    CqlType::List { frozen: false, .. } => {
                        scope.receiver(format!("idx({})", name.as_str()), CqlType::Int)
                    }
                    CqlType::Set { frozen: false, .. } => element(scope, column, false),
                    CqlType::Map { frozen: false, .. } => element(scope, column, true),
                    CqlType::List { .. } | CqlType::Set { .. } | CqlType::Map { .. } => {
                        return refuse(format!("Invalid deletion operation for frozen collection column {id}"));
                    }
                    _ => return refuse(format!("Invalid deletion operation for non collection column {id}")),
                };
                Action::DeleteElement(scope.compile(key, &receiver)?)
            }
            Target::Field(_, field) => {
                let CqlType::Udt { frozen, .. } = &of else {
                    return refuse(format!("Invalid field deletion operation for non-UDT column {id}"));
                };
                if *frozen {
                    return refuse(format!("Frozen UDT column {id} does not support field deletions"));
                }
                Action::DeleteField(field_number(&of, field, &id)?)
            }
        };
        Ok(Self { column, action })
    }
}

/// A value for a whole column.
pub(super) fn set(scope: &mut Scope, column: usize, value: &Expr) -> Result<Term, Error> {
    if scope.column(column).of == CqlType::Counter {
        if matches!(value, Expr::Literal(Literal::Null)) {
            return refuse("Invalid null value for counter increment/decrement".into());
        }
        scope.compile_for(column, value)?;
        return refuse(format!(
            "Cannot set the value of counter column {} (counters can only be incremented/decremented, not set)",
            identifier(&scope.column(column).name)
        ));
    }
    scope.compile_for(column, value)
}

/// `column = column + value`, or `-`.
fn add(scope: &mut Scope, column: usize, op: Operator, value: &Expr, reads: bool) -> Result<Action, Error> {
    let Column { name, of, .. } = scope.column(column).clone();
    let id = identifier(&name);
    let shown = format!("{id} = {id} {} {}", op.as_str(), scope.text(value));
    let adds = op == Operator::Add;
    match &of {
        CqlType::Counter => {
            if matches!(value, Expr::Literal(Literal::Null)) {
                return refuse("Invalid null value for counter increment/decrement".into());
            }
            let term = scope.compile_for(column, value)?;
            Ok(if adds { Action::Add(term) } else { Action::Subtract(term) })
        }
        CqlType::List { frozen: false, .. } | CqlType::Set { frozen: false, .. } => {
            let term = scope.compile_for(column, value)?;
            Ok(if adds { Action::Append(term) } else { Action::Remove(term) })
        }
        CqlType::Map { frozen: false, .. } if adds => {
            if matches!(value, Expr::Set(items) if !items.is_empty()) {
                let value = scope.text(value);
                return refuse(format!("Value for a map addition has to be a map, but was: '{value}'"));
            }
            scope.compile_for(column, value).map(Action::Append)
        }
        CqlType::Map { key, frozen: false, .. } => {
            if matches!(value, Expr::Map(_)) {
                let value = scope.text(value);
                return refuse(format!("Value for a map substraction has to be a set, but was: '{value}'"));
            }
            let receiver = scope.receiver(&*name, CqlType::Set { element: key.clone(), frozen: false });
            scope.compile(value, &receiver).map(Action::Remove)
        }
        CqlType::List { .. } | CqlType::Set { .. } | CqlType::Map { .. } => {
            refuse(format!("Invalid operation ({shown}) for frozen collection column {id}"))
        }
        CqlType::Tuple(_) | CqlType::Udt { .. } if adds => {
            refuse(format!("Invalid operation ({shown}) for tuple column {id}"))
        }
        of if reads && adds && (is_number(of) || matches!(of, CqlType::Text | CqlType::Ascii)) => {
            scope.compile_for(column, value).map(Action::Calculate)
        }
        of if reads && adds => refuse(format!("Invalid operation ({shown}) for non-numeric and non-text type {of}")),
        _ => refuse(format!("Invalid operation ({shown}) for non counter column {id}")),
    }
}

fn is_number(of: &CqlType) -> bool {
    use CqlType::*;
    matches!(of, Bigint | Decimal | Double | Float | Int | Smallint | Tinyint | Varint)
}

fn field_number(of: &CqlType, field: &Name, column: &str) -> Result<u16, Error> {
    let fields = match of {
        CqlType::Udt { definition, .. } => &definition.fields[..],
        _ => &[],
    };
    match fields.iter().position(|(name, _)| name == field.as_str()) {
        Some(number) => Ok(number as u16),
        None => refuse(format!("UDT column {column} does not have a field named {}", field.as_str())),
    }
}

fn refuse<T>(message: String) -> Result<T, Error> {
    Err(Error::Invalid(message))
}
