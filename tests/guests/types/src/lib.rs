//! A function that writes and reads back values of every CQL type, pages, batches and conditional writes, and tells on `out`
//! what came of it. An event's value says what to do; its key is the row, or the partition, that it does it to.

mod columns;

use veltrix_sdk::cql::{Consistency, CqlError, Outcome, PageToken, Row, SerialConsistency, Unset, batch};
use veltrix_sdk::prelude::*;

#[handler]
async fn types(event: Event) -> Result<()> {
    let key = event.key_text()?;
    let told = match event.text()? {
        "write" => write(key).await?,
        "null" => null(key).await?,
        "unset" => unset(key).await?,
        "mismatch" => mismatch(key).await,
        "pages" => pages(key).await?,
        "batch" => batches(key).await?,
        "condition" => conditions(key).await?,
        "consistency" => consistency(key).await?,
        "timestamp" => timestamps(key).await?,
        other => return Err(Error::dead_letter(format!("{other} is nothing to do"))),
    };
    emit("out").key(key).value(told)
}

/// A value in each column, read as the type that it was bound from.
async fn write(key: &str) -> Result<String, CqlError> {
    columns::insert(key, columns::values).await?;
    let row = read(key).await?;
    Ok(format!("{} columns, other than written: {:?}", columns::NAMES.len(), columns::differing(&row)?))
}

/// Nulls over what is there.
async fn null(key: &str) -> Result<String, CqlError> {
    columns::insert(key, columns::values).await?;
    columns::insert(key, columns::nulls).await?;
    Ok(format!("not null: {:?}", columns::present(&read(key).await?)?))
}

/// Nothing over what is there.
async fn unset(key: &str) -> Result<String, CqlError> {
    columns::insert(key, columns::values).await?;
    columns::insert(key, columns::unset).await?;
    let row = read(key).await?;
    Ok(format!("not null: {}, other than written: {:?}", columns::present(&row)?.len(), columns::differing(&row)?))
}

async fn read(key: &str) -> Result<Row, CqlError> {
    cql("SELECT * FROM types WHERE k = ?").bind(key).one().await
}

/// What the SDK refuses before anything is sent, or after rows came.
async fn mismatch(key: &str) -> String {
    let kind =
        |result: Result<(), CqlError>| result.map_or_else(|error| format!("{:?}", error.kind()), |()| "fine".into());
    let text = cql("INSERT INTO types (k, whole) VALUES (?, ?)").bind(key).bind("three").run().await;
    let wide = cql("INSERT INTO types (k, whole) VALUES (?, ?)").bind(key).bind(3i64).run().await;
    let field = cql("INSERT INTO types (k, home) VALUES (?, ?)").bind(key).bind((1, 2)).run().await;
    let few = cql("INSERT INTO types (k, whole) VALUES (?, ?)").bind(key).run().await;
    let key_unset = cql("INSERT INTO types (k, whole) VALUES (?, ?)").bind(Unset).bind(3).run().await;
    let good = cql("INSERT INTO types (k, whole) VALUES (?, ?)").bind(key).bind(3).run().await;
    let narrow = cql("SELECT whole FROM types WHERE k = ?").bind(key).one::<i16>().await;
    let plain = |outcome: Result<Outcome, CqlError>| kind(outcome.map(|_| ()));
    [plain(text), plain(wide), plain(field), plain(few), plain(key_unset), plain(good), kind(narrow.map(|_| ()))]
        .join(" ")
}

/// Twenty-five rows, ten at a time, then from a page's token, then with the token of another statement.
async fn pages(key: &str) -> Result<String, CqlError> {
    let insert = || cql("INSERT INTO notes (k, n, words) VALUES (?, ?, ?)").bind(key);
    let rows = (0..25).fold(batch().unlogged(), |rows, n| rows.add(insert().bind(n).bind(format!("note {n}"))));
    rows.run().await?;

    let select = || cql("SELECT n FROM notes WHERE k = ?").bind(key).page_size(10);
    let mut pages = select().pages::<i32>();
    let (mut sizes, mut all) = (Vec::new(), Vec::new());
    while let Some(page) = pages.next().await? {
        sizes.push(page.len());
        all.extend(page);
    }
    let in_order = all == (0..25).collect::<Vec<_>>();

    let first = select().page::<i32>(None).await?;
    let token = first.next.map(PageToken::into_bytes).unwrap_or_default();
    let second = select().page::<i32>(PageToken::from_bytes(token.clone())).await?;
    let other = cql("SELECT words FROM notes WHERE k = ?").bind(key).page::<String>(PageToken::from_bytes(token)).await;
    let refused = other.map_or_else(|error| format!("{:?}", error.kind()), |page| format!("{} rows", page.rows.len()));
    Ok(format!("pages {sizes:?}, in order: {in_order}, second from {:?}, other: {refused}", second.rows.first()))
}

