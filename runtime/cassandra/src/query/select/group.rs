//! Aggregates and `GROUP BY`: many rows to one.

use bytes::Bytes;
use veltrix_cql::Expr;

use super::selection::Computed;
use super::sink::Count;
use super::walk::Flow;
use crate::api::{Bound, Error};
use crate::query::context::Context;
use crate::query::read::Row;
use crate::query::scope::Scope;
use crate::schema::{Kind, Table};
use crate::storage::Key;
use crate::terms::{Inputs, State};

/// Checks `GROUP BY` and says by which selectors rows are grouped.
pub(super) fn check(
    scope: &Scope,
    said: &[Expr],
    is_equal: impl Fn(usize) -> bool,
    distinct: bool,
) -> Result<(), Error> {
    let refuse = |message: &str| Err(Error::Invalid(message.to_owned()));
    let order = "Group by currently only support groups of columns following their declared order in the PRIMARY KEY";
    let mut next = 0;
    let mut clustering = false;
    for (i, expr) in said.iter().enumerate() {
        let name = match expr {
            Expr::Column(name) => name,
            Expr::Call { args, .. } => {
                if i + 1 < said.len() {
                    return refuse("Functions are only supported on the last element of the GROUP BY clause");
                }
                let columns: Vec<_> = args
                    .iter()
                    .filter_map(|arg| match arg {
                        Expr::Column(name) => Some(name),
                        _ => None,
                    })
                    .collect();
                match columns[..] {
                    [name] => {
                        let column = scope.column(scope.position(name)?);
                        if !matches!(column.kind, Kind::Clustering { .. }) {
                            return Err(Error::Invalid(format!(
                                "Group by functions are only supported on clustering columns, got {}",
                                name.as_str()
                            )));
                        }
                        name
                    }
                    [] => return refuse("GROUP BY functions must have one clustering column name as parameter"),
                    _ => {
                        let names: Vec<_> = columns.iter().map(|name| name.as_str()).collect();
                        return Err(Error::Invalid(format!(
                            "GROUP BY functions accept only one clustering column as parameter, got: {}",
                            names.join(",")
                        )));
                    }
                }
            }
            _ => {
                return refuse(
                    "Only column names and monotonic scalar functions are supported in the GROUP BY clause.",
                );
            }
        };
        let position = scope.position(name)?;
        match scope.column(position).kind {
            Kind::Partition(_) => {}
            Kind::Clustering { .. } => clustering = true,
            Kind::Static | Kind::Regular => {
                return Err(Error::Invalid(format!(
                    "Group by is currently only supported on the columns of the PRIMARY KEY, got {}",
                    name.as_str()
                )));
            }
        }
        // What is equal to one value makes no groups and may be left out.
        while next < position && is_equal(next) {
            next += 1;
        }
        if position != next {
            return refuse(order);
        }
        next += 1;
    }
    let keys = scope.table.partition_keys;
    if next < keys && !(next..keys).all(is_equal) {
        return refuse("Group by is not supported on only a part of the partition key");
    }
    if clustering && distinct {
        return refuse("Grouping on clustering columns is not allowed for SELECT DISTINCT queries");
    }
    Ok(())
}

/// Collects rows into groups.
#[derive(Debug)]
pub(super) struct Groups<'a> {
    pub(super) table: &'a Table,
    pub(super) computed: &'a Computed,
    pub(super) context: &'a Context<'a>,
    pub(super) count: Count,
    pub(super) cells: Vec<Option<Bytes>>,
    pub(super) current: Option<Group>,
}

/// A group that rows are added to.
#[derive(Debug)]
pub(super) struct Group {
    by: Vec<Bound>,
    first: Vec<Option<Bytes>>,
    states: Vec<State>,
    /// Where its last row is.
    last: Option<(Key, Option<Vec<u8>>)>,
}

impl Groups<'_> {
    pub(super) fn visit(&mut self, row: &Row<'_>) -> Result<Flow, Error> {
        let inputs = self.computed.inputs(self.table, row, self.context)?;
        let at = Inputs { columns: &inputs, ..self.context.inputs() };
        let by = self.computed.group_by.iter().map(|term| term.evaluate(&at)).collect::<Result<Vec<_>, _>>()?;
        let same = self.current.as_ref().is_some_and(|group| group.by == by);
        if !same {
            if self.current.is_some() {
                match self.finish()? {
                    Flow::Stop => return Ok(Flow::Stop),
                    Flow::Continue | Flow::NextPartition => {}
                }
            }
            if !self.count.admits(row.key) {
                return Ok(Flow::NextPartition);
            }
            self.current = Some(self.start(by, inputs.clone()));
        }
        let Some(group) = &mut self.current else { return Ok(Flow::Continue) };
        let at = Inputs { columns: &inputs, ..self.context.inputs() };
        for (aggregate, state) in self.computed.aggregates.iter().zip(&mut group.states) {
            aggregate.add(state, &at)?;
        }
        // Only pages of groups need it, and a query without GROUP BY has but one.
        if !self.computed.group_by.is_empty() {
            group.last = Some((row.key.clone(), row.row.map(|row| row.clustering.to_vec())));
        }
        Ok(Flow::Continue)
    }

    fn start(&self, by: Vec<Bound>, first: Vec<Option<Bytes>>) -> Group {
        let states = self.computed.aggregates.iter().map(|aggregate| aggregate.start()).collect();
        Group { by, first, states, last: None }
    }

    /// Makes the current group a result row.
    fn finish(&mut self) -> Result<Flow, Error> {
        let Some(group) = self.current.take() else { return Ok(Flow::Continue) };
        let aggregates = group.states.into_iter().map(State::finish).collect::<Result<Vec<_>, _>>()?;
        let at = Inputs { columns: &group.first, aggregates: &aggregates, ..self.context.inputs() };
        self.computed.push(&at, &mut self.cells)?;
        Ok(match &group.last {
            Some((key, clustering)) => self.count.add(key, clustering.as_deref()),
            None => Flow::Stop,
        })
    }

    /// All rows are there. Without `GROUP BY` there is a result row even if there was no row.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        if self.current.is_none() && self.computed.group_by.is_empty() {
            self.current = Some(self.start(Vec::new(), vec![None; self.computed.inputs.len()]));
        }
        self.finish().map(|_| ())
    }
}
