//! The terminal, taken and given back: at the end, at a panic, and when the process ends at once.

use std::io::{self, Stdout, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};

use super::journal::Journal;

/// Whether the terminal is ours.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Held while something is drawn, so that nothing is drawn on a terminal that was given back.
static DRAWING: Mutex<()> = Mutex::new(());

/// Draws if the terminal is still ours; false: it is not.
pub(super) fn draw(draw: impl FnOnce()) -> bool {
    let _turn = DRAWING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let ours = TAKEN.load(Ordering::SeqCst);
    if ours {
        draw();
    }
    ours
}

/// Takes the terminal.
///
/// # Errors
/// It is none that can be drawn on.
pub(super) fn take() -> io::Result<Terminal<CrosstermBackend<Stdout>>> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let entered =
        execute!(stdout(), EnterAlternateScreen).and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
    if entered.is_err() {
        restore();
    }
    entered
}

/// Gives the terminal back as it was; does nothing if it was not taken. For who ends the process at once, too.
pub fn restore() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // A drawing takes moments, unless it is what panicked: then it is this thread's, and waiting would be for ever.
        let until = Instant::now() + Duration::from_millis(300);
        let turn = std::iter::repeat_with(|| DRAWING.try_lock().ok()).find(|turn| {
            std::thread::yield_now();
            turn.is_some() || Instant::now() > until
        });
        // Nobody is left to be told of a failure.
        let _ = disable_raw_mode();
        let _ = execute!(stdout(), LeaveAlternateScreen, Show);
        drop(turn);
    }
}

/// From now on, panics of this thread and of the one that draws give the terminal back before they are told; those of
/// others, which the process survives, are written to the journal instead of across the screen.
pub(super) fn guard_panics(journal: std::sync::Arc<Journal>) {
    static HOOKED: Once = Once::new();
    let owner: ThreadId = std::thread::current().id();
    HOOKED.call_once(move || {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let here = std::thread::current();
            if TAKEN.load(Ordering::SeqCst) && here.id() != owner && here.name() != Some(super::THREAD) {
                return journal.note(tracing::Level::ERROR, &info.to_string());
            }
            restore();
            before(info);
        }));
    });
}
