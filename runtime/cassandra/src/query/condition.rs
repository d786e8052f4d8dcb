//! `IF …`: on what a conditional statement depends.

use bytes::Bytes;
use veltrix_cql::{Comparison, Condition as Said, InValues, Relation, Subject, Test as SaidTest};

use super::context::{Context, elements};
use super::read::{Row, field};
use super::restrictions::element;
use super::scope::{Scope, identifier};
use crate::api::{Bound, Error};
use crate::schema::{Kind, Table};
use crate::terms::Term;
use crate::types::CqlType;

/// A condition.
#[derive(Debug)]
pub(crate) enum Condition {
    /// `IF NOT EXISTS`
    NotExists,
    /// `IF EXISTS`
    Exists,
    /// On columns; all must hold.
    Columns(Vec<OnColumn>),
}

/// A condition on a column.
#[derive(Debug)]
pub(crate) struct OnColumn {
    /// Position of the column.
    pub(crate) column: usize,
    part: Part,
    test: Test,
}

/// What of the column is tested.
#[derive(Debug)]
enum Part {
    Whole,
    Element(Term),
    Field(usize),
}

#[derive(Debug)]
enum Test {
    Compare(Comparison, Term),
    In(Vec<Term>),
    InBound(Term),
    Contains(Term),
    ContainsKey(Term),
}

impl Condition {
    /// Analyses `IF`.
    pub(crate) fn new(scope: &mut Scope, said: &Said) -> Result<Self, Error> {
        match said {
            Said::Exists => Ok(Self::Exists),
            Said::If(relations) => relations
                .iter()
                .map(|relation| OnColumn::new(scope, relation))
                .collect::<Result<_, _>>()
                .map(Self::Columns),
        }
    }

    /// The column of a relation, which is none of the key.
    pub(crate) fn column(scope: &Scope, relation: &Relation) -> Result<usize, Error> {
        let name = match &relation.subject {
            Subject::Column(name) | Subject::Element(name, _) | Subject::Field(name, _) => name,
            Subject::Tuple(names) | Subject::Token(names) => &names[0],
        };
        let column = scope.position(name)?;
        match scope.column(column).kind {
            Kind::Static | Kind::Regular => Ok(column),
            Kind::Partition(_) | Kind::Clustering { .. } => Err(Error::Invalid(format!(
                "PRIMARY KEY column '{}' cannot have IF conditions",
                identifier(name.as_str())
            ))),
        }
    }

    /// Columns it is about.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> {
        let all = match self {
            Self::Columns(all) => &all[..],
            Self::Exists | Self::NotExists => &[],
        };
        all.iter().map(|one| one.column)
    }
}

