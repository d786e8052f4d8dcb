//! Runs requests as tasks of the worker's own: a guest that goes away does not cut them short.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;
use veltrix_wasm::CqlError;

use super::error::{Kind, refused};
use super::outstanding::Outstanding;
use super::session::Shared;

/// Begins `work`, which changes nothing, as a task, and gives its answer. Dropping the returned future changes nothing.
pub(super) fn spawn<T, F>(runtime: &Handle, work: F) -> impl Future<Output = Result<T, CqlError>> + Send + use<T, F>
where
    T: Send + 'static,
    F: Future<Output = Result<T, CqlError>> + Send + 'static,
{
    let task = runtime.spawn(work);
    async move {
        task.await.unwrap_or_else(|error| {
            // A bug, or the runtime is going down.
            Err(refused(Kind::Unavailable, format!("the request's task ended early: {error}")))
        })
    }
}

/// How a request is run.
pub(super) struct Run {
    pub(super) shared: Arc<Shared>,
    pub(super) outstanding: Outstanding,
    /// Longest wait for a free place.
    pub(super) patience: Duration,
}

impl Run {
    /// Runs `work` when there is a free place.
    pub(super) fn run<T, F>(self, work: F) -> impl Future<Output = Result<T, CqlError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, CqlError>> + Send + 'static,
    {
        // Counted from here, not from when it is first polled: nobody must find none on its way in between.
        let guard = self.outstanding.begin();
        // A driver's future takes kilobytes, and each layer around it would hold and copy it twice.
        let work = Box::pin(work);
        async move {
            let _guard = guard;
            let result = match self.permit().await {
                Ok(_permit) => work.await,
                Err(error) => Err(error),
            };
            if let Err(error) = &result
                && Kind::from_number(error.kind).is_suspect()
            {
                self.shared.suspect.notify_one();
            }
            result
        }
    }

    async fn permit(&self) -> Result<tokio::sync::OwnedSemaphorePermit, CqlError> {
        let permits = self.shared.permits.clone();
        // The common case, without a timer.
        if let Ok(permit) = permits.clone().try_acquire_owned() {
            return Ok(permit);
        }
        match timeout(self.patience, permits.acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(refused(
                Kind::Overloaded,
                format!("no free place among {} requests within {:?}", self.shared.config.max_in_flight, self.patience),
            )),
        }
    }
}
