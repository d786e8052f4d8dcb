//! Notes: the newest in a list, and one that fills the screen, to be read from its beginning to its end.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Stylize;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};
use tracing::Level;

use super::journal::{Note, Pages};
use super::state::Reading;

/// Columns of the time before a note's first line.
const INDENT: usize = 9;

/// The lines of a note in the order of reading, the first with its time.
pub(super) fn lines(note: &Note) -> impl Iterator<Item = Line<'_>> {
    note.lines.iter().enumerate().map(|(number, line)| {
        let before = if number == 0 { Span::from(format!("{} ", note.at)) } else { Span::from(" ".repeat(INDENT)) };
        let text = Span::from(line.as_str());
        Line::from(vec![before.dim(), if note.level <= Level::ERROR { text.red() } else { text }])
    })
}

/// Draws the note that is read, from where it is read; puts right a place that is none.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, reading: &mut Reading, pages: &Pages) {
    let Some(newest) = pages.notes.len().checked_sub(1) else {
        return frame.render_widget(Paragraph::new("nothing was said so far"), area);
    };
    let at = match reading.note {
        Some(number) => usize::try_from(number.saturating_sub(pages.forgotten)).unwrap_or(newest).min(newest),
        // A short one was read at a glance.
        None => pages.notes.iter().rposition(|note| note.lines.len() > 1).unwrap_or(newest),
    };
    reading.note = Some(pages.forgotten + at as u64);
    let note = &pages.notes[at];
    let whole: Vec<String> = note.lines.iter().flat_map(|line| wrapped(line, area.width.into())).collect();
    reading.page = usize::from(area.height).saturating_sub(1).max(1);
    reading.top = reading.top.min(whole.len().saturating_sub(reading.page));
    let end = (reading.top + reading.page).min(whole.len());
    let title = format!(
        "{}: note {} of {}, lines {} to {end} of {}",
        note.at,
        at + 1,
        newest + 1,
        reading.top + 1,
        whole.len()
    );
    let text = whole[reading.top..end].iter().map(|line| Line::from(line.as_str()));
    let block = Block::new().borders(Borders::TOP).title(title);
    frame.render_widget(Paragraph::new(text.collect::<Vec<_>>()).block(block), area);
}

/// A line as several that are no wider than that.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let (mut all, mut used) = (vec![String::new()], 0);
    for c in line.chars() {
        let wide = if c.is_ascii() { 1 } else { Span::raw(c.to_string()).width() };
        if used + wide > width {
            all.push(String::new());
            used = 0;
        }
        all.last_mut().expect("there is one").push(c);
        used += wide;
    }
    all
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::journal::Journal;
    use super::*;

    fn shown(reading: &mut Reading, pages: &Pages) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(40, 5)).unwrap();
        terminal.draw(|frame| draw(frame, frame.area(), reading, pages)).unwrap();
        let lines = terminal.backend().buffer().content().chunks(40);
        lines.map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned()).collect()
    }

    #[test]
    fn a_long_note_is_read_from_its_beginning_to_its_end() {
        let journal = Journal::default();
        let mut reading = Reading { note: None, top: 0, page: 1 };
        assert_eq!(shown(&mut reading, &journal.pages())[0], "nothing was said so far");
        journal.note(Level::ERROR, &(0..9).map(|n| format!("line {n}\n")).collect::<String>());
        journal.note(Level::INFO, "building");
        let pages = journal.pages();
        let first = shown(&mut reading, &pages);
        assert!(first[0].contains("note 1 of 2, lines 1 to 4 of 9"), "{first:?}");
        assert_eq!(first[1..], ["line 0", "line 1", "line 2", "line 3"]);
        assert_eq!(reading.page, 4);
        reading.top = usize::MAX;
        assert_eq!(shown(&mut reading, &pages)[1..], ["line 5", "line 6", "line 7", "line 8"]);
        assert_eq!(reading.top, 5, "one step up is seen at once");
        reading.note = Some(99);
        assert_eq!(shown(&mut reading, &pages)[1], "building");
        assert_eq!(reading.note, Some(1));
    }

    #[test]
    fn what_is_read_stays_when_others_come_and_go() {
        let journal = Journal::default();
        journal.note(Level::INFO, "oldest");
        journal.note(Level::INFO, "read");
        let mut reading = Reading { note: Some(1), top: 0, page: 1 };
        for _ in 0..199 {
            journal.note(Level::INFO, "new");
        }
        assert_eq!(shown(&mut reading, &journal.pages())[1], "read");
        journal.note(Level::INFO, "new");
        assert_eq!(shown(&mut reading, &journal.pages())[1], "new", "it is gone: the oldest there is");
    }

    #[test]
    fn long_lines_are_wrapped_by_their_width() {
        assert_eq!(wrapped("abcde", 2), ["ab", "cd", "e"]);
        assert_eq!(wrapped("漢字é", 3), ["漢", "字é"]);
        assert_eq!(wrapped("", 3), [""]);
        assert_eq!(wrapped("漢", 1), ["", "漢"]);
    }
}
