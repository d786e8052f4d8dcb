//! The contract's imports: from the guest's call to the host's [`Call`] and [`Services`].

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Accessor, HasSelf, Linker};

use crate::bindings::{cassandra, cassandra_sync, cql, flow, flow_sync, host};
use crate::exchange::{Ask, Reply, Request};
use crate::services::{CqlError, LEVEL_MISCONFIGURED, LEVEL_PANIC, Options, Page, Statement, WHOLE_BATCH};
use crate::state::State;
use crate::stop::Stop;

/// Links all of the contract, both worlds.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    host::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    flow::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    flow_sync::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    cassandra::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    cassandra_sync::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    Ok(())
}

impl host::Host for State {
    fn var(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.services.var(&name))
    }

    fn secret(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.services.secret(&name))
    }

    fn log(&mut self, event: u32, level: u8, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        self.logs.log(event, level, &message, &fields);
        if let Some(current) = &mut self.current {
            match level {
                LEVEL_PANIC => current.panicked = Some((event, message)),
                LEVEL_MISCONFIGURED => current.misconfigured = Some(message),
                _ => {}
            }
        }
        Ok(())
    }

    fn mark(&mut self, event: u32) -> wasmtime::Result<()> {
        if let Some(current) = &mut self.current
            && current.isolate
            && event != WHOLE_BATCH
        {
            current.marked = Some(event);
            current.call.mark(event);
        }
        Ok(())
    }

    fn traceparent(&mut self, event: u32) -> wasmtime::Result<Option<String>> {
        Ok(self.current.as_ref().and_then(|current| current.call.traceparent(event)))
    }
}

impl flow::Host for State {}
impl<T: Send> flow::HostWithStore<T> for HasSelf<State> {
    async fn settle(accessor: &Accessor<T, Self>, outcome: Vec<u8>) -> wasmtime::Result<()> {
        accessor.with(|mut access| access.get().begin_settle(outcome))?.await
    }

    async fn sleep(accessor: &Accessor<T, Self>, ms: u64) -> wasmtime::Result<()> {
        accessor.with(|mut access| access.get().begin_sleep(ms))?.await
    }
}

impl flow_sync::Host for State {
    async fn settle(&mut self, outcome: Vec<u8>) -> wasmtime::Result<()> {
        self.begin_settle(outcome)?.await
    }

    async fn sleep(&mut self, ms: u64) -> wasmtime::Result<()> {
        self.begin_sleep(ms)?.await
    }
}

impl cql::Host for State {}
impl cassandra::Host for State {
    fn submit(&mut self, requests: Vec<u8>) -> wasmtime::Result<()> {
        let Some(current) = &self.current else {
            return Err(Stop::Malformed("submit outside a call".into()).into());
        };
        let begun = self.inbox.begin(&requests, &self.open)?;
        Arc::clone(&current.call).submit(begun);
        Ok(())
    }
}
impl<T: Send> cassandra::HostWithStore<T> for HasSelf<State> {
    async fn prepare(accessor: &Accessor<T, Self>, event: u32, text: String) -> Answer<cql::Statement> {
        let answer = accessor.with(|mut access| access.get().begin_prepare(event, text));
        Ok(reply(answer).await)
    }

    async fn execute(
        accessor: &Accessor<T, Self>,
        event: u32,
        statement: u32,
        values: Vec<u8>,
        next: Vec<u8>,
        options: cql::Options,
    ) -> Answer<cql::Page> {
        let ask = Ask::Execute { statement, next };
        let answer = accessor.with(|mut access| access.get().begin_request(event, ask, values, options));
        Ok(reply(answer).await)
    }

    async fn batch(
        accessor: &Accessor<T, Self>,
        event: u32,
        kind: u8,
        statements: Vec<u32>,
        values: Vec<u8>,
        options: cql::Options,
    ) -> Answer<cql::Page> {
        let ask = Ask::Batch { kind, statements };
        let answer = accessor.with(|mut access| access.get().begin_request(event, ask, values, options));
        Ok(reply(answer).await)
    }

    async fn answers(accessor: &Accessor<T, Self>) -> wasmtime::Result<Vec<u8>> {
        Ok(accessor.with(|mut access| access.get().inbox.fetch()).await)
    }
}

impl cassandra_sync::Host for State {
    async fn prepare(&mut self, event: u32, text: String) -> Answer<cql::Statement> {
        Ok(reply(self.begin_prepare(event, text)).await)
    }

