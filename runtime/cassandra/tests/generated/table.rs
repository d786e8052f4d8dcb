//! The tables: of every shape of key, with all kinds of column. They are the same in each run.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::statement::{one_in, pick};

/// How many.
const TABLES: u64 = 36;
/// The user-defined type that they use.
pub(crate) const UDT: &str = "CREATE TYPE pair (a int, b text)";

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) mode: Mode,
    /// The first tells sequences apart, the second (if any) takes a few values.
    pub(crate) partition: Vec<Column>,
    /// With whether it descends.
    pub(crate) clustering: Vec<(Column, bool)>,
    pub(crate) statics: Vec<Column>,
    pub(crate) regulars: Vec<Column>,
}

/// What is written to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Every write has a timestamp, often the same or an older one.
    Timed,
    /// Conditional writes and plain ones, with the server's timestamps.
    Conditional,
    Counter,
}

#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) of: Of,
}

/// Types of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Scalar(&'static str),
    List(&'static str),
    Set(&'static str),
    Map(&'static str, &'static str),
    FrozenList(&'static str),
    Tuple(&'static str, &'static str),
    Udt,
    FrozenUdt,
    Vector,
    Counter,
}

const SCALARS: [&str; 10] =
    ["int", "bigint", "text", "boolean", "double", "varint", "blob", "uuid", "timestamp", "time"];

/// All tables.
pub(crate) fn tables() -> Vec<Table> {
    (0..TABLES).map(table).collect()
}

fn table(number: u64) -> Table {
    let random = &mut SmallRng::seed_from_u64(number);
    let mode = match number % 6 {
        0..=3 => Mode::Timed,
        4 => Mode::Conditional,
        _ => Mode::Counter,
    };
    let mut partition = vec![Column { name: "p".to_owned(), of: Of::Scalar(pick(random, &["int", "text", "bigint"])) }];
    if one_in(random, 3) {
        partition.push(Column { name: "q".to_owned(), of: Of::Scalar(pick(random, &["int", "text", "blob"])) });
    }
    let keys = number / 2 % 4;
    let clustering: Vec<_> = (0..keys).map(|at| (key(random, at), one_in(random, 3))).collect();
    let some = |random: &mut SmallRng, prefix: &str, from: u64, to: u64| {
        let count = random.random_range(from..=to);
        let column = |at| Column { name: format!("{prefix}{at}"), of: value(random, mode) };
        (0..count).map(column).collect::<Vec<_>>()
    };
    let statics = if clustering.is_empty() { Vec::new() } else { some(random, "s", 0, 2) };
    let least = if mode == Mode::Timed && !clustering.is_empty() { 0 } else { 1 };
    let regulars = some(random, "v", least, 4);
    Table { name: format!("t{number}"), mode, partition, clustering, statics, regulars }
}

fn key(random: &mut SmallRng, at: u64) -> Column {
    let of = if one_in(random, 8) { Of::FrozenList("int") } else { Of::Scalar(pick(random, &SCALARS)) };
    Column { name: format!("c{at}"), of }
}

fn value(random: &mut SmallRng, mode: Mode) -> Of {
    if mode == Mode::Counter {
        return Of::Counter;
    }
    let scalar = pick(random, &SCALARS);
    match random.random_range(0..14) {
        0..=4 => Of::Scalar(scalar),
        5 => Of::List("int"),
        6 => Of::List("text"),
        7 => Of::Set(pick(random, &["int", "text", "uuid"])),
        8 => Of::Map("int", "text"),
        9 => Of::Map("text", "int"),
        10 => pick(random, &[Of::FrozenList("int"), Of::FrozenList("text")]),
        11 => Of::Tuple("int", "text"),
        12 => Of::Udt,
        _ => pick(random, &[Of::FrozenUdt, Of::Vector]),
    }
}

impl Table {
    pub(crate) fn create(&self) -> String {
        let keys = self.partition.iter().chain(self.clustering.iter().map(|(column, _)| column));
        let columns = keys.chain(&self.regulars).map(|column| format!("{} {}", column.name, column.of.cql()));
        let statics = self.statics.iter().map(|column| format!("{} {} STATIC", column.name, column.of.cql()));
        let columns: Vec<_> = columns.chain(statics).collect();
        let names = |columns: &[Column]| columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>().join(", ");
        let clustering: Vec<_> = self.clustering.iter().map(|(column, _)| format!(", {}", column.name)).collect();
        let order = |(column, down): &(Column, bool)| format!("{} {}", column.name, if *down { "DESC" } else { "ASC" });
        let order: Vec<_> = self.clustering.iter().map(order).collect();
        let order =
            if order.is_empty() { String::new() } else { format!(" WITH CLUSTERING ORDER BY ({})", order.join(", ")) };
        let (name, columns) = (&self.name, columns.join(", "));
        format!(
            "CREATE TABLE {name} ({columns}, PRIMARY KEY (({}){})){order}",
            names(&self.partition),
            clustering.concat()
        )
    }

    /// Keys of a sequence's two partitions, as literals.
    pub(crate) fn keys(&self, sequence: u64) -> [String; 2] {
        [0, 1].map(|at| match self.partition[0].of {
            Of::Scalar("text") => format!("'key {}'", 2 * sequence + at),
            _ => (2 * sequence + at).to_string(),
        })
    }
}

impl Of {
    pub(crate) fn cql(self) -> String {
        match self {
            Self::Scalar(name) => name.to_owned(),
            Self::List(of) => format!("list<{of}>"),
            Self::Set(of) => format!("set<{of}>"),
            Self::Map(key, value) => format!("map<{key}, {value}>"),
            Self::FrozenList(of) => format!("frozen<list<{of}>>"),
            Self::Tuple(a, b) => format!("tuple<{a}, {b}>"),
            Self::Udt => "pair".to_owned(),
            Self::FrozenUdt => "frozen<pair>".to_owned(),
            Self::Vector => "vector<float, 2>".to_owned(),
            Self::Counter => "counter".to_owned(),
        }
    }

    pub(crate) fn is_multicell(self) -> bool {
        match self {
            Self::List(_) | Self::Set(_) | Self::Map(..) | Self::Udt => true,
            Self::Scalar(_) | Self::FrozenList(_) | Self::Tuple(..) | Self::FrozenUdt | Self::Vector => false,
            Self::Counter => false,
        }
    }

    /// One of few values, so that statements meet.
    pub(crate) fn literal(self, random: &mut SmallRng) -> String {
        let mut few = |of| {
            let count = random.random_range(0..3);
            (0..count).map(|_| scalar(of, random)).collect::<Vec<_>>()
        };
        match self {
            Self::Scalar(name) => scalar(name, random),
            Self::List(of) | Self::FrozenList(of) => format!("[{}]", few(of).join(", ")),
            Self::Set(of) => format!("{{{}}}", few(of).join(", ")),
            Self::Map(key, value) => {
                // Of equal keys in a literal, the real one takes one at random.
                let mut keys = few(key);
                keys.sort();
                keys.dedup();
                let pairs: Vec<_> = keys.iter().map(|key| format!("{key}: {}", scalar(value, random))).collect();
                format!("{{{}}}", pairs.join(", "))
            }
            Self::Tuple(a, b) => format!("({}, {})", scalar(a, random), scalar(b, random)),
            Self::Udt | Self::FrozenUdt => format!("{{a: {}, b: {}}}", scalar("int", random), scalar("text", random)),
            Self::Vector => format!("[{}, {}]", scalar("int", random), scalar("int", random)),
            Self::Counter => random.random_range(-3..9).to_string(),
        }
    }
}

/// A value of a native type.
pub(crate) fn scalar(of: &str, random: &mut SmallRng) -> String {
    let domain: &[&str] = match of {
        "int" => &["-1", "0", "1", "2"],
        "bigint" => &["-1", "0", "7", "10000000000"],
        "text" => &["''", "'a'", "'ab'", "'b'"],
        "boolean" => &["true", "false"],
        "double" => &["-1.5", "0.25", "2.0"],
        "varint" => &["-129", "0", "128", "1"],
        "blob" => &["0x00", "0xff", "0x7f00"],
        "uuid" => &[
            "123e4567-e89b-42d3-a456-426614174000",
            "50554d6e-29bb-11e5-b345-feff819cdc9f",
            "f0000000-0000-4000-8000-000000000001",
        ],
        "timestamp" => &["-1000", "0", "1000"],
        "time" => &["0", "1", "86399999999999"],
        other => panic!("no values of {other}"),
    };
    pick(random, domain).to_owned()
}
