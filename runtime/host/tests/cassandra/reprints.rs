//! The server's grammar takes what the parser accepts and prints.

use scylla::client::session_builder::SessionBuilder;
use scylla::errors::{DbError, PrepareError, RequestAttemptError};
use tokio::runtime::Runtime;
use veltrix_tests::servers;

#[test]
fn the_server_parses_every_canonical_statement() {
    let cases = include_str!("../../../cql/tests/cases.txt");
    let canonical = cases.lines().filter_map(|line| line.strip_prefix("ok ")).map(|case| {
        let text = case.rsplit_once(" => ").map_or(case, |(_, canonical)| canonical);
        let mut statement = veltrix_cql::parse(text).unwrap();
        statement.qualify("no_such_keyspace");
        statement.to_string()
    });
    let runtime = Runtime::new().unwrap();
    let wrong: Vec<String> = runtime.block_on(async {
        let session = SessionBuilder::new().known_node(servers().cassandra_address()).build().await.unwrap();
        let mut wrong = Vec::new();
        for text in canonical {
            // The keyspace is missing, which the server looks at only after it has parsed all of the text.
            if let Err(PrepareError::AllAttemptsFailed {
                first_attempt: RequestAttemptError::DbError(DbError::SyntaxError, message),
            }) = session.prepare(&text[..]).await
            {
                wrong.push(format!("{text}\n  {message}"));
            }
        }
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
