//! Runs a sequence on both servers, and shortens one that fails.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::plan::plan;
use crate::select::state;
use crate::statement::Step;
use crate::support::answer::Answer;
use crate::support::compare::{BROKEN, Rigour, Verdict, compare};
use crate::support::driver::Driver;
use crate::support::request::Request;
use crate::support::servers;
use crate::table::{Table, UDT, tables};

/// Attempts at making a sequence shorter.
const ATTEMPTS: u32 = 150;

/// Lines shown of an answer.
const LINES: usize = 30;
const UNPREPARED: i32 = 0x2500;
/// How often a statement is prepared again.
const PATIENCE: u32 = 10;

/// The tables, on both servers.
pub(crate) struct World {
    tables: Vec<Table>,
    keyspaces: [String; 2],
    /// Each run of a sequence has partitions of its own.
    next: AtomicU64,
    statements: AtomicU64,
    refused: AtomicU64,
}

/// A client of each server.
pub(crate) struct Pair {
    clients: [Driver; 2],
}

/// What went wrong.
#[derive(Debug)]
pub(crate) struct Failure {
    create: String,
    seed: Option<u64>,
    statements: Vec<String>,
    why: &'static str,
    answers: Box<[Answer; 2]>,
}

impl World {
    /// Creates the tables.
    pub(crate) fn create() -> Self {
        let world = Self {
            tables: tables(),
            keyspaces: servers::keyspaces(),
            next: AtomicU64::new(0),
            statements: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        };
        let ddl: Vec<String> = std::iter::once(UDT.to_owned()).chain(world.tables.iter().map(Table::create)).collect();
        for (address, keyspace) in world.places() {
            let client = Driver::connect(address);
            for statement in std::iter::once(servers::create(keyspace)).chain(ddl.iter().cloned()) {
                let answer = client.run(&Request::text(statement.clone()));
                assert!(!matches!(answer, Answer::Error(_)), "{address}: {statement}: {answer:?}");
                client.use_keyspace(keyspace);
            }
        }
        world
    }

    fn places(&self) -> [(&'static str, &str); 2] {
        [(servers::real(), self.keyspaces[0].as_str()), (servers::embedded(), self.keyspaces[1].as_str())]
    }

    /// How many were sent to each server, and how many of these the real one refused.
    pub(crate) fn statements(&self) -> String {
        let [sent, refused] = [&self.statements, &self.refused].map(|count| count.load(Ordering::Relaxed));
        format!("{sent} statements, {refused} refused")
    }

    /// Reads every table to its end, in pages.
    pub(crate) fn scan(&self) -> Vec<Failure> {
        let pair = Pair::open(self);
        let scan = |table: &Table| {
            let text = format!("SELECT * FROM {}", table.name);
            let request = Request { page: Some(97), ..Request::text(text.clone()) };
            let Outcome::Differ(why, answers) = pair.send(self, &request, Rigour::Exact) else { return None };
            Some(Failure { create: table.create(), seed: None, statements: vec![text], why, answers })
        };
        self.tables.iter().filter_map(scan).collect()
    }

    /// Drops all.
    pub(crate) fn drop(&self) {
        for (address, keyspace) in self.places() {
            Driver::connect(address).run(&Request::text(format!("DROP KEYSPACE {keyspace}")));
        }
    }
}

impl Pair {
    /// Connects to both.
    pub(crate) fn open(world: &World) -> Self {
        let open = |(address, keyspace): (&str, &str)| {
            let client = Driver::connect(address);
            client.use_keyspace(keyspace);
            client
        };
        Self { clients: world.places().map(open) }
    }

    /// Sends to both.
    fn send(&self, world: &World, request: &Request, rigour: Rigour) -> Outcome {
        world.statements.fetch_add(1, Ordering::Relaxed);
        // A real one forgets statements under pressure, at times between being told one and being asked for it.
        let forgotten = |answer: &Answer| matches!(answer, Answer::Error(refusal) if refusal.code == UNPREPARED);
        let answer = |at: usize| {
            let mut answers = (0..PATIENCE).map(|_| self.clients[at].run(request));
            let answer = answers.find(|answer| !forgotten(answer));
            answer.expect("a statement is kept until it is asked for").without(&world.keyspaces[at])
        };
        let answers = [answer(0), answer(1)];
        if let Answer::Error(refusal) = &answers[0] {
            world.refused.fetch_add(1, Ordering::Relaxed);
            if BROKEN.contains(&refusal.code) {
                return Outcome::Broken;
            }
        }
        match compare(&answers[0], &answers[1], rigour) {
            Verdict::Equal | Verdict::Words => Outcome::Same,
            Verdict::Differ(why) => Outcome::Differ(why, answers.into()),
        }
    }
}

/// What both answered to one request.
enum Outcome {
    Same,
    /// The real one failed itself: from here on there is nothing to agree with.
    Broken,
    Differ(&'static str, Box<[Answer; 2]>),
}

/// Runs the sequence of a seed; a failure comes back in its shortest form.
pub(crate) fn sequence(world: &World, pair: &Pair, seed: u64) -> Option<Failure> {
    let index = usize::try_from(seed).expect("a small seed") % world.tables.len();
    let table = &world.tables[index];
    let mut steps = plan(table, seed);
    let mut failure = attempt(world, pair, table, &steps)?;
    let mut left = ATTEMPTS;
    'shorter: loop {
        for at in (0..steps.len()).rev() {
            left = left.saturating_sub(1);
            let mut fewer = steps.clone();
            fewer.remove(at);
            if left == 0 {
                break 'shorter;
            }
            if let Some(found) = attempt(world, pair, table, &fewer) {
                (steps, failure) = (fewer, found);
                continue 'shorter;
            }
        }
        break;
    }
    Some(Failure { seed: Some(seed), ..failure })
}

fn attempt(world: &World, pair: &Pair, table: &Table, steps: &[Step]) -> Option<Failure> {
    let keys = table.keys(world.next.fetch_add(1, Ordering::Relaxed));
    let [cells, ttls] = state(table);
    let checks = [(&cells, Rigour::Exact), (&ttls, Rigour::Near)];
    let mut sent = Vec::new();
    for (step, rigour) in steps.iter().map(|step| (step, Rigour::Exact)).chain(checks) {
        let request = step.request(&keys);
        sent.push(Step { bound: false, ..step.clone() }.request(&keys).statements[0].text.clone());
        match pair.send(world, &request, rigour) {
            Outcome::Same => {}
            Outcome::Broken => return None,
            Outcome::Differ(why, answers) => {
                return Some(Failure { create: table.create(), seed: None, statements: sent, why, answers });
            }
        }
    }
    None
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} after\n  {UDT};\n  {};", self.why, self.create)?;
        for statement in &self.statements {
            writeln!(f, "  {statement};")?;
        }
        let lines = self.answers.each_ref().map(Answer::lines);
        let same = lines[0].iter().zip(&lines[1]).take_while(|(a, b)| a == b).count();
        // The columns, and what is around the first line that differs.
        let skipped = same.saturating_sub(5).max(1);
        for (side, lines) in ["real", "embedded"].iter().zip(&lines) {
            writeln!(f, "  {side}:")?;
            let shown = lines.iter().take(1).chain(lines.iter().skip(skipped).take(LINES));
            shown.into_iter().try_for_each(|line| writeln!(f, "    {line}"))?;
        }
        match self.seed {
            Some(seed) => write!(f, "again: VELTRIX_SEED={seed} cargo test -p veltrix-cassandra --test generated"),
            None => write!(f, "when all was read at the end"),
        }
    }
}
