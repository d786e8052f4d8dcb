//! Project: counts and sums per key and time bucket. Each event counts once, however often it comes: the totals and the marks
//! of the events that are in them change in one conditional write.

mod bucket;
mod group;
mod marks;
mod setup;
mod sum;
#[cfg(test)]
mod tests;

use function_common::{Cell, configured};
use futures_util::{StreamExt, stream};
use veltrix_sdk::prelude::*;

use group::Groups;
use setup::Setup;

/// Buckets that are written at a time.
const AT_A_TIME: usize = 32;

thread_local!(static SETUP: Cell<Setup> = const { Cell::new() });

/// All events of a call: those of one bucket go into one write.
#[handler]
async fn project(batch: Batch) -> Vec<Result<()>> {
    let setup = configured(&SETUP, Setup::read);
    if let Err(error) = setup.verify().await {
        return batch.events().map(|_| Err(Error::retry(&error))).collect();
    }
    let mut fates: Vec<Result<()>> = Vec::with_capacity(batch.len());
    let mut groups = Groups::default();
    for (row, event) in batch.events().enumerate() {
        // Those that are counted are done unless their bucket can't be written.
        fates.push(groups.take(&setup, row, &event));
    }
    let setup = &*setup;
    let written = groups.into_iter().map(async |group| bucket::add(setup, &group).await);
    let mut written = stream::iter(written).buffer_unordered(AT_A_TIME);
    while let Some(of_group) = written.next().await {
        for (row, fate) in of_group {
            fates[row] = fate;
        }
    }
    fates
}
