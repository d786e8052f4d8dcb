//! How many events a call gets: fewer after a batch overran a limit, more again as calls go well.
//!
//! Pure.

/// Calls that must go well before the size doubles again.
const GOOD_CALLS: u32 = 16;

/// Adaptive bound of a binding's batches.
#[derive(Debug)]
pub struct BatchSize {
    most: usize,
    now: usize,
    good: u32,
}

impl BatchSize {
    /// Begins at the configured size.
    pub fn new(most: usize) -> Self {
        Self { most, now: most, good: 0 }
    }

    /// Events that the next batch may have.
    pub fn get(&self) -> usize {
        self.now
    }

    /// A batch of that size overran a limit.
    pub fn overran(&mut self, events: usize) {
        self.now = (events / 2).clamp(1, self.now);
        self.good = 0;
    }

    /// A call went well.
    pub fn went_well(&mut self) {
        if self.now == self.most {
            return;
        }
        self.good += 1;
        if self.good >= GOOD_CALLS {
            self.now = (self.now * 2).min(self.most);
            self.good = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_when_overrun_and_grows_back() {
        let mut size = BatchSize::new(500);
        size.overran(500);
        assert_eq!(size.get(), 250);
        size.overran(1);
        assert_eq!(size.get(), 1);
        for _ in 0..16 * 9 {
            size.went_well();
        }
        assert_eq!(size.get(), 500);
    }
}
