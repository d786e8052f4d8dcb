//! The admin interface over HTTP: `/healthz`, `/readyz`, `/metrics`.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use crate::control::Lane;

/// Connections served at once.
const MOST_CONNECTIONS: usize = 64;

/// What the admin interface shows.
pub trait Status: Send + Sync + 'static {
    /// State of the worker; it is ready when all that it needs answers.
    fn readiness(&self) -> Readiness;
    /// Metrics in OpenMetrics' text format.
    fn metrics(&self) -> String;
}

/// Answer of `/readyz`.
#[derive(Debug, Clone, Serialize)]
pub struct Readiness {
    /// Everything answers.
    pub ready: bool,
    /// `up` or `down`.
    pub kafka: &'static str,
    /// `up`, `down` or `unused`.
    pub cassandra: &'static str,
    /// A binding per consumer group.
    pub bindings: Vec<BindingStatus>,
}

/// A binding in `/readyz`.
#[derive(Debug, Clone, Serialize)]
pub struct BindingStatus {
    /// Its consumer group.
    pub group: String,
    /// Its function.
    pub function: String,
    /// `starting`, `running` or `restarting`.
    pub state: &'static str,
    /// Why it failed last; absent once it has run well for some time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// `closed`, `half-open` or `open`, by what it needs: `cassandra`, `kafka`, `dead-letters`.
    pub breakers: BTreeMap<&'static str, &'static str>,
    /// An operator has paused it.
    pub paused: bool,
    /// Lanes that wait for somebody to resume the binding; at most 100 are listed.
    pub stopped: Vec<Lane>,
}

/// Listens on an address.
///
/// # Errors
/// The address is in use or not ours.
pub async fn bind(address: &str) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves until dropped.
pub async fn serve(listener: TcpListener, status: Arc<dyn Status>) {
    let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let permit = permits.clone().acquire_owned().await.expect("never closed");
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "admin: accept");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
        };
        let status = status.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| answer(request, status.clone()));
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(std::time::Duration::from_secs(10))
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                debug!(%error, "admin connection");
            }
            drop(permit);
        });
    }
}

async fn answer(request: Request<Incoming>, status: Arc<dyn Status>) -> Result<Response<Full<Bytes>>, Infallible> {
    let reply = |code: StatusCode, kind: &'static str, body: String| {
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = code;
        response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
        response
    };
    let text = "text/plain; charset=utf-8";
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(reply(StatusCode::METHOD_NOT_ALLOWED, text, "only GET\n".into()));
    }
    Ok(match request.uri().path() {
        "/healthz" => reply(StatusCode::OK, text, "ok\n".into()),
        "/readyz" => {
            let readiness = status.readiness();
            let code = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            let body = serde_json::to_string(&readiness).expect("plain data");
            reply(code, "application/json", body + "\n")
        }
        "/metrics" => {
            reply(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", status.metrics())
        }
        path => reply(StatusCode::NOT_FOUND, text, format!("{path}: there are /healthz, /readyz and /metrics\n")),
    })
}
