//! The state, drawn. Knows no worker and no keys.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row as TableRow, Table, TableState, Wrap};
use tracing::Level;

use super::journal::{DeadLetter, Log, Pages};
use super::meter::Row;
use super::reader;
use super::state::State;

/// Less does not hold what there is to show.
pub(crate) const SMALLEST: (u16, u16) = (72, 16);

/// Draws it all, or says that there is no room.
pub(crate) fn draw(frame: &mut Frame<'_>, state: &mut State, pages: &Pages) {
    let area = frame.area();
    let (width, height) = SMALLEST;
    if area.width < width || area.height < height {
        let told = format!(
            "This terminal is too small: {}x{}, at least {width}x{height} is needed. q ends; --plain shows lines.",
            area.width, area.height
        );
        return frame.render_widget(Paragraph::new(told).wrap(Wrap { trim: true }), area);
    }
    let [title, body, keys] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    frame.render_widget(Line::from(format!(" {}", state.title)).bold(), title);
    match &mut state.reading {
        Some(reading) => reader::draw(frame, body, reading, pages),
        None => draw_all(frame, state, pages, body),
    }
    frame.render_widget(foot(state), keys);
}

fn draw_all(frame: &mut Frame<'_>, state: &State, pages: &Pages, area: Rect) {
    let bindings = u16::try_from(state.rows.len()).unwrap_or(u16::MAX).saturating_add(2).min(area.height / 3);
    // An error of a compiler needs its room.
    let long = pages.notes.back().is_some_and(|note| note.lines.len() > 2);
    let [table, chosen, logs, dead, notes] = Layout::vertical([
        Constraint::Length(bindings.max(3)),
        Constraint::Length(1),
        Constraint::Fill(3),
        Constraint::Fill(2),
        Constraint::Fill(if long { 7 } else { 2 }),
    ])
    .areas(area);
    draw_bindings(frame, state, table);
    if let Some((_, row)) = state.chosen() {
        frame.render_widget(whole(row), chosen);
    }
    list(frame, logs, "logs of functions", pages.logs.iter().rev().map(log), pages.logs.len());
    list(frame, dead, "dead letters", pages.dead.iter().rev().map(dead_letter), pages.dead.len());
    list(frame, notes, "builds and trouble", pages.notes.iter().rev().flat_map(reader::lines), pages.notes.len());
}

/// Narrower than this, some counts are shown of the chosen binding alone.
const WIDE: u16 = 100;

/// A column of the bindings: its title, its width, and what is in it.
type Column = (&'static str, Constraint, for<'a> fn(&'a Row) -> Cell<'a>);

fn columns(width: u16) -> Vec<Column> {
    let mut all: Vec<Column> = vec![
        ("function", Constraint::Fill(2), |row| Cell::from(row.function.as_str())),
        ("topics", Constraint::Fill(2), |row| Cell::from(row.topics.as_str())),
        ("events/s", Constraint::Length(8), |row| Cell::from(rate(row))),
        ("lag", Constraint::Length(6), |row| Cell::from(row.lag.map_or_else(|| "?".to_owned(), count))),
    ];
    if width >= WIDE {
        all.push(("p50", Constraint::Length(6), |row| Cell::from(latency(row.p50))));
    }
    all.push(("p99", Constraint::Length(6), |row| Cell::from(latency(row.p99))));
    all.push(("ack", Constraint::Length(6), |row| Cell::from(count(row.ack))));
    if width >= WIDE {
        all.push(("skip", Constraint::Length(6), |row| Cell::from(count(row.skip))));
        all.push(("retried", Constraint::Length(7), |row| Cell::from(count(row.retried))));
    }
    all.push(("dead", Constraint::Length(5), |row| {
        Cell::from(count(row.dead)).style(if row.dead > 0 { Style::new().fg(Color::Red) } else { Style::new() })
    }));
    all.push(("state", Constraint::Fill(if width >= WIDE { 2 } else { 3 }), |row| {
        let trouble = row.error.is_some() || row.lanes_stopped > 0 || row.dead > 0;
        Cell::from(condition(row)).style(if trouble { Style::new().fg(Color::Yellow) } else { Style::new() })
    }));
    all
}

fn draw_bindings(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let columns = columns(area.width);
    let rows = state.rows.iter().map(|row| TableRow::new(columns.iter().map(|(_, _, cell)| cell(row))));
    let table = Table::new(rows, columns.iter().map(|(_, width, _)| *width))
        .header(
            TableRow::new(columns.iter().map(|(title, _, _)| *title))
                .style(Style::new().add_modifier(Modifier::UNDERLINED)),
        )
        .block(Block::new().borders(Borders::TOP).title("bindings"))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut chosen = TableState::new().with_selected(state.chosen().map(|(at, _)| at));
    frame.render_stateful_widget(table, area, &mut chosen);
}

/// All of the chosen binding, as columns cut it off.
fn whole(row: &Row) -> Line<'static> {
    let counts = format!("p50 {}, skip {}, retried {}", latency(row.p50), count(row.skip), count(row.retried));
    Line::from(format!(" {}: {}   {counts}   {}", row.group, row.topics, condition(row))).dim()
}

