//! The settings of an instance, read once.

use std::cell::OnceCell;
use std::rc::Rc;
use std::thread::LocalKey;

use veltrix_sdk::{Context, misconfigured};

use crate::settings::Settings;

/// Where an instance keeps what it has read.
pub type Cell<T> = OnceCell<Rc<T>>;

/// What the manifest's `vars` say, read at the first event of the instance. Mistakes are told all together, and end the call by
/// [`misconfigured`]: no event is charged for them.
///
/// Natively it is read each time, as each test has settings of its own.
///
/// # Panics
/// Natively, if there are mistakes.
pub fn configured<T>(kept: &'static LocalKey<Cell<T>>, read: impl FnOnce(&mut Settings) -> Option<T>) -> Rc<T> {
    let keeps = cfg!(target_family = "wasm");
    if let Some(known) = kept.with(|kept| kept.get().filter(|_| keeps).cloned()) {
        return known;
    }
    let mut settings = Settings::of(Context::get());
    let value = read(&mut settings);
    match settings.finish(value) {
        Ok(value) => {
            let value = Rc::new(value);
            if keeps {
                kept.with(|kept| drop(kept.set(value.clone())));
            }
            value
        }
        Err(problems) => misconfigured(problems),
    }
}
