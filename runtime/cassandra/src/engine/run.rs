//! Runs what was analysed.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::plan::Plan;
use super::state::{Data, touched};
use super::{Engine, levels};
use crate::api::{Bound, Column, Error, Parameters, Response};
use crate::query::{Context, Outcome, Page, Part, Select, applied, decide, system_store};
use crate::schema::{self, Table};

/// Values of bind markers by position. The error is how many were wanted, and given.
pub(super) fn bound<'p>(
    markers: &[Column],
    values: &'p [Bound],
    names: Option<&[String]>,
) -> Result<std::borrow::Cow<'p, [Bound]>, (usize, usize)> {
    let wrong = |given| Err((markers.len(), given));
    let Some(names) = names else {
        return if values.len() == markers.len() { Ok(values.into()) } else { wrong(values.len()) };
    };
    let mut by_position = Vec::with_capacity(markers.len());
    for marker in markers {
        match names.iter().position(|name| *name == marker.name).and_then(|found| values.get(found)) {
            Some(value) => by_position.push(value.clone()),
            None => return wrong(by_position.len()),
        }
    }
    Ok(by_position.into())
}

impl Engine {
    pub(super) fn run(&self, plan: &Plan, bound: &[Bound], parameters: &Parameters) -> Result<Response, Error> {
        match plan {
            Plan::Select(select) => {
                levels::check_read(parameters)?;
                if parameters.page_size == Some(0) {
                    return Err(Error::Protocol("The page size cannot be 0".into()));
                }
                self.select(select, &self.context(bound, parameters), parameters)
            }
            Plan::Modify(modify) => {
                let mut context = self.context(bound, parameters);
                if modify.condition.is_some() {
                    context.timestamp = self.clock.timestamp(micros());
                    levels::check_conditional(parameters)?;
                    modify.refuse_in()?;
                } else {
                    levels::check_write(parameters, modify.table.counter.then_some(&*modify.table.name))?;
                }
                let data = self.data(&modify.table)?;
                let mut store = data.write();
                let target = modify.target(&store, &context)?;
                let conditional = modify.condition.is_some();
                let mutations = if conditional {
                    let part = Part { modify, context, target };
                    match decide(&[part], &store, &self.clock, false)? {
                        Outcome::Applied(mutation) => vec![mutation],
                        Outcome::Refused(response) => return Ok(response),
                    }
                } else {
                    modify.mutations(&target, &store, &context, &self.clock, false)?
                };
                mutations.into_iter().for_each(|mutation| store.apply(mutation, seconds()));
                Ok(if conditional { applied(&modify.table) } else { Response::Void })
            }
            Plan::Batch(batch) => self.run_text(batch, bound, parameters),
            Plan::Schema(ddl, keyspace) => {
                let _one = self.changing();
                let done = schema::apply(&self.catalog(), ddl, keyspace.as_deref(), micros())?;
                if let Some(catalog) = done.catalog.clone() {
                    self.shared.apply(catalog, &done.effects);
                    self.statements.forget(&touched(&done));
                }
                Ok(warned(done.change.map_or(Response::Void, Response::Schema), done.warnings))
            }
            Plan::Truncate(table) => {
                self.data(table)?.write().truncate();
                Ok(Response::Void)
            }
            Plan::Use(name) => match self.catalog().keyspace(name) {
                Some(_) => Ok(Response::Keyspace(name.clone())),
                None => Err(Error::Invalid(format!("Keyspace '{name}' does not exist"))),
            },
            Plan::Describe(describe, keyspace) => {
                self.system.describe(describe, &self.catalog(), keyspace.as_deref()).map(Response::Rows)
            }
        }
    }

    fn select(&self, select: &Select, context: &Context<'_>, parameters: &Parameters) -> Result<Response, Error> {
        let page = Page { size: parameters.page_size, state: parameters.paging_state.as_deref() };
        let state = self.shared.get();
        let rows = match state.data.get(&select.table.id) {
            Some(data) => select.run(&data.read(), context, page)?,
            None => {
                let rows = self.system.rows(&select.table, &state.catalog).ok_or_else(|| gone(&select.table))?;
                select.run(&system_store(&select.table, rows)?, context, page)?
            }
        };
        Ok(Response::Rows(rows))
    }

    /// Data of a table that statements write to.
    pub(super) fn data(&self, table: &Arc<Table>) -> Result<Data, Error> {
        self.shared.get().data.get(&table.id).cloned().ok_or_else(|| gone(table))
    }

    /// Clocks of a run, which the request may replace.
    pub(super) fn context<'a>(&self, bound: &'a [Bound], parameters: &Parameters) -> Context<'a> {
        let micros = micros();
        Context {
            bound,
            timestamp: parameters.timestamp.unwrap_or_else(|| self.clock.timestamp(micros)),
            now: parameters.now_in_seconds.map_or(micros / 1_000_000, i64::from),
            millis: micros / 1000,
        }
    }
}

/// A response with what the client should know beside it.
pub(super) fn warned(response: Response, warnings: Vec<String>) -> Response {
    match warnings.is_empty() {
        true => response,
        false => Response::Warned { response: Box::new(response), warnings },
    }
}

fn gone(table: &Table) -> Error {
    Error::Invalid(format!("table {} does not exist", table.name))
}

/// The server's clock, microseconds since the epoch.
pub(super) fn micros() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// The server's clock, seconds since the epoch.
pub(super) fn seconds() -> i64 {
    micros() / 1_000_000
}
