//! Keeps the latest reading of each sensor and raises an alarm when it is over the sensor's limit:
//! reads `readings` and the table `limits`, writes the table `latest`, emits to `alarms`.

use serde::{Deserialize, Serialize};
use veltrix_sdk::prelude::*;

const LIMIT: &str = "SELECT celsius FROM limits WHERE sensor = ?";
const KEEP: &str = "INSERT INTO latest (sensor, celsius) VALUES (?, ?)";

/// Of sensors without a row in `limits`.
const USUAL_LIMIT: i32 = 30;

#[derive(Deserialize)]
struct Reading {
    sensor: String,
    celsius: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Alarm {
    celsius: i32,
    limit: i32,
}

/// An event can come again, after a crash or a retry: it then writes the same row and emits the
/// same alarm. Readings of a sensor have its name as their key, so they are handled in order.
#[handler]
async fn watch(event: Event) -> Result<()> {
    // What is no such JSON becomes a dead letter; after any other error the event runs again.
    let Reading { sensor, celsius } = event.json()?;
    let limit = cql(LIMIT).bind(&sensor).optional::<i32>().await?;
    let limit = limit.unwrap_or(USUAL_LIMIT);
    cql(KEEP).bind(&sensor).bind(celsius).run().await?;
    if celsius > limit {
        emit("alarms").key(sensor).json(&Alarm { celsius, limit })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use veltrix_sdk::testing::{Host, Rows, Run, Script, Verdict, event};

    use super::*;

    /// One reading of 40 degrees, against a limit or none; and what Cassandra was asked.
    fn at_40(limit: Option<i32>) -> (Run, Script) {
        let rows = Script::new()
            .on(LIMIT, Rows::of(limit))
            .on(KEEP, Rows::none());
        let reading = r#"{"sensor": "attic", "celsius": 40}"#;
        let event = event("readings").key("attic").value(reading);
        (Host::new().cassandra(&rows).run(watch, [event]), rows)
    }

    #[test]
    fn a_reading_is_kept_and_raises_an_alarm_over_the_usual_limit() {
        let (run, rows) = at_40(None);
        assert_eq!(run.verdict(), Verdict::Ack);
        assert_eq!(rows.calls_of(KEEP)[0].get::<i32>(1), Ok(40));
        let (celsius, limit) = (40, USUAL_LIMIT);
        assert_eq!(run.emits()[0].json::<Alarm>(), Alarm { celsius, limit });
    }

    #[test]
    fn a_sensor_may_have_a_limit_of_its_own() {
        let (run, rows) = at_40(Some(50));
        assert_eq!(run.verdict(), Verdict::Ack);
        assert_eq!(rows.calls_of(KEEP).len(), 1);
        assert!(run.emits().is_empty());
    }
}
