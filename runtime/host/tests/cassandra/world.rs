//! A keyspace of the test's own, the adapter, and the binary form of values.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use veltrix_host::cassandra::{Access, Cassandra, EventTime, Outstanding, Prepared};
use veltrix_manifest::Grant;
use veltrix_tests::{eventually, servers};
use veltrix_wasm::{CqlError, Options, Page};

pub(crate) struct World {
    pub(crate) server: veltrix_tests::Cassandra,
    pub(crate) keyspace: String,
    pub(crate) cassandra: Arc<Cassandra>,
    runtime: Runtime,
}

/// Options that leave everything at its default.
pub(crate) fn defaults() -> Options {
    Options { consistency: 0xffff, serial: 0xffff, timestamp: None, page_size: 0, timeout_ms: 0, flags: 0 }
}

impl World {
    /// A keyspace with these tables, `CREATE TABLE` left out.
    pub(crate) fn new(tables: &[&str]) -> Self {
        let server = servers().cassandra();
        let keyspace = server.keyspace("host");
        for table in tables {
            server.execute(&format!("CREATE TABLE {keyspace}.{table}"));
        }
        let runtime = Runtime::new().unwrap();
        let cassandra = {
            let _inside = runtime.enter();
            Cassandra::connect(&[servers().cassandra_address().to_owned()], &keyspace)
        };
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), cassandra.up()).await }).unwrap();
        Self { server, keyspace, cassandra, runtime }
    }

    /// Access of a function with these grants.
    pub(crate) fn access(&self, grants: &[(&str, Grant)]) -> Function<'_> {
        let tables = grants.iter().map(|(table, grant)| ((*table).to_owned(), *grant)).collect();
        let access = Access::new(self.cassandra.clone(), tables).named("tested");
        Function { world: self, access, outstanding: Outstanding::new() }
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

pub(crate) struct Function<'w> {
    pub(crate) world: &'w World,
    pub(crate) access: Access,
    pub(crate) outstanding: Outstanding,
}

impl Function<'_> {
    pub(crate) fn prepare(&self, text: &str) -> Result<Arc<Prepared>, CqlError> {
        self.world.block_on(self.access.prepare(text.to_owned()))
    }

    #[track_caller]
    pub(crate) fn prepared(&self, text: &str) -> Arc<Prepared> {
        self.prepare(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
    }

    /// Prepares and executes at once.
    #[track_caller]
    pub(crate) fn run(&self, text: &str, values: &[Value<'_>]) -> Result<Page, CqlError> {
        self.run_with(text, values, defaults(), None)
    }

    #[track_caller]
    pub(crate) fn run_with(
        &self,
        text: &str,
        values: &[Value<'_>],
        options: Options,
        event: Option<EventTime>,
    ) -> Result<Page, CqlError> {
        let statement = self.prepared(text);
        self.world.block_on(self.access.execute(
            statement,
            encode(values),
            Vec::new(),
            options,
            event,
            &self.outstanding,
        ))
    }

    /// Begins a request at once, as the worker does; it goes on if the answer's future is dropped.
    pub(crate) fn begin(
        &self,
        request: BoxFuture<'static, Result<Page, CqlError>>,
    ) -> BoxFuture<'static, Result<Page, CqlError>> {
        let (reply, answer) = oneshot::channel();
        let answered = async move { drop(reply.send(request.await)) };
        self.access.clone().begin(|_| std::iter::once(answered), &self.outstanding);
        Box::pin(async { answer.await.unwrap() })
    }

    /// Waits until a new table can be seen through the adapter.
    pub(crate) fn eventually_prepared(&self, text: &str) -> Arc<Prepared> {
        eventually(text, Duration::from_secs(20), || self.prepare(text).ok())
    }
}

/// A bound value, or a cell of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Bytes(&'a [u8]),
    Null,
    Unset,
}

pub(crate) fn text(text: &str) -> Value<'_> {
    Value::Bytes(text.as_bytes())
}

pub(crate) fn encode(values: &[Value<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        match value {
            Value::Bytes(bytes) => {
                out.extend((bytes.len() as i32).to_be_bytes());
                out.extend(*bytes);
            }
            Value::Null => out.extend((-1i32).to_be_bytes()),
            Value::Unset => out.extend((-2i32).to_be_bytes()),
        }
    }
    out
}

/// The cells of all rows, one after another.
pub(crate) fn cells(page: &Page) -> Vec<Value<'_>> {
    let mut rest = &page.rows[..];
    let mut cells = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let (cell, after) = match i32::from_be_bytes(*length) {
            -1 => (Value::Null, after),
            length => {
                let (cell, after) = after.split_at(length as usize);
                (Value::Bytes(cell), after)
            }
        };
        cells.push(cell);
        rest = after;
    }
    assert!(rest.is_empty());
    cells
}

/// Names of the columns in a page or a statement; types must be native.
pub(crate) fn names(columns: &[u8]) -> Vec<String> {
    let mut rest = columns;
    let mut names = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let (name, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
        names.push(String::from_utf8(name.to_vec()).unwrap());
        rest = &after[2..];
    }
    names
}