fn rate(row: &Row) -> String {
    row.rate.map_or_else(|| "?".to_owned(), |rate| format!("{rate:.0}"))
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
    if state.reading.is_some() {
        return Line::from(" ↑↓ PgUp PgDn Home End scroll  ←→ other notes  n back");
    }
    let input = state.input.as_ref().map_or_else(String::new, |input| {
        let part = match (input.ended, input.percent) {
            (true, _) => "all".to_owned(),
            (false, Some(percent)) => format!("{percent} %"),
            (false, None) => "so far".to_owned(),
        };
        format!("   fed: {} events, {part}", input.fed)
    });
    Line::from(format!(" ↑↓ choose  p pause  r resume  e replay  n notes  q quit{input}"))
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::journal::{Clock, Note, Place};
    use super::super::state::{Input, Key};
    use super::*;

    fn screen(state: &mut State, pages: &Pages, width: u16, height: u16) -> String {
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
        let shown = screen(&mut state(), &Pages::default(), 130, 24);
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
        let note = |first: &str| Note { at, level: Level::ERROR, lines: vec![first.into(), " --> lib.rs:1".into()] };
        pages.notes.extend([note("error: old"), note("error[E0425]: no such thing")]);
        let shown = screen(&mut state(), &pages, 100, 24);
        let first = shown.lines().find(|line| line.contains("INFO")).unwrap();
        assert_eq!(first, "01:02:03 INFO  stock orders/1:17 line 49");
        assert!(shown.contains("04:05:06 stock orders/1:17 trap after 5 attempts: out of cheese"), "{shown}");
        let notes = "04:05:06 error[E0425]: no such thing\n          --> lib.rs:1\n04:05:06 error: old\n";
        assert!(shown.contains(notes), "{shown}");
    }

    #[test]
    fn no_size_of_terminal_is_a_panic_and_a_small_one_says_so() {
        let (mut state, mut pages) = (state(), Pages::default());
        state.rows = vec![state.rows[0].clone(); 100];
        pages.notes.push_back(Note { at: Clock::of(0, 0, 0), level: Level::INFO, lines: vec!["é漢字".repeat(300)] });
        for (width, height) in [(1, 1), (2, 40), (200, 1), SMALLEST, (73, 17), (300, 100)] {
            screen(&mut state, &pages, width, height);
            state.press(Key::Notes);
            screen(&mut state, &pages, width, height);
            state.press(Key::Back);
        }
        let told = screen(&mut state, &pages, 40, 10).replace('\n', " ");
        assert!(told.contains("too small: 40x10, at least 72x16"), "{told}");
    }

    #[test]
    fn a_narrow_terminal_shows_names_and_states_and_a_compilers_first_lines() {
        let (mut state, mut pages) = (state(), Pages::default());
        let lines = (0..40).map(|n| format!("line {n}")).collect();
        pages.notes.push_back(Note { at: Clock::of(0, 0, 0), level: Level::ERROR, lines });
        let shown = screen(&mut state, &pages, 72, 24);
        let words: Vec<_> = shown.lines().find(|line| line.starts_with("stock ")).unwrap().split_whitespace().collect();
        assert_eq!(words, ["stock", "orders", "1234", "?", "65ms", "1234k", "4", "running,", "1", "swap"], "{shown}");
        assert!(shown.contains(" shop.stock: orders   p50 128µs, skip 2, retried 3   running, 1 swa"), "{shown}");
        assert!(shown.contains("00:00:00 line 0\n         line 1\n         line 2\n"), "{shown}");
        assert!(shown.contains("n notes  q quit"), "{shown}");
    }

    #[test]
    fn the_foot_says_how_far_the_input_is_and_that_it_ends() {
        let mut state = state();
        state.input = Some(Input { fed: 120, percent: Some(40), ended: false });
        assert!(screen(&mut state, &Pages::default(), 100, 20).contains("q quit   fed: 120 events, 40 %"));
        state.press(Key::Quit);
        assert!(screen(&mut state, &Pages::default(), 100, 20).contains("draining"));
    }
}
