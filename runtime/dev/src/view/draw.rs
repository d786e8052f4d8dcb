//! The state, drawn. Knows no worker and no keys.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row as TableRow, Table, TableState, Wrap};
use tracing::Level;

use super::journal::{DeadLetter, Log, Note, Pages};
use super::meter::Row;
use super::state::State;

/// Less does not hold what there is to show.
pub(crate) const SMALLEST: (u16, u16) = (72, 16);

/// Draws it all, or says that there is no room.
pub(crate) fn draw(frame: &mut Frame<'_>, state: &State, pages: &Pages) {
    let area = frame.area();
    let (width, height) = SMALLEST;
    if area.width < width || area.height < height {
        let told = format!(
            "This terminal is too small: {}x{}, at least {width}x{height} is needed. q ends; --plain shows lines.",
            area.width, area.height
        );
        return frame.render_widget(Paragraph::new(told).wrap(Wrap { trim: true }), area);
    }
    let bindings = u16::try_from(state.rows.len()).unwrap_or(u16::MAX).saturating_add(3).min(area.height / 3);
    let [title, table, logs, dead, notes, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(bindings.max(4)),
        Constraint::Fill(3),
        Constraint::Fill(2),
        Constraint::Fill(2),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(Line::from(format!(" {}", state.title)).bold(), title);
    draw_bindings(frame, state, table);
    list(frame, logs, "logs of functions", pages.logs.iter().rev().map(log), pages.logs.len());
    list(frame, dead, "dead letters", pages.dead.iter().rev().map(dead_letter), pages.dead.len());
    list(frame, notes, "builds and trouble", pages.notes.iter().rev().map(note), pages.notes.len());
    frame.render_widget(foot(state), keys);
}

const HEADER: [&str; 11] =
    ["function", "topics", "events/s", "lag", "p50", "p99", "ack", "skip", "retried", "dead", "state"];

fn draw_bindings(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let widths = [
        Constraint::Fill(2),
        Constraint::Fill(2),
        Constraint::Length(8),
        Constraint::Length(6),
        Constraint::Length(6),
        Constraint::Length(6),
        Constraint::Length(7),
        Constraint::Length(4),
        Constraint::Length(7),
        Constraint::Length(5),
        Constraint::Fill(2),
    ];
    let table = Table::new(state.rows.iter().map(binding), widths)
        .header(TableRow::new(HEADER).style(Style::new().add_modifier(Modifier::UNDERLINED)))
        .block(Block::new().borders(Borders::TOP).title("bindings"))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut chosen = TableState::new().with_selected(state.chosen().map(|(at, _)| at));
    frame.render_stateful_widget(table, area, &mut chosen);
}

fn binding(row: &Row) -> TableRow<'_> {
    let condition = condition(row);
    let trouble = row.error.is_some() || row.lanes_stopped > 0 || row.dead > 0;
    TableRow::new([
        Cell::from(row.function.as_str()),
        Cell::from(row.topics.as_str()),
        Cell::from(row.rate.map_or_else(|| "?".to_owned(), |rate| format!("{rate:.0}"))),
        Cell::from(row.lag.map_or_else(|| "?".to_owned(), count)),
        Cell::from(latency(row.p50)),
        Cell::from(latency(row.p99)),
        Cell::from(count(row.ack)),
        Cell::from(count(row.skip)),
        Cell::from(count(row.retried)),
        Cell::from(count(row.dead)).style(if row.dead > 0 { Style::new().fg(Color::Red) } else { Style::new() }),
        Cell::from(condition).style(if trouble { Style::new().fg(Color::Yellow) } else { Style::new() }),
    ])
}

/// What a binding does, or why it does not.
fn condition(row: &Row) -> String {
    let mut told = match (row.paused, &row.error) {
        (true, _) => "paused".to_owned(),
        (false, Some(error)) => format!("{}: {error}", row.state),
        (false, None) => row.state.clone(),
    };
    if row.lanes_stopped > 0 {
        told = format!("{} lanes stopped, {told}", row.lanes_stopped);
    }
    if row.swaps > 0 {
        told = format!("{told}, {} swaps", row.swaps);
    }
    told
}

fn latency(time: Option<Duration>) -> String {
    match time {
        None => "-".to_owned(),
        Some(time) if time < Duration::from_millis(1) => format!("{}µs", time.as_micros()),
        Some(time) if time < Duration::from_secs(1) => format!("{}ms", time.as_millis()),
        Some(time) => format!("{:.1}s", time.as_secs_f64()),
    }
}

/// A number in at most six characters.
fn count(number: impl TryInto<u64>) -> String {
    let number = number.try_into().unwrap_or_default();
    match number {
        0..100_000 => number.to_string(),
        100_000..10_000_000 => format!("{}k", number / 1_000),
        _ => format!("{}M", number / 1_000_000),
    }
}

/// The newest at the top, as many as there is room for.
fn list<'a>(frame: &mut Frame<'_>, area: Rect, title: &str, lines: impl Iterator<Item = Line<'a>>, all: usize) {
    let shown: Vec<Line<'a>> = lines.take(area.height.into()).collect();
    let title = if all == 0 { format!("{title}: none") } else { title.to_owned() };
    frame.render_widget(Paragraph::new(shown).block(Block::new().borders(Borders::TOP).title(title)), area);
}

fn log(log: &Log) -> Line<'_> {
    let place = log.place.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    Line::from(vec![
        Span::from(format!("{} ", log.at)).dim(),
        level(log.level),
        Span::from(format!(" {} {place} ", log.function)).cyan(),
        Span::from(log.text.as_str()),
    ])
}

