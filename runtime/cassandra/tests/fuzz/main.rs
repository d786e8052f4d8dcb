//! Hostile input: mutated statements of the corpus and mutated frames. Nothing panics, hangs or takes unbounded memory.

mod client;
mod mutate;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use client::{Client, frame, query};
use mutate::{Mutation, apply, mutations, statements};
use proptest::prelude::*;
use proptest::sample::Index;

/// Longest that a statement of some kilobytes may take to parse, with a debug build on a busy machine.
const PARSING: Duration = Duration::from_secs(2);
/// Most that all tests of this file may take at once, server and clients together.
const MEMORY_KIB: u64 = 512 * 1024;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 2000, ..ProptestConfig::default() }
}

/// Panics of any thread: the server catches none silently.
fn panics() -> usize {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    static HOOK: OnceLock<()> = OnceLock::new();
    HOOK.get_or_init(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            COUNT.fetch_add(1, Ordering::SeqCst);
            before(panic);
        }));
    });
    COUNT.load(Ordering::SeqCst)
}

fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a process can read its status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it tells the peak of memory");
    peak.trim().trim_end_matches(" kB").parse().expect("a number of kilobytes")
}

proptest! {
    #![proptest_config(config(20_000))]

    #[test]
    fn parser_survives_mutated_statements(at in any::<Index>(), other in any::<Index>(), changes in mutations()) {
        let text = apply(at.get::<String>(statements()), other.get::<String>(statements()), &changes);
        let start = Instant::now();
        let _ = veltrix_cql::parse(&text);
        let _ = veltrix_cql::parse_any(&text);
        prop_assert!(start.elapsed() < PARSING, "{:?} for {} bytes", start.elapsed(), text.len());
    }
}

#[test]
fn parser_survives_depth_and_length() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}"), ("{1: ", "}"), ("-(", ")"), ("list<", ">"), ("f(", ")")] {
        for count in [10, 100, 10_000, 200_000] {
            let nested = format!("{}1{}", open.repeat(count), close.repeat(count));
            for text in [
                format!("SELECT {nested} FROM t"),
                format!("SELECT * FROM t WHERE p = {nested}"),
                format!("CREATE TABLE t (p {nested} PRIMARY KEY)"),
                format!("INSERT INTO t (p) VALUES ({nested})"),
                nested,
            ] {
                let start = Instant::now();
                let _ = veltrix_cql::parse_any(&text);
                assert!(start.elapsed() < PARSING, "{:?} for {} bytes", start.elapsed(), text.len());
            }
        }
    }
    for part in ["p = 1 AND ", "a + ", "a.", "a, ", "/* ", "'", "$$", "\"", "-", "?, ", "BEGIN BATCH "] {
        let start = Instant::now();
        let _ = veltrix_cql::parse_any(&format!("SELECT {}", part.repeat(60_000)));
        let _ = veltrix_cql::parse_any(&part.repeat(60_000));
        assert!(start.elapsed() < PARSING, "{:?} for {part}", start.elapsed());
    }
}

proptest! {
    #![proptest_config(config(3_000))]

    /// Statements with a slip in them reach the engine: it answers, and never with an error of its own.
    #[test]
    fn engine_survives_mutated_statements(at in any::<Index>(), other in any::<Index>(), changes in mutations()) {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let before = panics();
        let text = apply(at.get::<String>(statements()), other.get::<String>(statements()), &changes);
        // What was written long ago is in the way of nothing.
        if COUNT.fetch_add(1, Ordering::Relaxed).is_multiple_of(100) {
            client::prepare_keyspace();
        }
        let answer = Client::shared().ask(&query(&text));
        prop_assert_eq!(panics(), before, "it panicked at {}", text);
        let answer = answer.map_err(|error| TestCaseError::fail(format!("{error} at {text}")))?;
        prop_assert!(answer.code() != Some(0), "an error of the server's own at {}: {:?}", text, answer);
        prop_assert!(memory() < MEMORY_KIB, "{} KiB", memory());
    }

    /// Frames with wrong bytes: the server answers or hangs up, and serves others as before.
    #[test]
    fn server_survives_mutated_frames(
        frames in prop::collection::vec((any::<Index>(), 0..6_u8, prop::collection::vec((any::<Index>(), any::<u8>()), 0..4)), 1..5),
        version in prop_oneof![4 => Just(4_u8), 2 => Just(5), 1 => any::<u8>()],
        cut in any::<Index>(),
        length in prop_oneof![6 => Just(None), 1 => any::<u32>().prop_map(Some)],
        compressed in any::<bool>(),
    ) {
        let before = panics();
        let mut bytes = client::startup(version, compressed);
        for (at, opcode, changes) in &frames {
            let mut one = frame(version, *opcode, at.get::<String>(statements()));
            for (place, value) in changes {
                let place = place.index(one.len());
                one[place] = *value;
            }
            if let Some(length) = length {
                one[5..9].copy_from_slice(&length.to_be_bytes());
            }
            bytes.extend(one);
        }
        if length.is_none() && changes_none(&frames) {
            bytes.truncate(cut.index(bytes.len()).max(1));
        }
        client::throw(&bytes);
        prop_assert_eq!(panics(), before);
        let answer = Client::shared().ask(&query("SELECT key FROM system.local"));
        prop_assert!(answer.is_ok_and(|answer| answer.code().is_none()));
        prop_assert!(memory() < MEMORY_KIB, "{} KiB", memory());
    }
}

type Frames = [(Index, u8, Vec<(Index, u8)>)];

fn changes_none(frames: &Frames) -> bool {
    frames.iter().all(|(_, _, changes)| changes.is_empty())
}

#[test]
fn mutations_change_statements() {
    let changed = apply("SELECT 1", "INSERT", &[Mutation::Delete(0, 3), Mutation::Insert(0, 5)]);
    assert_ne!(changed, "SELECT 1");
}
