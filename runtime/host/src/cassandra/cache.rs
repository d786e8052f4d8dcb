//! Prepared statements of the worker, by their canonical text. Each is prepared once, however many ask at a time.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

use veltrix_wasm::CqlError;

/// A value on its way or there; clones wait for the same.
type Pending<T> = Shared<BoxFuture<'static, Result<Arc<T>, CqlError>>>;

/// Keeps the most recently used values, bounded by number and by bytes of their keys.
pub(super) struct Cache<T> {
    entries: Mutex<Entries<T>>,
    max_entries: usize,
    max_bytes: usize,
}

struct Entries<T> {
    map: HashMap<Arc<str>, Entry<T>>,
    bytes: usize,
    /// Counts uses; tells which entry was used last, and entries of one key apart.
    clock: u64,
}

struct Entry<T> {
    value: Pending<T>,
    born: u64,
    used: u64,
}

impl<T: Send + Sync + 'static> Cache<T> {
    pub(super) fn new(max_entries: usize, max_bytes: usize) -> Self {
        let entries = Mutex::new(Entries { map: HashMap::new(), bytes: 0, clock: 0 });
        Self { entries, max_entries, max_bytes }
    }

    /// The value of `key`. If there is none, `make` begins to make it, as a future that runs by itself (a task).
    /// Errors reach all who wait, and are not kept.
    pub(super) async fn get<F>(&self, key: &str, make: impl FnOnce() -> F) -> Result<Arc<T>, CqlError>
    where
        F: Future<Output = Result<Arc<T>, CqlError>> + Send + 'static,
    {
        let (value, born) = self.entry(key, make);
        let result = value.await;
        if result.is_err() {
            self.forget(key, born);
        }
        result
    }

    fn entry<F>(&self, key: &str, make: impl FnOnce() -> F) -> (Pending<T>, u64)
    where
        F: Future<Output = Result<Arc<T>, CqlError>> + Send + 'static,
    {
        let mut entries = self.lock();
        entries.clock += 1;
        let now = entries.clock;
        if let Some(entry) = entries.map.get_mut(key) {
            entry.used = now;
            // Whoever waited for it may be gone, so that nobody forgot its failure.
            if !matches!(entry.value.peek(), Some(Err(_))) {
                return (entry.value.clone(), entry.born);
            }
            entries.remove(key);
        }
        while !entries.map.is_empty()
            && (entries.map.len() >= self.max_entries || entries.bytes + key.len() > self.max_bytes)
        {
            let oldest = entries.map.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
            oldest.inspect(|key| entries.remove(key));
        }
        let value = make().boxed().shared();
        entries.bytes += key.len();
        entries.map.insert(key.into(), Entry { value: value.clone(), born: now, used: now });
        (value, now)
    }

    /// Drops the entry if it is still that one.
    fn forget(&self, key: &str, born: u64) {
        let mut entries = self.lock();
        if entries.map.get(key).is_some_and(|entry| entry.born == born) {
            entries.remove(key);
        }
    }

    /// Number of entries.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().map.len()
    }

    fn lock(&self) -> MutexGuard<'_, Entries<T>> {
        // Nothing that runs under the lock leaves entries half changed.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Entries<T> {
    fn remove(&mut self, key: &str) {
        if self.map.remove(key).is_some() {
            self.bytes -= key.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    async fn get(cache: &Cache<u32>, key: &str, made: &AtomicUsize, result: Result<u32, CqlError>) -> Option<u32> {
        let make = || {
            made.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::task::yield_now().await;
                result.map(Arc::new)
            }
        };
        cache.get(key, make).await.ok().map(|value| *value)
    }

    #[tokio::test]
    async fn makes_a_value_once_for_all_who_wait() {
        let (cache, made) = (Cache::new(9, 99), AtomicUsize::new(0));
        let (a, b) = tokio::join!(get(&cache, "k", &made, Ok(1)), get(&cache, "k", &made, Ok(2)));
        assert_eq!((a, b, made.into_inner()), (Some(1), Some(1), 1));
    }

    #[tokio::test]
    async fn tells_all_who_wait_of_an_error_and_tries_again() {
        let (cache, made) = (Cache::new(9, 99), AtomicUsize::new(0));
        let error = || Err(CqlError::default());
        let (a, b) = tokio::join!(get(&cache, "k", &made, error()), get(&cache, "k", &made, error()));
        assert_eq!((a, b, made.load(Ordering::Relaxed), cache.len()), (None, None, 1, 0));
        assert_eq!(get(&cache, "k", &made, Ok(3)).await, Some(3));
    }

    #[tokio::test]
    async fn drops_what_was_not_used_for_longest() {
        let (cache, made) = (Cache::new(2, 99), AtomicUsize::new(0));
        for key in ["a", "b", "a", "c", "a"] {
            get(&cache, key, &made, Ok(0)).await;
        }
        assert_eq!((made.load(Ordering::Relaxed), cache.len()), (3, 2));
        get(&cache, "b", &made, Ok(0)).await;
        assert_eq!(made.into_inner(), 4);
    }

    #[tokio::test]
    async fn bounds_the_bytes_of_keys() {
        let (cache, made) = (Cache::new(9, 10), AtomicUsize::new(0));
        for key in ["12345", "67890", "abc"] {
            get(&cache, key, &made, Ok(0)).await;
        }
        assert_eq!(cache.len(), 2);
        get(&cache, "a key beyond all bounds", &made, Ok(0)).await;
        assert_eq!(cache.len(), 1);
    }
}
