//! The scylla driver: what the worker itself uses.

use std::ops::ControlFlow;

use futures_util::TryStreamExt;
use scylla::client::Compression;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::response::PagingState;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::unprepared::Statement;
use scylla::value::{CqlTimeuuid, MaybeUnset};
use uuid::Uuid;

use crate::server::Running;

async fn connect(address: &str, compression: Option<Compression>) -> Session {
    SessionBuilder::new().known_node(address).compression(compression).build().await.unwrap()
}

/// A session in a keyspace of its own with the table `plain`.
async fn with_table(address: &str, compression: Option<Compression>) -> (Session, String) {
    let session = connect(address, compression).await;
    let keyspace = format!("rust_{}", Uuid::new_v4().simple());
    let class = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    session.query_unpaged(format!("CREATE KEYSPACE {keyspace} WITH replication = {class}"), ()).await.unwrap();
    session.use_keyspace(&keyspace, false).await.unwrap();
    session.query_unpaged("CREATE TABLE plain (k int, c int, v text, PRIMARY KEY (k, c))", ()).await.unwrap();
    (session, keyspace)
}

#[tokio::test]
async fn scylla_driver_reads_and_writes_in_every_compression() {
    let server = Running::start();
    for compression in [None, Some(Compression::Lz4), Some(Compression::Snappy)] {
        let (session, keyspace) = with_table(server.address(), compression).await;
        let insert = session.prepare("INSERT INTO plain (k, c, v) VALUES (?, ?, ?)").await.unwrap();
        let large = "x".repeat(300_000);
        for c in 0..100 {
            session.execute_unpaged(&insert, (1, c, if c == 50 { &large } else { "small" })).await.unwrap();
        }
        session.execute_unpaged(&insert, (1, 0, MaybeUnset::<&str>::Unset)).await.unwrap();
        let mut select = session.prepare("SELECT c, v FROM plain WHERE k = ?").await.unwrap();
        select.set_page_size(7);
        let rows = session.execute_iter(select.clone(), (1,)).await.unwrap().rows_stream::<(i32, String)>().unwrap();
        let rows: Vec<_> = rows.try_collect().await.unwrap();
        assert_eq!(rows.len(), 100);
        assert_eq!((&rows[0], rows[50].1.len()), (&(0, "small".to_owned()), large.len()));
        let (page, state) = session.execute_single_page(&select, (1,), PagingState::start()).await.unwrap();
        assert_eq!(page.into_rows_result().unwrap().rows_num(), 7);
        let ControlFlow::Continue(state) = state.into_paging_control_flow() else { panic!("there are more pages") };
        let (page, _) = session.execute_single_page(&select, (1,), state).await.unwrap();
        assert_eq!(page.into_rows_result().unwrap().first_row::<(i32, String)>().unwrap().0, 7);
        session.query_unpaged(format!("DROP KEYSPACE {keyspace}"), ()).await.unwrap();
    }
}

#[tokio::test]
async fn scylla_driver_reads_the_schema() {
    let server = Running::start();
    let (session, keyspace) = with_table(server.address(), None).await;
    session.query_unpaged("CREATE TYPE address (street text, numbers frozen<list<int>>)", ()).await.unwrap();
    let table =
        "CREATE TABLE typed (a int, b timeuuid, s int static, m map<text, frozen<address>>, PRIMARY KEY (a, b))";
    session.query_unpaged(table, ()).await.unwrap();
    session.refresh_metadata().await.unwrap();
    let state = session.get_cluster_state();
    assert_eq!(state.get_nodes_info().len(), 1);
    let found = state.get_keyspace(&keyspace).unwrap();
    assert!(found.user_defined_types.contains_key("address"));
    let typed = &found.tables["typed"];
    assert_eq!((&typed.partition_key[..], &typed.clustering_key[..]), (&["a".to_owned()][..], &["b".to_owned()][..]));
    assert_eq!(typed.columns.len(), 4);
    let insert = session.prepare("INSERT INTO typed (a, b, s) VALUES (?, ?, ?)").await.unwrap();
    assert!(insert.is_token_aware());
    let id = CqlTimeuuid::from(Uuid::from_u128(0x5f1b_2c00_0001_11ee_8c99_0242_ac12_0002));
    session.execute_unpaged(&insert, (1, id, 2)).await.unwrap();
    let rows = session.query_unpaged("SELECT b FROM typed", ()).await.unwrap().into_rows_result().unwrap();
    assert_eq!(rows.single_row::<(CqlTimeuuid,)>().unwrap(), (id,));
    session.query_unpaged(format!("DROP KEYSPACE {keyspace}"), ()).await.unwrap();
}

