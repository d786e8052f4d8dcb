//! How much memory a worker took, what it may take, and whether that stayed level.

use std::fmt;

/// What a worker may have resident beside its bounds, MiB.
const BASE: f64 = 200.0;
/// The bounds of a worker with one binding and defaults (`runtime/host/README.md`), MiB. The memories of instances
/// are not among them: what they take comes out of the base.
const BOUNDS: [(&str, f64); 3] =
    [("held by the client", 16.0), ("received, not yet committable", 64.0), ("emitted, not acknowledged", 64.0)];
/// Level is what grows by no more than this part.
const LEVEL: f64 = 1.25;
/// With fewer looks nothing is said of that.
const FEWEST: usize = 16;

/// Resident memory over a round, MiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resident {
    /// The mean of the second quarter of the round.
    pub(crate) early: f64,
    /// Of the last.
    pub(crate) late: f64,
    /// At most, at any time.
    pub(crate) most: f64,
    looks: usize,
}

impl Resident {
    /// From looks at equal distances, and the most that the system saw.
    pub(crate) fn of(looks: &[f64], most: f64) -> Self {
        let quarter = |number: usize| {
            let part = &looks[looks.len() * number / 4..looks.len() * (number + 1) / 4];
            if part.is_empty() { most } else { part.iter().sum::<f64>() / part.len() as f64 }
        };
        Self { early: quarter(1), late: quarter(3), most, looks: looks.len() }
    }

    /// Whether it stayed within its limit, and did not grow.
    pub(crate) fn is_good(&self) -> bool {
        self.most <= limit() && self.is_level() != Some(false)
    }

    /// Unknown of a short round.
    fn is_level(&self) -> Option<bool> {
        (self.looks >= FEWEST).then_some(self.late <= self.early * LEVEL)
    }
}

/// For people.
impl fmt::Display for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounds: Vec<String> = BOUNDS.iter().map(|(what, size)| format!("{size} {what}")).collect();
        let within = if self.most <= limit() { "within" } else { "ABOVE" };
        let level = match self.is_level() {
            Some(true) => "level",
            Some(false) => "GROWING",
            None => "too short a round to say whether it is level",
        };
        write!(f, "{:.0} MiB at most, {within} {} ({BASE} + {}); ", self.most, limit(), bounds.join(" + "))?;
        write!(f, "{:.0} → {:.0}: {level}", self.early, self.late)
    }
}

fn limit() -> f64 {
    BASE + BOUNDS.iter().map(|(_, size)| size).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_good_within_its_limit_and_while_it_does_not_grow() {
        let level = [&[50.0; 10][..], &[100.0; 30]].concat();
        let resident = Resident::of(&level, 120.0);
        assert_eq!((resident.early, resident.late), (100.0, 100.0), "the start does not count");
        assert!(resident.is_good() && resident.to_string().contains("within 344 (200 + 16 held"), "{resident}");
        assert!(!Resident::of(&level, 345.0).is_good());
        let growing: Vec<f64> = (0..40).map(|look| 100.0 + 3.0 * f64::from(look)).collect();
        let resident = Resident::of(&growing, 217.0);
        assert!(!resident.is_good() && resident.to_string().ends_with("GROWING"), "{resident}");
        assert!(Resident::of(&growing[..8], 121.0).is_good(), "too short to say");
        assert!(Resident::of(&[], 100.0).is_good());
    }
}
