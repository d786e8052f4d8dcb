//! `check --connect`: what the servers have, against what the manifest counts on.

use std::collections::BTreeSet;

use rdkafka::consumer::{BaseConsumer, Consumer};
use scylla::client::session::Session;
use veltrix_manifest::{Cassandra, Manifest, is_pattern};

use crate::failure::{Failure, Outcome};
use crate::verbs::application;
use crate::verbs::check::Findings;
use crate::{clients, servers};

pub(crate) async fn all(manifest: &Manifest, findings: &mut Findings) -> Outcome {
    kafka(manifest, findings)?;
    if let Some(cassandra) = &manifest.cassandra {
        let nodes = servers::Cassandra { nodes: cassandra.nodes.clone(), keyspace: None };
        match clients::cassandra(&nodes).await {
            Ok(session) => tables(&session, cassandra, manifest, findings).await?,
            Err(failure) => findings.unreachable.push(unreachable(failure)?),
        }
    }
    Ok(())
}

/// A server that does not answer is a finding; whatever else goes wrong ends the verb.
fn unreachable(failure: Failure) -> Result<String, Failure> {
    match failure {
        Failure::Run(error) => Ok(format!("{error:#}")),
        other => Err(other),
    }
}

/// Missing emit and dead-letter topics are created by `run`; a missing source is waited for.
fn kafka(manifest: &Manifest, findings: &mut Findings) -> Outcome {
    let servers = application::kafka(manifest);
    let consumer: BaseConsumer =
        clients::kafka(&servers).create().map_err(|error| Failure::usage(format!("[kafka] properties: {error}")))?;
    let metadata = match clients::metadata(consumer.client(), None, &servers) {
        Ok(metadata) => metadata,
        Err(failure) => {
            findings.unreachable.push(unreachable(failure)?);
            return Ok(());
        }
    };
    let there: BTreeSet<&str> = metadata.topics().iter().map(|topic| topic.name()).collect();
    let sources = manifest.bindings.iter().flat_map(|binding| &binding.topics);
    let missing: BTreeSet<&String> =
        sources.filter(|topic| !is_pattern(topic) && !there.contains(topic.as_str())).collect();
    findings.warnings.extend(missing.iter().map(|topic| format!("there is no topic {topic} yet")));
    Ok(())
}

/// A missing table fails the calls that use it, not the start.
async fn tables(session: &Session, cassandra: &Cassandra, manifest: &Manifest, findings: &mut Findings) -> Outcome {
    let query = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?";
    let failed = |error: &dyn std::fmt::Display| Failure::run(format!("the schema can't be read: {error}"));
    let result = session.query_unpaged(query, (&cassandra.keyspace,)).await.map_err(|error| failed(&error))?;
    let result = result.into_rows_result().map_err(|error| failed(&error))?;
    let rows = result.rows::<(String,)>().map_err(|error| failed(&error))?;
    let there: BTreeSet<String> =
        rows.map(|row| row.map(|(table,)| table)).collect::<Result<_, _>>().map_err(|error| failed(&error))?;
    let granted =
        manifest.functions.iter().flat_map(|(name, function)| function.cassandra.keys().map(move |t| (name, t)));
    for (name, table) in granted.filter(|(_, table)| !there.contains(*table)) {
        let keyspace = &cassandra.keyspace;
        findings.warnings.push(format!("function {name}: there is no table {keyspace}.{table} yet"));
    }
    Ok(())
}
