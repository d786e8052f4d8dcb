//! The statements of one instance, by the numbers that its guest knows them by.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use veltrix_wasm::{CqlError, Statement};

use super::error::{Kind, refused};
use super::prepared::Prepared;

/// Most statements of an instance.
const MAX: usize = 1024;

/// Numbers of prepared statements; they are good for as long as this lives. Each instance has its own.
#[derive(Debug, Default)]
pub struct Statements(Mutex<Vec<Arc<Prepared>>>);

impl Statements {
    /// Numbers a statement, and says what the guest is to know of it. The same statement keeps its number.
    ///
    /// # Errors
    /// Too many.
    pub fn add(&self, statement: Arc<Prepared>) -> Result<Statement, CqlError> {
        let mut statements = self.lock();
        if let Some(id) = statements.iter().position(|known| Arc::ptr_eq(known, &statement)) {
            return Ok(statement.describe(id as u32));
        }
        if statements.len() == MAX {
            let message = format!("an instance may prepare {MAX} statements: use bind markers for what varies");
            return Err(refused(Kind::OverLimit, message));
        }
        let described = statement.describe(statements.len() as u32);
        statements.push(statement);
        Ok(described)
    }

    /// The statement of that number.
    ///
    /// # Errors
    /// There is none.
    pub fn get(&self, id: u32) -> Result<Arc<Prepared>, CqlError> {
        self.lock()
            .get(id as usize)
            .cloned()
            .ok_or_else(|| refused(Kind::Invalid, format!("statement {id} was not prepared by this instance")))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Prepared>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