    async fn execute(
        &mut self,
        event: u32,
        statement: u32,
        values: Vec<u8>,
        next: Vec<u8>,
        options: cql::Options,
    ) -> Answer<cql::Page> {
        Ok(reply(self.begin_request(event, Ask::Execute { statement, next }, values, options)).await)
    }

    async fn batch(
        &mut self,
        event: u32,
        kind: u8,
        statements: Vec<u32>,
        values: Vec<u8>,
        options: cql::Options,
    ) -> Answer<cql::Page> {
        Ok(reply(self.begin_request(event, Ask::Batch { kind, statements }, values, options)).await)
    }
}

type Answer<T> = wasmtime::Result<Result<T, cql::Error>>;

async fn reply<T, U: From<T>>(
    answer: Result<impl Future<Output = Result<T, CqlError>>, CqlError>,
) -> Result<U, cql::Error> {
    match answer {
        Ok(answer) => answer.await.map(U::from).map_err(cql::Error::from),
        Err(refused) => Err(refused.into()),
    }
}

/// What both worlds share. Each takes what it needs from the state at once and waits without it.
impl State {
    fn begin_settle(
        &mut self,
        outcome: Vec<u8>,
    ) -> Result<impl Future<Output = wasmtime::Result<()>> + Send + use<>, Stop> {
        let open = self.open.call(outcome.len())?;
        let Some(current) = &self.current else {
            return Err(Stop::Malformed("settle outside a call".into()));
        };
        let settled = current.call.settle(outcome);
        Ok(async move {
            let _open = open;
            settled.await.map_err(|what| Stop::Malformed(what).into())
        })
    }

    fn begin_sleep(&mut self, ms: u64) -> Result<impl Future<Output = wasmtime::Result<()>> + Send + use<>, Stop> {
        let open = self.open.sleep()?;
        let Some(current) = &self.current else {
            return Err(Stop::Malformed("sleep outside a call".into()));
        };
        let slept = current.call.sleep(Duration::from_millis(ms));
        Ok(async move {
            let _open = open;
            slept.await;
            Ok(())
        })
    }

    fn begin_prepare(
        &mut self,
        event: u32,
        text: String,
    ) -> Result<impl Future<Output = Result<Statement, CqlError>> + Send + use<>, CqlError> {
        let open = self.open.call(text.len()).map_err(over_limit)?;
        let prepared = self.cassandra()?.call.prepare(event, text);
        Ok(async move {
            let _open = open;
            prepared.await
        })
    }

    fn begin_request(
        &mut self,
        event: u32,
        ask: Ask,
        values: Vec<u8>,
        options: cql::Options,
    ) -> Result<impl Future<Output = Result<Page, CqlError>> + Send + use<>, CqlError> {
        let open = self.open.call(values.len() + ask.bytes()).map_err(over_limit)?;
        let call = Arc::clone(&self.cassandra()?.call);
        let (reply, answer) = Reply::to_import();
        call.submit(vec![Request { event, ask, values, options: options.into(), reply }]);
        Ok(async move {
            let _open = open;
            answer.await
        })
    }

    fn cassandra(&self) -> Result<&crate::state::Current, CqlError> {
        self.current.as_ref().ok_or_else(|| CqlError {
            kind: 1,
            message: "Cassandra call outside a call of the handler".into(),
            ..CqlError::default()
        })
    }
}

pub(crate) fn over_limit(stop: Stop) -> CqlError {
    CqlError::over_limit(format!("the instance {stop}; await some before starting more"))
}

impl From<Statement> for cql::Statement {
    fn from(Statement { id, params, results, key, traits }: Statement) -> Self {
        Self { id, params, results, key, traits }
    }
}

impl From<Page> for cql::Page {
    fn from(Page { count, columns, rows, next }: Page) -> Self {
        Self { count, columns, rows, next }
    }
}

impl From<CqlError> for cql::Error {
    fn from(CqlError { kind, applied, code, write_type, message }: CqlError) -> Self {
        Self { kind, applied, code, write_type, message }
    }
}

impl From<cql::Options> for Options {
    fn from(cql::Options { consistency, serial, timestamp, page_size, timeout_ms, flags }: cql::Options) -> Self {
        Self { consistency, serial, timestamp, page_size, timeout_ms, flags }
    }
}
