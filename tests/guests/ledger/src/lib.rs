//! A function for integration tests of effects: it keeps accounts, once for each event, or plain state by event time.
//!
//! An event's key is the account, its value the amount. Variables: `to` (topic of the new balances), `state` (table of plain
//! state instead of accounts: key and value as they are), `event_time` (write it with the event's time).
//! Headers: `stall` MS (after the effect, if it was applied now), `broken` (a statement that no such batch takes).

use std::time::Duration;

use veltrix_sdk::prelude::*;
use veltrix_sdk::{Done, Effect};

#[handler]
async fn ledger(event: Event, context: &Context) -> Result<()> {
    if let Some(table) = context.var("state") {
        let text = format!("INSERT INTO {table} (k, value) VALUES (?, ?)");
        let insert = cql(&text).bind(event.key_text()?).bind(event.text()?);
        let insert = if context.var("event_time").is_some() { insert.event_time() } else { insert };
        insert.run().await?;
        return Ok(());
    }
    let (to, account) = (context.require("to")?, event.key_text()?);
    let amount: i64 = event.text()?.parse().or_dead_letter("amount")?;
    let done = once(&event, "accounts")
        .key("account", account)
        .run(async |effect| {
            let balance = "SELECT balance FROM accounts WHERE account = ? AND entry = ''";
            let before: Option<i64> = cql(balance).bind(account).optional().await?;
            let after = before.unwrap_or(0) + amount;
            match before {
                None => {
                    let open = "INSERT INTO accounts (account, entry, balance) VALUES (?, '', ?) IF NOT EXISTS";
                    effect.write(cql(open).bind(account).bind(after)).await?;
                }
                Some(before) => {
                    let update = "UPDATE accounts SET balance = ? WHERE account = ? AND entry = '' IF balance = ?";
                    effect.write(cql(update).bind(after).bind(account).bind(before)).await?;
                }
            }
            if let Some(what) = event.header("broken") {
                break_it(effect, what, account).await?;
            }
            emit(&to).key(account).header("offset", event.offset().to_string()).value(after.to_string())
        })
        .await?;
    if done == Done::Before {
        log::field("account", account).info("found");
    } else if let Some(stall) = event.header("stall") {
        let ms = std::str::from_utf8(stall).ok().and_then(|ms| ms.parse().ok()).or_dead_letter("stall")?;
        sleep(Duration::from_millis(ms)).await;
    }
    Ok(())
}

async fn break_it(effect: &mut Effect, what: &[u8], account: &str) -> Result<()> {
    let statement = match what {
        b"timestamp" => "INSERT INTO accounts (account, entry) VALUES (?, 'x') USING TIMESTAMP 5",
        b"table" => "INSERT INTO others (account) VALUES (?)",
        _ => "DELETE FROM accounts WHERE account = ? AND entry = 'other-partition'",
    };
    let other = format!("{account}-other");
    let account = if what == b"partition" { other.as_str() } else { account };
    Ok(effect.write(cql(statement).bind(account)).await?)
}