fn dead_letter(dead: &DeadLetter) -> Line<'_> {
    Line::from(vec![
        Span::from(format!("{} ", dead.at)).dim(),
        Span::from(format!("{} {} ", dead.function, dead.place)).cyan(),
        Span::from(dead.reason.as_str()).red(),
        Span::from(format!(" after {} attempts: {}", dead.attempts, dead.error)),
    ])
}

fn note(note: &Note) -> Line<'_> {
    let text = Span::from(note.text.as_str());
    let text = if note.level <= Level::ERROR { text.red() } else { text };
    Line::from(vec![Span::from(format!("{} ", note.at)).dim(), text])
}

fn level(level: Level) -> Span<'static> {
    match level {
        Level::ERROR => "ERROR".red(),
        Level::WARN => "WARN ".yellow(),
        Level::INFO => "INFO ".green(),
        Level::DEBUG => "DEBUG".dim(),
        Level::TRACE => "TRACE".dim(),
    }
}

fn foot(state: &State) -> Line<'static> {
    if state.ending {
        return Line::from(" draining: open calls end and are committed; Ctrl-C ends at once").yellow();
    }
    let input = state.input.as_ref().map_or_else(String::new, |input| {
        let part = match (input.ended, input.percent) {
            (true, _) => "all".to_owned(),
            (false, Some(percent)) => format!("{percent} %"),
            (false, None) => "so far".to_owned(),
        };
        format!("   fed: {} events, {part}", input.fed)
    });
    Line::from(format!(" ↑↓ choose  p pause  r resume  e replay the last event  q quit{input}"))
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::journal::{Clock, Place};
    use super::super::state::{Input, Key};
    use super::*;

    fn screen(state: &State, pages: &Pages, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, state, pages)).unwrap();
        let cells = terminal.backend().buffer().content();
        let lines = cells.chunks(width.into()).map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>());
        lines.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }

    fn state() -> State {
        let row = Row {
            function: "stock".into(),
            group: "shop.stock".into(),
            topics: "orders".into(),
            rate: Some(1234.4),
            lag: None,
            p50: Some(Duration::from_micros(128)),
            p99: Some(Duration::from_millis(65)),
            ack: 1_234_567,
            skip: 2,
            retried: 3,
            dead: 4,
            swaps: 1,
            state: "running".into(),
            ..Row::default()
        };
        let mut state = State::new("shop: kafka 127.0.0.1:1");
        state.show(vec![row.clone(), Row { function: "bill".into(), lag: Some(7), rate: None, paused: true, ..row }]);
        state
    }

    #[test]
    fn a_binding_is_a_line_and_an_unknown_lag_a_question_mark() {
        let shown = screen(&state(), &Pages::default(), 130, 24);
        let of = |function: &str| {
            shown.lines().find(|line| line.starts_with(function)).unwrap().split_whitespace().collect::<Vec<_>>()
        };
        let expected = "stock orders 1234 ? 128µs 65ms 1234k 2 3 4 running, 1 swaps";
        assert_eq!(of("stock"), expected.split(' ').collect::<Vec<_>>());
        assert_eq!(of("bill")[2..4], ["?", "7"]);
        assert!(of("bill").contains(&"paused,"), "{shown}");
        assert!(shown.contains(" shop: kafka 127.0.0.1:1") && shown.contains("logs of functions: none"), "{shown}");
    }

    #[test]
    fn the_newest_lines_come_first_with_their_coordinates() {
        let place = Place { topic: "orders".into(), partition: 1, offset: 17 };
        let mut pages = Pages::default();
        for n in 0..50 {
            let (at, text) = (Clock::of(1, 2, 3), format!("line {n}"));
            pages.logs.push_back(Log {
                at,
                level: Level::INFO,
                function: "stock".into(),
                place: Some(place.clone()),
                text,
            });
        }
        let (reason, error) = ("trap".to_owned(), "out of cheese".to_owned());
        let at = Clock::of(4, 5, 6);
        pages.dead.push_back(DeadLetter { at, function: "stock".into(), place, attempts: 5, reason, error });
        pages.notes.push_back(Note { at, level: Level::ERROR, text: "error[E0425]: no such thing".into() });
        let shown = screen(&state(), &pages, 100, 24);
        let first = shown.lines().find(|line| line.contains("INFO")).unwrap();
        assert_eq!(first, "01:02:03 INFO  stock orders/1:17 line 49");
        assert!(shown.contains("04:05:06 stock orders/1:17 trap after 5 attempts: out of cheese"), "{shown}");
        assert!(shown.contains("04:05:06 error[E0425]: no such thing"), "{shown}");
    }

    #[test]
    fn no_size_of_terminal_is_a_panic_and_a_small_one_says_so() {
        let (mut state, mut pages) = (state(), Pages::default());
        state.rows = vec![state.rows[0].clone(); 100];
        pages.notes.push_back(Note { at: Clock::of(0, 0, 0), level: Level::INFO, text: "é漢字".repeat(300) });
        for (width, height) in [(1, 1), (2, 40), (200, 1), SMALLEST, (73, 17), (300, 100)] {
            screen(&state, &pages, width, height);
        }
        let told = screen(&state, &pages, 40, 10).replace('\n', " ");
        assert!(told.contains("too small: 40x10, at least 72x16"), "{told}");
    }

    #[test]
    fn the_foot_says_how_far_the_input_is_and_that_it_ends() {
        let mut state = state();
        state.input = Some(Input { fed: 120, percent: Some(40), ended: false });
        assert!(screen(&state, &Pages::default(), 100, 20).contains("q quit   fed: 120 events, 40 %"));
        state.press(Key::Quit);
        assert!(screen(&state, &Pages::default(), 100, 20).contains("draining"));
    }
}
