//! Cases: events and rows in, verdicts, emits and rows out.
