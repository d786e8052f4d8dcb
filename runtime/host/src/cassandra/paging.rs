//! Paging tokens: the server's state, bound to its statement.

use scylla::response::{PagingState, PagingStateResponse};

const PREFIX: usize = 8;

/// What binds a token to its statement: a hash of the statement's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; PREFIX]);

impl Fingerprint {
    pub(super) fn of(text: &str) -> Self {
        use std::hash::BuildHasher;
        // Fixed seed: the same token in every worker, and in a replay.
        let hash = foldhash::quality::FixedState::with_seed(0x7061_6765).hash_one(text);
        Self(hash.to_be_bytes())
    }

    /// The server's state in a token; an empty token is the start. `None` if it is another statement's.
    pub(super) fn open(self, token: &[u8]) -> Option<PagingState> {
        if token.is_empty() {
            return Some(PagingState::start());
        }
        token.strip_prefix(&self.0).map(PagingState::new_from_raw_bytes)
    }

    /// A token for what comes next; empty at the end.
    pub(super) fn seal(self, next: &PagingStateResponse) -> Vec<u8> {
        let state = match next {
            PagingStateResponse::HasMorePages { state } => state.as_bytes_slice(),
            PagingStateResponse::NoMorePages => None,
        };
        state.map_or_else(Vec::new, |state| [&self.0[..], state].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_statement_only() {
        let (mine, other) = (Fingerprint::of("SELECT a"), Fingerprint::of("SELECT b"));
        let token = mine.seal(&PagingStateResponse::new_from_raw_bytes(Some(b"state")));
        assert_eq!(mine.open(&token).unwrap().as_bytes_slice().map(|state| &state[..]), Some(&b"state"[..]));
        assert_eq!(other.open(&token), None);
        assert_eq!(mine.open(b"short"), None);
    }

    #[test]
    fn empty_is_the_start_and_the_end() {
        let statement = Fingerprint::of("SELECT a");
        assert_eq!(statement.open(b""), Some(PagingState::start()));
        assert!(statement.seal(&PagingStateResponse::NoMorePages).is_empty());
    }
}
