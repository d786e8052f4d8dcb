//! The table.

use crate::memory::Resident;
use crate::process::Footprint;
use crate::watch::Work;

/// One round of both.
pub(crate) struct Round {
    /// From 1.
    pub(crate) number: usize,
    /// By hand.
    pub(crate) native: Work,
    /// By Veltrix.
    pub(crate) veltrix: Work,
    /// The worker.
    pub(crate) footprint: Footprint,
}

impl Round {
    fn ratio(&self) -> f64 {
        self.veltrix.speed / self.native.speed
    }
}

/// All rounds of one measurement.
pub(crate) struct Report {
    title: String,
    rounds: Vec<Round>,
}

impl Report {
    pub(crate) fn new(title: String) -> Self {
        eprintln!("{title}");
        Self { title, rounds: Vec::new() }
    }

    /// Adds a round, and says so at once.
    pub(crate) fn add(&mut self, round: Round) {
        let (native, veltrix) = (round.native.speed, round.veltrix.speed);
        eprintln!("round {}: native {native:.0}/s, veltrix {veltrix:.0}/s, ratio {:.2}", round.number, round.ratio());
        self.rounds.push(round);
    }

    /// Prints the table to stdout; `good` stays as it is if the worker kept to its memory in every round.
    pub(crate) fn print(&self, good: &mut bool) {
        println!("\n{}\n", self.title);
        println!(
            "| round | native, events/s | veltrix, events/s | ratio | native, CPU µs/event | veltrix, CPU µs/event \
             | events per call | in calls, ns/event | RSS early → late, MiB | most, MiB |"
        );
        println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        for round in &self.rounds {
            let (number, ratio, Work { speed, cpu }) = (round.number, round.ratio(), round.native);
            let Footprint { resident, call_ns, batch } = round.footprint;
            let Resident { early, late, most, .. } = resident;
            print!(
                "| {number} | {speed:.0} | {:.0} | {ratio:.2} | {cpu:.2} | {:.2} ",
                round.veltrix.speed, round.veltrix.cpu
            );
            println!("| {batch:.0} | {call_ns:.0} | {early:.0} → {late:.0} | {most:.0} |");
        }
        println!("\nmedian ratio: {:.2}", self.median());
        for Round { number, footprint, .. } in &self.rounds {
            println!("memory, round {number}: {}", footprint.resident);
            *good &= footprint.resident.is_good();
        }
    }

    fn median(&self) -> f64 {
        let mut ratios: Vec<f64> = self.rounds.iter().map(Round::ratio).collect();
        ratios.sort_by(f64::total_cmp);
        match ratios.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => ratios[n / 2],
            n => (ratios[n / 2 - 1] + ratios[n / 2]) / 2.0,
        }
    }
}
