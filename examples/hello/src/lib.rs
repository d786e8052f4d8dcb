//! Hello: greets everyone who comes by. The smallest function that reads, decides and emits.

use serde::{Deserialize, Serialize};
use veltrix_sdk::prelude::*;

#[derive(Deserialize)]
struct Visitor {
    name: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Greeting {
    text: String,
}

#[handler]
async fn hello(event: Event) -> Result<()> {
    let visitor: Visitor = event.json()?;
    if visitor.name.is_empty() {
        return Err(Error::dead_letter("no-name"));
    }
    let text = format!("Hello, {}!", visitor.name);
    emit("greetings").optional_key(event.key()).json(&Greeting { text })
}

#[cfg(test)]
mod tests {
    use veltrix_sdk::testing::{Verdict, event, run};

    use super::*;

    #[test]
    fn greets_by_name_under_the_same_key() {
        let run = run(hello, [event("visitors").key("v-1").value(r#"{"name": "Ada"}"#)]);
        assert_eq!(run.verdict(), Verdict::Ack);
        let [greeting] = run.emits() else { panic!("one greeting for one visitor: {run:?}") };
        assert_eq!((greeting.topic(), greeting.key_text()), ("greetings", Some("v-1")));
        assert_eq!(greeting.json::<Greeting>(), Greeting { text: "Hello, Ada!".to_owned() });
    }

    #[test]
    fn nobody_is_a_dead_letter() {
        let events = [r#"{"name": ""}"#, r#"{"nom": "Ada"}"#, "Ada"].map(|value| event("visitors").value(value));
        let run = run(hello, events.into_iter().chain([event("visitors").tombstone()]));
        let decode = Verdict::dead_letter("decode");
        assert_eq!(run.verdicts(), [Verdict::dead_letter("no-name"), decode.clone(), decode.clone(), decode]);
        assert!(run.emits().is_empty());
    }
}
