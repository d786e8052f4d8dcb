//! Serves a script through the seam to the host, so that all above it is the same as on Wasm.

use std::cell::RefCell;

use super::text::{normalised, params, selected, traits};
use super::{Call, Rows, Script, read_value, write_page};
use crate::cql::error::{CqlError, CqlErrorKind};
use crate::cql::outcome::APPLIED;
use crate::cql::spec_write::write_columns;
use crate::cql::types::{Column, CqlType};
use crate::cql::value::Value;
use crate::cql::wire::{Reader, WireError};
use crate::host::{self, Cassandra, Options, Page, Statement};

thread_local! {
    /// The texts by id: good for all scripts of a thread, as statements are cached per thread.
    static TEXTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Rows that were not asked for yet.
pub(super) struct Rest {
    columns: Vec<Column>,
    rows: Vec<Vec<Value>>,
}

fn invalid(message: String) -> CqlError {
    CqlError::new(CqlErrorKind::Invalid, message)
}

fn id_of(text: &str) -> u32 {
    TEXTS.with_borrow_mut(|texts| {
        let known = texts.iter().position(|other| other == text);
        known.unwrap_or_else(|| {
            texts.push(text.to_owned());
            texts.len() - 1
        }) as u32
    })
}

fn text_of(id: u32) -> Result<String, CqlError> {
    let text = TEXTS.with_borrow(|texts| texts.get(id as usize).cloned());
    text.ok_or_else(|| invalid(format!("no statement {id} was prepared")))
}

impl Script {
    /// Names and types of a statement's parameters.
    fn columns_of_params(&self, text: &str) -> Result<Vec<Column>, CqlError> {
        let state = self.0.borrow();
        let Some(scripted) = state.statements.get(text) else {
            let mut known: Vec<_> = state.statements.keys().map(|text| format!("`{text}`")).collect();
            known.sort();
            let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
            return Err(invalid(format!("the script has no answer for `{text}`; it has {known}")));
        };
        let names = params(text);
        let types = scripted.params.clone().unwrap_or_else(|| vec![CqlType::Any; names.len()]);
        if types.len() != names.len() {
            let (count, given) = (names.len(), types.len());
            return Err(invalid(format!("the script gives {given} types for {count} parameters of `{text}`")));
        }
        Ok(names.into_iter().zip(types).map(|(name, ty)| Column { name, ty }).collect())
    }

    fn call(
        &self,
        event: u32,
        id: u32,
        values: &mut Reader<'_>,
        options: &Options,
        batch: Option<usize>,
    ) -> Result<Call, CqlError> {
        let text = text_of(id)?;
        let params = self.columns_of_params(&text)?;
        let read = |param: &Column| read_value(values, &param.ty);
        let values = params.iter().map(read).collect::<Result<_, WireError>>();
        let values = values.map_err(|error| invalid(format!("the values of `{text}`: {error}")))?;
        let names = params.into_iter().map(|param| param.name).collect();
        Ok(Call { event, text, names, values, options: options.clone(), batch })
    }

    /// Records the call and asks for its answer.
    fn answer(&self, call: &Call) -> Result<Rows, CqlError> {
        self.0.borrow_mut().calls.push(call.clone());
        let taken = {
            let mut state = self.0.borrow_mut();
            let scripted = state.statements.get_mut(call.text());
            scripted.and_then(|scripted| match scripted.once.pop_front() {
                Some(answer) => Some((answer, false)),
                None => scripted.always.take().map(|answer| (answer, true)),
            })
        };
        let Some((mut answer, always)) = taken else {
            return Err(invalid(format!("the script has no more answers for `{}`", call.text())));
        };
        // Out of the script's hands while it runs: a closure may look at the script.
        let rows = answer.answer(call);
        if always {
            self.scripted(call.text(), |scripted| scripted.always = scripted.always.take().or(Some(answer)));
        }
        let (rows, conditional) = (rows?, traits(call.text()) & 2 != 0);
        if conditional != rows.applied.is_some() {
            let (text, which) = (call.text(), if conditional { "a" } else { "no" });
            return Err(invalid(format!(
                "`{text}` has {which} condition: Rows::applied and not_applied are for those"
            )));
        }
        Ok(rows)
    }

    /// The first page of an answer; the others wait for their token.
    fn page(&self, mut rest: Rest, page_size: u32) -> Page {
        let size = if page_size == 0 { usize::MAX } else { page_size as usize };
        let later = rest.rows.split_off(rest.rows.len().min(size));
        let mut page = write_page(&rest.columns, &rest.rows);
        if !later.is_empty() {
            let open = &mut self.0.borrow_mut().open;
            page.next = (open.len() as u32).to_be_bytes().to_vec();
            open.push(Rest { columns: rest.columns, rows: later });
        }
        page
    }

    fn next_page(&self, next: &[u8], page_size: u32) -> Result<Page, CqlError> {
        let index = <[u8; 4]>::try_from(next).map(|bytes| u32::from_be_bytes(bytes) as usize);
        let rest = index.ok().and_then(|index| {
            let state = self.0.borrow();
            state.open.get(index).map(|rest| Rest { columns: rest.columns.clone(), rows: rest.rows.clone() })
        });
        let rest = rest.ok_or_else(|| invalid("a page token that the script didn't give".to_owned()))?;
        Ok(self.page(rest, page_size))
    }
}

/// Names the columns, and takes their types from the values.
fn with_columns(text: &str, mut rows: Rows) -> Result<Rest, CqlError> {
    let width = rows.rows.first().map_or(0, Vec::len);
    if rows.rows.iter().any(|row| row.len() != width) {
        return Err(invalid(format!("the scripted rows of `{text}` differ in length")));
    }
    let names = rows.names.take().or_else(|| selected(text)).filter(|names| names.len() == width || width == 0);
    let names = names.unwrap_or_else(|| (0..width).map(|i| format!("column{i}")).collect());
    let mut columns = Vec::new();
    for (i, name) in names.into_iter().enumerate() {
        let mut types = rows.rows.iter().map(|row| row[i].cql_type()).filter(|ty| is_known(ty));
        let ty = types.next().or_else(|| rows.rows.first().map(|row| row[i].cql_type())).cloned();
        columns.push(Column { name, ty: ty.unwrap_or(CqlType::Any) });
    }
    if let Some(applied) = rows.applied {
        columns.insert(0, Column { name: APPLIED.to_owned(), ty: CqlType::Boolean });
        let value = Value::raw(CqlType::Boolean, Some(vec![applied.into()]));
        if rows.rows.is_empty() {
            columns.truncate(1);
            rows.rows.push(Vec::new());
        }
        rows.rows.iter_mut().for_each(|row| row.insert(0, value.clone()));
    }
    for (row, column) in rows.rows.iter().flat_map(|row| row.iter().zip(&columns)) {
        let mut bytes = Vec::new();
        if let Err(error) = crate::cql::ToCql::encode(row, &column.ty, &mut bytes) {
            return Err(invalid(format!("the scripted column `{}` of `{text}`: {error}", column.name)));
        }
    }
    Ok(Rest { columns, rows: rows.rows })
}

/// Nulls and empty collections don't tell the whole type; another row may.
fn is_known(ty: &CqlType) -> bool {
    match ty {
        CqlType::Any => false,
        CqlType::List(element) | CqlType::Set(element) => is_known(element),
        CqlType::Map(key, value) => is_known(key) && is_known(value),
        _ => true,
    }
}

impl Cassandra for Script {
    fn prepare(&mut self, _: u32, text: &str) -> Result<Statement, host::CqlError> {
        let text = normalised(text);
        let columns = self.columns_of_params(&text).map_err(host::CqlError::from)?;
        let mut params = Vec::new();
        write_columns(columns.iter().map(|column| (column.name.as_str(), &column.ty)), &mut params);
        Ok(Statement { id: id_of(&text), params, traits: traits(&text), ..Statement::default() })
    }

    fn execute(
        &mut self,
        event: u32,
        statement: u32,
        values: &[u8],
        next: &[u8],
        options: &Options,
    ) -> Result<Page, host::CqlError> {
        if !next.is_empty() {
            return self.next_page(next, options.page_size).map_err(host::CqlError::from);
        }
        let call =
            self.call(event, statement, &mut Reader::new(values), options, None).map_err(host::CqlError::from)?;
        let rest = self.answer(&call).and_then(|rows| with_columns(call.text(), rows)).map_err(host::CqlError::from)?;
        Ok(self.page(rest, options.page_size))
    }

    /// Conditions of a batch are met together: the first statement that is not applied answers for all.
    fn batch(
        &mut self,
        event: u32,
        _: u8,
        statements: &[u32],
        values: &[u8],
        options: &Options,
    ) -> Result<Page, host::CqlError> {
        let number = self.0.borrow().batches;
        self.0.borrow_mut().batches += 1;
        let mut values = Reader::new(values);
        let calls = statements.iter().map(|id| self.call(event, *id, &mut values, options, Some(number)));
        let calls = calls.collect::<Result<Vec<_>, _>>().map_err(host::CqlError::from)?;
        let mut outcome: Option<Rest> = None;
        let mut applied = true;
        for call in &calls {
            let rows = self.answer(call).map_err(host::CqlError::from)?;
            let this = rows.applied;
            if this.is_none() || (outcome.is_some() && (!applied || this == Some(true))) {
                continue;
            }
            applied = this == Some(true);
            outcome = Some(with_columns(call.text(), rows).map_err(host::CqlError::from)?);
        }
        Ok(outcome.map_or_else(Page::default, |rest| self.page(rest, 0)))
    }
}