async fn batches(key: &str) -> Result<String, CqlError> {
    let insert = |n: i32| cql("INSERT INTO notes (k, n, words) VALUES (?, ?, ?)").bind(key).bind(n).bind("batched");
    let logged = batch().add(insert(1)).add(insert(2)).run().await?.applied;
    let condition = || cql("INSERT INTO notes (k, n, words) VALUES (?, 3, 'once') IF NOT EXISTS").bind(key);
    let first = batch().add(condition()).add(insert(4)).run().await?;
    let again = batch().add(condition()).add(insert(5)).run().await?;
    let found: (i32, String) = (again.get("n")?, again.get("words")?);
    let hit = || cql("UPDATE hits SET count = count + ? WHERE page = ?").bind(2i64).bind(key);
    batch().counter().add(hit()).add(hit()).run().await?;
    let hits: i64 = cql("SELECT count FROM hits WHERE page = ?").bind(key).one().await?;
    let notes: Vec<i32> = cql("SELECT n FROM notes WHERE k = ?").bind(key).all().await?;
    Ok(format!("{logged} {} {} {found:?} hits {hits} notes {notes:?}", first.applied, again.applied))
}

async fn conditions(key: &str) -> Result<String, CqlError> {
    let insert = || cql("INSERT INTO state (k, v, words) VALUES (?, 1, 'first') IF NOT EXISTS").bind(key);
    let update = |to: i32, from: i32| {
        let update = cql("UPDATE state SET v = ? WHERE k = ? IF v = ?").bind(to).bind(key).bind(from);
        update.serial(SerialConsistency::LocalSerial)
    };
    let (first, second) = (insert().run().await?, insert().run().await?);
    let found: (i32, String) = (second.get("v")?, second.get("words")?);
    let (wrong, right) = (update(9, 7).run().await?, update(2, 1).run().await?);
    let there: i32 = wrong.get("v")?;
    let gone = cql("DELETE FROM state WHERE k = ? IF EXISTS").bind(format!("{key}-none")).run().await?;
    Ok(format!(
        "{} {} {found:?} {} {there} {} {}",
        first.applied, second.applied, wrong.applied, right.applied, gone.applied
    ))
}

async fn consistency(key: &str) -> Result<String, CqlError> {
    use Consistency::{All, Any, EachQuorum, LocalOne, LocalQuorum, LocalSerial, One, Quorum, Serial};
    let writes = [Any, One, Quorum, All, LocalQuorum, EachQuorum, LocalOne];
    for (v, level) in (0..).zip(writes) {
        let write = cql("INSERT INTO state (k, v) VALUES (?, ?)").bind(key).bind(v);
        write.consistency(level).run().await?;
    }
    let read = |level| cql("SELECT v FROM state WHERE k = ?").bind(key).consistency(level).one::<i32>();
    let mut found = Vec::new();
    for level in [One, Quorum, All, LocalQuorum, LocalOne, Serial, LocalSerial] {
        found.push(read(level).await?);
    }
    Ok(format!("{found:?}"))
}

/// The later timestamp wins, whichever is written last.
async fn timestamps(key: &str) -> Result<String, CqlError> {
    let write = |v: i32| cql("INSERT INTO state (k, v) VALUES (?, ?)").bind(key).bind(v);
    let read = || cql("SELECT v, WRITETIME(v) FROM state WHERE k = ?").bind(key).one::<(i32, i64)>();
    write(1).timestamp(2_000_000).run().await?;
    write(2).timestamp(1_000_000).run().await?;
    let explicit = read().await?;
    batch().add(write(3)).timestamp(3_000_000).run().await?;
    let batched = read().await?;
    write(4).event_time().run().await?;
    let event_time = read().await?;
    write(5).run().await?;
    let plain = read().await?;
    Ok(format!("{explicit:?} {batched:?} {event_time:?}, then now: {}", plain.0 == 5 && plain.1 > event_time.1))
}
