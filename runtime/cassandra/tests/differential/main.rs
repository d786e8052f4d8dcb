//! Runs every file of `corpus/` against a real Cassandra and the embedded one; whatever they answer differently fails.
//!
//! `VELTRIX_CORPUS=name` runs the files whose name begins so. See `corpus/README.md` for what a file says.

#[path = "../support/mod.rs"]
mod support;

mod checks;
mod corpus;
mod raw;
mod report;
mod run;
mod wire;

use std::path::Path;
use std::sync::Mutex;

use corpus::File;
use report::Report;

/// Files at a time: the real one takes its time over each change of the schema.
const SIDE_BY_SIDE: usize = 4;

#[test]
fn embedded_answers_as_cassandra() {
    let wanted = std::env::var("VELTRIX_CORPUS").unwrap_or_default();
    let files = corpus::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus"));
    let mut chosen: Vec<File> = files.into_iter().filter(|file| file.name.starts_with(&wanted)).collect();
    assert!(!chosen.is_empty(), "no file of the corpus begins with `{wanted}`");
    chosen.sort_by_key(|file| file.cases.len());
    let (queue, reports) = (Mutex::new(chosen), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let Some(file) = queue.lock().expect("no thread panics with it").pop() else { return };
                    let report = run::run(&file);
                    reports.lock().expect("no thread panics with it").push(report);
                }
            });
        }
    });
    let mut reports = reports.into_inner().expect("no thread panics with it");
    reports.sort_by(|a: &Report, b| a.file.cmp(&b.file));
    let failed = report::print(&reports);
    assert!(failed == 0, "{failed} statements differ");
}
