//! Greets everyone who comes by: reads `visitors`, emits to `greetings`.

use serde::{Deserialize, Serialize};
use veltrix_sdk::prelude::*;

#[derive(Deserialize)]
struct Visitor {
    name: String,
}

#[derive(Serialize, Deserialize)]
struct Greeting {
    text: String,
}

/// An event can come again, after a crash or a retry: what this does must bear that.
#[handler]
async fn greet(event: Event) -> Result<()> {
    // What is no such JSON becomes a dead letter, with the reason `decode`.
    let visitor: Visitor = event.json()?;
    if visitor.name.is_empty() {
        return Err(Error::dead_letter("no-name"));
    }
    let text = format!("Hello, {}!", visitor.name);
    // Sent before the event is committed. The topic is among `emits` in veltrix.toml.
    emit("greetings")
        .optional_key(event.key())
        .json(&Greeting { text })
}

#[cfg(test)]
mod tests {
    use veltrix_sdk::testing::{Verdict, event, run};

    use super::*;

    #[test]
    fn greets_by_name_under_the_same_key() {
        let visitor = event("visitors").key("v-1").value(r#"{"name": "Ada"}"#);
        let run = run(greet, [visitor]);
        assert_eq!(run.verdict(), Verdict::Ack);
        assert_eq!(run.emits()[0].key_text(), Some("v-1"));
        assert_eq!(run.emits()[0].json::<Greeting>().text, "Hello, Ada!");
    }

    #[test]
    fn nobody_is_a_dead_letter() {
        let visitors = [r#"{"name": ""}"#, "Ada"].map(|value| event("visitors").value(value));
        let run = run(greet, visitors);
        let reasons = ["no-name", "decode"].map(Verdict::dead_letter);
        assert_eq!(run.verdicts(), reasons);
        assert!(run.emits().is_empty());
    }
}
