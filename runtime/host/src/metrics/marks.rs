//! What is known of a partition: how far it was read, and how far all is done.

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Marks {
    pub(super) fetch: Fetch,
    pub(super) committable: Option<i64>,
}

/// What the client knows of a partition; nothing where it does not.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Fetch {
    /// The log's start.
    pub low: Option<i64>,
    /// The log's end.
    pub high: Option<i64>,
    /// The end of what may be read: before transactions that are open.
    pub stable: Option<i64>,
    /// Everything below was fetched.
    pub next: Option<i64>,
    /// Everything below was handed on; none if nothing was yet.
    pub handed_on: Option<i64>,
    /// Whether fetched events wait in the client.
    pub queued: bool,
}

impl Marks {
    /// Unknown is not zero; what retention took is no lag, nor are the marks of transactions and the gaps of compaction
    /// behind the last event.
    pub(super) fn lag(self) -> Option<i64> {
        let (done, high) = (self.done()?, self.fetch.high?);
        Some((high - done.max(self.fetch.low.unwrap_or(0))).max(0))
    }

    /// Below it nothing is left to do.
    pub(super) fn done(self) -> Option<i64> {
        let committable = self.committable?;
        let Fetch { next, handed_on, queued, .. } = self.fetch;
        let all_done = !queued && handed_on.is_none_or(|end| end <= committable);
        Some(committable.max(next.filter(|_| all_done).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_behind_the_last_event_and_is_none_is_no_lag() {
        let marker = Fetch { high: Some(11), next: Some(11), handed_on: Some(10), ..Fetch::default() };
        let lag = |committable, fetch| Marks { fetch, committable: Some(committable) }.lag();
        assert_eq!(lag(10, marker), Some(0));
        assert_eq!(lag(9, marker), Some(2), "an event that was handed on is not done");
        assert_eq!(lag(10, Fetch { queued: true, ..marker }), Some(1), "what waits in the client may be an event");
        assert_eq!(lag(10, Fetch { next: Some(10), ..marker }), Some(1), "what was not fetched may be an event");
        assert_eq!(lag(10, Fetch { handed_on: None, ..marker }), Some(0), "only the marker came after a restart");
    }
}
