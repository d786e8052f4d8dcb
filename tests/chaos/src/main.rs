//! Faults on real servers: see README.md.

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use veltrix_chaos::fault::Kind;
use veltrix_chaos::{Settings, broken};

/// Runs three workers on servers of their own, breaks things, and judges what came of every event.
#[derive(Parser)]
struct Arguments {
    /// How many faults.
    #[arg(long, default_value_t = 30)]
    faults: usize,
    /// Faults and workload are drawn from it; default: the time.
    #[arg(long)]
    seed: Option<u64>,
    /// Events a second.
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// Only faults whose name, as in the table, holds this text
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// No fault begins after so many minutes.
    #[arg(long, default_value_t = 24 * 60)]
    minutes: u64,
    /// Feed the checker histories that are broken in known ways, and nothing else.
    #[arg(long)]
    self_test: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.self_test {
        return Ok(match broken::self_test() {
            Ok(count) => {
                println!("the checker finds all {count}");
                ExitCode::SUCCESS
            }
            Err(wrong) => {
                eprintln!("the checker is wrong about: {wrong}");
                ExitCode::FAILURE
            }
        });
    }
    let mut kinds = Kind::all();
    kinds.retain(|kind| arguments.only.as_ref().is_none_or(|text| kind.to_string().contains(text)));
    anyhow::ensure!(
        !kinds.is_empty(),
        "no fault has a name like that; names: {}",
        Kind::all().iter().map(Kind::to_string).collect::<Vec<_>>().join(", ")
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let settings = Settings {
        seed: arguments.seed.unwrap_or(now.as_secs()),
        faults: arguments.faults,
        kinds,
        rate: arguments.rate,
        limit: Duration::from_secs(arguments.minutes * 60),
    };
    eprintln!("seed {}", settings.seed);
    let report = veltrix_chaos::run(&settings)?;
    print!("{report}");
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
