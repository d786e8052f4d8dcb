//! `CREATE`, `ALTER` and `DROP KEYSPACE`.

use std::collections::BTreeMap;

use veltrix_cql::Options;

use super::Keyspace;
use super::apply::{Applied, Effect, Work, change, configuration, invalid};
use super::options::properties::Properties;
use crate::api::Error;

const LOCATOR: &str = "org.apache.cassandra.locator.";
/// What one node has.
const DATACENTER: &str = "datacenter1";

type Replication = BTreeMap<String, String>;

pub(super) fn create(work: &Work<'_>, name: &str, if_not_exists: bool, options: &Options) -> Result<Applied, Error> {
    let mut given = Given::read(options)?;
    let Some(replication) = given.replication.take() else {
        return invalid("Missing mandatory option 'replication'");
    };
    if replication.get("class").is_some_and(|class| short(class) == "LocalStrategy") {
        return invalid("Unable to use given strategy class: LocalStrategy is reserved for internal use.");
    }
    if work.catalog.keyspace(name).is_some() {
        if if_not_exists {
            return Ok(Applied::nothing());
        }
        let message = format!("Cannot add existing keyspace \"{name}\"");
        return Err(Error::AlreadyExists { keyspace: name.to_owned(), table: String::new(), message });
    }
    let replication = checked(name, replication, None)?;
    let warnings = warnings(name, &replication);
    let keyspace = Keyspace {
        name: name.into(),
        replication,
        durable_writes: given.durable_writes.unwrap_or(true),
        system: false,
        tables: BTreeMap::new(),
        types: BTreeMap::new(),
    };
    Ok(Applied {
        catalog: Some(work.with(name, Some(keyspace))),
        change: change("CREATED", "KEYSPACE", name, None),
        effects: Vec::new(),
        warnings,
    })
}

pub(super) fn alter(work: &Work<'_>, name: &str, if_exists: bool, options: &Options) -> Result<Applied, Error> {
    let given = Given::read(options)?;
    let Some(old) = work.catalog.keyspace(name) else {
        return if if_exists { Ok(Applied::nothing()) } else { work.keyspace(name).map(|_| Applied::nothing()) };
    };
    let mut new = Keyspace::clone(old);
    if let Some(replication) = given.replication {
        if replication.get("class").is_some_and(|class| short(class) == "LocalStrategy") {
            return invalid("Unable to use given strategy class: LocalStrategy is reserved for internal use.");
        }
        new.replication = checked(name, replication, Some(&old.replication))?;
    }
    new.durable_writes = given.durable_writes.unwrap_or(old.durable_writes);
    if new.replication == old.replication && new.durable_writes == old.durable_writes {
        return Ok(Applied::nothing());
    }
    let warnings = warnings(name, &new.replication);
    Ok(Applied {
        catalog: Some(work.with(name, Some(new))),
        change: change("UPDATED", "KEYSPACE", name, None),
        effects: Vec::new(),
        warnings,
    })
}

pub(super) fn drop(work: &Work<'_>, name: &str, if_exists: bool) -> Result<Applied, Error> {
    if if_exists && work.catalog.keyspace(name).is_none() {
        return Ok(Applied::nothing());
    }
    let tables = &work.keyspace(name)?.tables;
    Ok(Applied {
        catalog: Some(work.with(name, None)),
        change: change("DROPPED", "KEYSPACE", name, None),
        effects: tables.values().map(|table| Effect::TableDropped(table.id)).collect(),
        warnings: Vec::new(),
    })
}

/// What a statement says of a keyspace.
struct Given {
    replication: Option<Replication>,
    durable_writes: Option<bool>,
}

impl Given {
    fn read(options: &Options) -> Result<Self, Error> {
        let properties = Properties::read(options, &["replication", "durable_writes"])?;
        Ok(Self { replication: properties.map("replication")?, durable_writes: properties.boolean("durable_writes")? })
    }
}

fn short(class: &str) -> &str {
    class.strip_prefix(LOCATOR).unwrap_or(class)
}

/// Replication as it is kept: with the full name of its class, and datacenters by their names.
fn checked(keyspace: &str, mut given: Replication, old: Option<&Replication>) -> Result<Replication, Error> {
    let Some(class) = given.remove("class") else {
        return configuration("Missing replication strategy class");
    };
    let class = short(&class).to_owned();
    let previous = |key: &str| old.and_then(|old| old.get(key)).cloned();
    let mut kept = Replication::from([("class".to_owned(), format!("{LOCATOR}{class}"))]);
    let place = match class.as_str() {
        "SimpleStrategy" => "replication_factor",
        "NetworkTopologyStrategy" => DATACENTER,
        _ if class.contains('.') => {
            return configuration(format!("Unable to find replication strategy class '{class}'"));
        }
        _ => return configuration(format!("Unable to find replication strategy class '{LOCATOR}{class}'")),
    };
    let every = given.remove("replication_factor");
    let named = if place == DATACENTER { given.remove(DATACENTER) } else { None };
    if let Some(option) = given.keys().next() {
        return configuration(format!(
            "Unrecognized strategy option {{{option}}} passed to {class} for keyspace {keyspace}"
        ));
    }
    let factor = named.or(every).or_else(|| previous(place)).unwrap_or_else(|| "1".to_owned());
    let number: i64 = match factor.parse() {
        Ok(number) => number,
        Err(_) => return configuration(format!("For input string: \"{factor}\"")),
    };
    if number < 0 {
        return configuration(format!("Replication factor must be non-negative, found {number}"));
    }
    // Cassandra keeps no datacenter with nothing in it.
    if number > 0 || place != DATACENTER {
        kept.insert(place.to_owned(), factor);
    }
    Ok(kept)
}

fn warnings(keyspace: &str, replication: &Replication) -> Vec<String> {
    let factor =
        |place| replication.get(place).and_then(|factor| factor.parse::<i64>().ok()).filter(|factor| *factor > 1);
    let too_high = |factor| {
        format!("Your replication factor {factor} for keyspace {keyspace} is higher than the number of nodes 1")
    };
    let simple = factor("replication_factor").map(too_high);
    let datacenter = factor(DATACENTER).map(|factor| format!("{} for datacenter {DATACENTER}", too_high(factor)));
    simple.into_iter().chain(datacenter).collect()
}
