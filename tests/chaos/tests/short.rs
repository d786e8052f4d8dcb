//! The short run: every sort of fault at least once.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use veltrix_chaos::Settings;
use veltrix_chaos::fault::Kind;

#[test]
fn nothing_is_lost_or_reordered_under_faults_of_every_sort() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    let named = std::env::var("VELTRIX_CHAOS_SEED").ok().and_then(|seed| seed.parse().ok());
    let settings = Settings {
        seed: named.unwrap_or(now.as_secs()),
        faults: 30,
        kinds: Kind::all(),
        rate: 50,
        limit: Duration::from_secs(1_800),
    };
    // Printed first, in case it does not come to its end.
    eprintln!("seed {}; again by VELTRIX_CHAOS_SEED", settings.seed);
    let report = veltrix_chaos::run(&settings).expect("the run itself goes well");
    println!("{report}");
    assert!(report.is_good(), "see the violations above; evidence in {:?}", report.evidence);
    assert_eq!(report.struck.len(), settings.faults);
}
