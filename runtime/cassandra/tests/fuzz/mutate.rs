//! Statements of the corpus, and ways to spoil them.

use std::path::Path;
use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::prelude::*;

/// One change; places are taken modulo the length.
#[derive(Debug, Clone)]
pub(crate) enum Mutation {
    Delete(usize, usize),
    Duplicate(usize, usize),
    /// One of `TOKENS`.
    Insert(usize, usize),
    /// Any character.
    Put(usize, char),
    /// The end of another statement.
    Splice(usize, usize),
    /// An opening bracket this often.
    Nest(usize, usize),
}

const TOKENS: [&str; 40] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    ";",
    ":",
    "?",
    "'",
    "\"",
    "$$",
    "-",
    "--",
    "/*",
    "*/",
    "0x",
    "=",
    "!=",
    "+",
    "*",
    "null",
    "IN",
    "AND",
    "IF",
    "TOKEN",
    "JSON",
    "NaN",
    "-9223372036854775808",
    "99999999999999999999999",
    "1e400",
    "'2024-02-30'",
    "P1Y",
    "00000000-0000-1000-0000-000000000000",
    "frozen<list<int>>",
    "TTL 1",
    "LIMIT 2147483647",
    "\u{0}",
];

/// Some changes, mostly few.
pub(crate) fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let place = || 0..10_000_usize;
    let one = prop_oneof![
        3 => (place(), 1..30_usize).prop_map(|(at, count)| Mutation::Delete(at, count)),
        2 => (place(), 1..60_usize).prop_map(|(at, count)| Mutation::Duplicate(at, count)),
        4 => (place(), 0..TOKENS.len()).prop_map(|(at, which)| Mutation::Insert(at, which)),
        2 => (place(), any::<char>()).prop_map(|(at, letter)| Mutation::Put(at, letter)),
        2 => (place(), place()).prop_map(|(at, from)| Mutation::Splice(at, from)),
        1 => (place(), 1..300_usize).prop_map(|(at, count)| Mutation::Nest(at, count)),
    ];
    vec(one, 0..5)
}

/// The statement, spoilt.
pub(crate) fn apply(statement: &str, other: &str, changes: &[Mutation]) -> String {
    let mut letters: Vec<char> = statement.chars().collect();
    for change in changes {
        let place = |at: usize| at % (letters.len() + 1);
        match *change {
            Mutation::Delete(at, count) => {
                let at = place(at);
                letters.drain(at..(at + count).min(letters.len()));
            }
            Mutation::Duplicate(at, count) => {
                let at = place(at);
                let copy = letters[at..(at + count).min(letters.len())].to_vec();
                letters.splice(at..at, copy);
            }
            Mutation::Insert(at, which) => {
                let at = place(at);
                letters.splice(at..at, format!(" {} ", TOKENS[which]).chars());
            }
            Mutation::Put(at, letter) => {
                let at = place(at);
                letters.insert(at, letter);
            }
            Mutation::Splice(at, from) => {
                let at = place(at);
                let other: Vec<char> = other.chars().collect();
                letters.truncate(at);
                letters.extend(&other[from % (other.len() + 1)..]);
            }
            Mutation::Nest(at, count) => {
                let at = place(at);
                letters.splice(at..at, std::iter::repeat_n('(', count));
            }
        }
    }
    letters.into_iter().collect()
}

/// All lines of the corpus that are a statement.
pub(crate) fn statements() -> &'static [String] {
    static ALL: OnceLock<Vec<String>> = OnceLock::new();
    ALL.get_or_init(|| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
        let files = std::fs::read_dir(directory).expect("the corpus is there");
        let mut paths: Vec<_> = files.map(|entry| entry.expect("the corpus is readable").path()).collect();
        paths.sort();
        let mut all = Vec::new();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "cql")) {
            let text = std::fs::read_to_string(path).expect("the corpus is readable");
            let lines = text.lines().filter(|line| !line.starts_with("--"));
            let lines = lines.filter_map(|line| line.trim_start_matches("! ").strip_suffix(';'));
            all.extend(lines.map(|line| line.replace("$ks2", "fuzz2").replace("$ks3", "fuzz3").replace("$ks", "fuzz")));
        }
        assert!(all.len() > 1500, "only {} statements were found", all.len());
        all
    })
}