#[tokio::test]
async fn scylla_driver_runs_batches_and_conditions() {
    let server = Running::start();
    let (session, keyspace) = with_table(server.address(), None).await;
    let mut batch = Batch::new(BatchType::Logged);
    batch.append_statement("INSERT INTO plain (k, c, v) VALUES (?, ?, ?)");
    batch.append_statement(session.prepare("UPDATE plain SET v = ? WHERE k = ? AND c = ?").await.unwrap());
    session.batch(&batch, ((1, 1, "a"), ("b", 1, 2))).await.unwrap();
    let absent = session.prepare("INSERT INTO plain (k, c, v) VALUES (?, ?, ?) IF NOT EXISTS").await.unwrap();
    let refused = session.execute_unpaged(&absent, (1, 2, "x")).await.unwrap().into_rows_result().unwrap();
    assert_eq!(refused.single_row::<(bool, i32, i32, String)>().unwrap(), (false, 1, 2, "b".to_owned()));
    let applied = session.execute_unpaged(&absent, (1, 3, "x")).await.unwrap().into_rows_result().unwrap();
    assert_eq!(applied.single_row::<(bool,)>().unwrap(), (true,));
    let mut conditional = Batch::new(BatchType::Logged);
    conditional.append_statement(absent);
    conditional.append_statement("UPDATE plain SET v = 'c' WHERE k = 1 AND c = 1 IF v = 'a'");
    let applied = session.batch(&conditional, ((1, 4, "y"), ())).await.unwrap().into_rows_result().unwrap();
    assert_eq!(applied.column_specs().get_by_index(0).unwrap().name(), "[applied]");
    assert_eq!(applied.single_row::<(bool,)>().unwrap(), (true,));
    session.query_unpaged(format!("DROP KEYSPACE {keyspace}"), ()).await.unwrap();
}

#[tokio::test]
async fn scylla_driver_is_told_errors_and_traces() {
    let server = Running::start();
    let (session, keyspace) = with_table(server.address(), None).await;
    let refused = |text: &str| {
        let (session, text) = (&session, text.to_owned());
        async move {
            match session.query_unpaged(text, ()).await.unwrap_err() {
                ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, _)) => error,
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(refused("SELEC 1").await, DbError::SyntaxError);
    assert_eq!(refused("SELECT * FROM nowhere").await, DbError::Invalid);
    let there = DbError::AlreadyExists { keyspace: keyspace.clone(), table: "plain".to_owned() };
    assert_eq!(refused("CREATE TABLE plain (k int PRIMARY KEY)").await, there);
    let mut traced = Statement::new("SELECT * FROM plain");
    traced.set_tracing(true);
    let result = session.query_unpaged(traced, ()).await.unwrap();
    assert!(result.tracing_id().is_some());
    session.query_unpaged(format!("DROP KEYSPACE {keyspace}"), ()).await.unwrap();
}

#[tokio::test]
async fn scylla_driver_prepares_anew_after_the_table_changed() {
    let server = Running::start();
    let (session, keyspace) = with_table(server.address(), None).await;
    session.query_unpaged("INSERT INTO plain (k, c, v) VALUES (1, 1, 'a')", ()).await.unwrap();
    let select = session.prepare("SELECT v FROM plain WHERE k = ?").await.unwrap();
    session.query_unpaged("ALTER TABLE plain ADD w int", ()).await.unwrap();
    let rows = session.execute_unpaged(&select, (1,)).await.unwrap().into_rows_result().unwrap();
    assert_eq!(rows.single_row::<(String,)>().unwrap().0, "a");
    session.query_unpaged(format!("DROP KEYSPACE {keyspace}"), ()).await.unwrap();
}