impl OnColumn {
    fn new(scope: &mut Scope, relation: &Relation) -> Result<Self, Error> {
        let column = Condition::column(scope, relation)?;
        let crate::schema::Column { name, of, .. } = scope.column(column).clone();
        let refuse = |message: String| Err(Error::Invalid(message));
        if of == CqlType::Counter {
            return refuse("Conditions on counters are not supported".into());
        }
        let (part, receiver) = match &relation.subject {
            Subject::Element(_, key) => {
                let key_receiver = match &of {
                    CqlType::List { .. } => scope.receiver(format!("idx({name})"), CqlType::Int),
                    CqlType::Map { .. } => element(scope, column, true),
                    CqlType::Set { .. } => {
                        return refuse(format!("Invalid element access syntax for set column {name}"));
                    }
                    _ => return refuse(format!("Invalid element access syntax for non-collection column {name}")),
                };
                let key = scope.compile(key, &key_receiver)?;
                (Part::Element(key), element(scope, column, false))
            }
            Subject::Field(_, field) => {
                let fields = match &of {
                    CqlType::Udt { definition, .. } => &definition.fields[..],
                    _ => &[],
                };
                let Some(number) = fields.iter().position(|(name, _)| name == field.as_str()) else {
                    return refuse(format!("Unknown field {} for column {name}", field.as_str()));
                };
                let of = fields[number].1.clone();
                (Part::Field(number), scope.receiver(format!("{name}.{}", field.as_str()), of))
            }
            Subject::Column(_) | Subject::Tuple(_) | Subject::Token(_) => (Part::Whole, scope.receiver_of(column)),
        };
        let test = match &relation.test {
            SaidTest::Compare(comparison, value) => {
                if !matches!(comparison, Comparison::Equal | Comparison::NotEqual) && receiver.of == CqlType::Duration {
                    return refuse(format!(
                        "Slice conditions ( {} ) are not supported on durations",
                        comparison.as_str()
                    ));
                }
                Test::Compare(*comparison, scope.compile(value, &receiver)?)
            }
            SaidTest::In(InValues::List(values)) => {
                Test::In(values.iter().map(|value| scope.compile(value, &receiver)).collect::<Result<_, _>>()?)
            }
            SaidTest::In(InValues::Marker(marker)) => {
                let list = CqlType::List { element: receiver.of.into(), frozen: false };
                let receiver = scope.receiver(format!("in({})", receiver.name), list);
                Test::InBound(scope.compile_marker(marker, &receiver)?)
            }
            SaidTest::Contains(value) => {
                if !matches!(of, CqlType::List { .. } | CqlType::Set { .. } | CqlType::Map { .. }) {
                    return refuse(format!("Cannot use CONTAINS on non-collection column {name}"));
                }
                let receiver = element(scope, column, false);
                Test::Contains(scope.compile(value, &receiver)?)
            }
            SaidTest::ContainsKey(key) => {
                if !matches!(of, CqlType::Map { .. }) {
                    return refuse(format!("Cannot use CONTAINS KEY on non-map column {name}"));
                }
                let receiver = element(scope, column, true);
                Test::ContainsKey(scope.compile(key, &receiver)?)
            }
            SaidTest::Like(_) | SaidTest::IsNotNull => {
                return refuse(format!("LIKE and IS NOT NULL are not supported in conditions on {name}"));
            }
        };
        Ok(Self { column, part, test })
    }

