//! The threads that guests run on.

use tokio::runtime::{Builder, Runtime};

use super::RunError;

/// The runtime that guests run on, apart from the one that does I/O.
pub(crate) struct Wasm {
    runtime: Option<Runtime>,
    pub(crate) threads: usize,
}

impl Wasm {
    pub(crate) fn handle(&self) -> tokio::runtime::Handle {
        self.runtime.as_ref().expect("there until dropped").handle().clone()
    }
}

impl Drop for Wasm {
    /// Guests that did not end in time go with it; waiting for them is not allowed on an async thread.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

pub(crate) fn wasm_runtime() -> Result<Wasm, RunError> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("wasm")
        .enable_time()
        .build()
        .map_err(|error| RunError::Internal(format!("threads for guests: {error}")))?;
    Ok(Wasm { runtime: Some(runtime), threads })
}