    /// Whether it holds for a row, which may be missing.
    pub(crate) fn holds(&self, table: &Table, row: &Row<'_>, context: &Context<'_>) -> Result<bool, Error> {
        let whole = row.column(table, self.column);
        let of = &table.columns[self.column].of;
        let (current, of) = self.part(whole, of, context)?;
        let compare = |comparison: Comparison, wanted: Bound| match wanted {
            Bound::Unset => invalid("Invalid 'unset' value in condition"),
            Bound::Null => compared(comparison, of, current.as_deref(), None),
            Bound::Value(wanted) => {
                let wanted = normal(of, &wanted, comparison)?;
                compared(comparison, of, current.as_deref(), wanted)
            }
        };
        match &self.test {
            Test::Compare(comparison, term) => compare(*comparison, context.value(term)?),
            Test::In(terms) => {
                for term in terms {
                    if compare(Comparison::Equal, context.value(term)?)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Test::InBound(term) => {
                let list = context.required(
                    term,
                    || "Invalid null list in IN condition".into(),
                    || "Invalid 'unset' value in condition".into(),
                )?;
                for wanted in elements(&list) {
                    if compare(Comparison::Equal, wanted.map_or(Bound::Null, Bound::Value))? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Test::Contains(term) => has(of, current.as_deref(), false, context.value(term)?, "CONTAINS"),
            Test::ContainsKey(term) => has(of, current.as_deref(), true, context.value(term)?, "CONTAINS KEY"),
        }
    }

    /// What of the column is tested, and its type.
    fn part<'t>(
        &self,
        whole: Option<Bytes>,
        of: &'t CqlType,
        context: &Context<'_>,
    ) -> Result<(Option<Bytes>, &'t CqlType), Error> {
        match (&self.part, of) {
            (Part::Element(key), CqlType::List { element, .. }) => {
                let key = context.required(
                    key,
                    || "Invalid null value for list element access".into(),
                    || "Invalid unset value for list element access".into(),
                )?;
                let index = key.first_chunk().map_or(-1, |bytes| i32::from_be_bytes(*bytes));
                let Ok(index) = usize::try_from(index) else {
                    return invalid(&format!("Invalid negative list index {index}"));
                };
                Ok((whole.and_then(|list| elements(&list).into_iter().nth(index).flatten()), element))
            }
            (Part::Element(key), CqlType::Map { key: of, value, .. }) => {
                let key = context.required(
                    key,
                    || "Invalid null value for map element access".into(),
                    || "Invalid unset value for map element access".into(),
                )?;
                let entries = whole.map(|map| elements(&map)).unwrap_or_default();
                let mut found = entries.chunks_exact(2).filter_map(|entry| match entry {
                    [Some(one), other] if of.compare(one, &key).is_eq() => Some(other.clone()),
                    _ => None,
                });
                let found = found.next().flatten();
                // Cassandra compares values of a map as if they were keys.
                let bytes = matches!(**of, CqlType::Text | CqlType::Ascii | CqlType::Blob);
                let as_key = bytes || found.as_ref().is_some_and(|found| of.validate(found).is_ok());
                Ok((found, if as_key { of } else { value }))
            }
            (Part::Field(number), CqlType::Udt { definition, .. }) => {
                Ok((whole.and_then(|bytes| field(&bytes, *number)), &definition.fields[*number].1))
            }
            (Part::Whole | Part::Element(_) | Part::Field(_), _) => Ok((whole, of)),
        }
    }
}

/// A collection of several cells that is empty is null.
fn normal<'w>(of: &CqlType, wanted: &'w Bytes, comparison: Comparison) -> Result<Option<&'w [u8]>, Error> {
    let kind = match of {
        CqlType::List { frozen: false, .. } => "list",
        CqlType::Set { frozen: false, .. } => "set",
        CqlType::Map { frozen: false, .. } => "map",
        _ => return Ok(Some(wanted)),
    };
    if !elements(wanted).is_empty() {
        return Ok(Some(wanted));
    }
    match comparison {
        Comparison::Equal | Comparison::NotEqual => Ok(None),
        Comparison::Less | Comparison::LessOrEqual | Comparison::Greater | Comparison::GreaterOrEqual => {
            let sign = comparison.as_str();
            invalid(&format!("Invalid comparison with an empty {kind} for operator \"{sign}\""))
        }
    }
}

fn compared(
    comparison: Comparison,
    of: &CqlType,
    current: Option<&[u8]>,
    wanted: Option<&[u8]>,
) -> Result<bool, Error> {
    let (current, wanted) = match (current, wanted) {
        (current, None) => {
            return match comparison {
                Comparison::Equal => Ok(current.is_none()),
                Comparison::NotEqual => Ok(current.is_some()),
                Comparison::Less | Comparison::LessOrEqual | Comparison::Greater | Comparison::GreaterOrEqual => {
                    invalid(&format!("Invalid comparison with null for operator \"{}\"", comparison.as_str()))
                }
            };
        }
        (None, Some(_)) => return Ok(comparison == Comparison::NotEqual),
        (Some(current), Some(wanted)) => (current, wanted),
    };
    let order = of.compare(current, wanted);
    Ok(match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    })
}

fn has(of: &CqlType, current: Option<&[u8]>, keys: bool, wanted: Bound, operator: &str) -> Result<bool, Error> {
    let wanted = match wanted {
        Bound::Value(wanted) => wanted,
        Bound::Null => return invalid(&format!("Invalid comparison with null for operator \"{operator}\"")),
        Bound::Unset => return invalid("Invalid 'unset' value in condition"),
    };
    let (of, from, step) = match of {
        CqlType::List { element, .. } | CqlType::Set { element, .. } => (element, 0, 1),
        CqlType::Map { key, .. } if keys => (key, 0, 2),
        CqlType::Map { value, .. } => (value, 1, 2),
        _ => return Ok(false),
    };
    let elements = current.map(elements).unwrap_or_default();
    Ok(elements.iter().skip(from).step_by(step).flatten().any(|element| of.compare(element, &wanted).is_eq()))
}

fn invalid<T>(message: &str) -> Result<T, Error> {
    Err(Error::Invalid(message.to_owned()))
}
