//! What a server is told beside data statements: printing and parsing again gives the same tree, for generated trees;
//! no text makes the parser panic.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use veltrix_cql::*;

fn name() -> impl Strategy<Value = Name> {
    // Some must be quoted: reserved, upper case, quotes, any character.
    "([a-z][a-z0-9_]{0,6}|select|primary|with|Ks|a\"b|\"|[ -~é]{1,4})".prop_map(Name)
}

fn named() -> impl Strategy<Value = Table> {
    (option::of(name()), name()).prop_map(|(keyspace, name)| Table { keyspace, name })
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        any::<bool>().prop_map(Literal::Boolean),
        any::<i64>().prop_map(|n| Literal::Integer(n.to_string())),
        "-?[0-9]{1,3}\\.[0-9]{0,3}".prop_map(Literal::Float),
        "[ -~é\n]{0,8}".prop_map(Literal::String),
        "([0-9a-f]{2}){0,4}".prop_map(Literal::Blob),
    ]
}

fn options(least: usize) -> impl Strategy<Value = Options> {
    let property =
        prop_oneof![literal().prop_map(Property::Literal), vec((literal(), literal()), 0..3).prop_map(Property::Map),];
    vec((name(), property), least..3)
}

fn ty() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![
        4 => select(Native::ALL).prop_map(Type::Native),
        1 => name().prop_map(Type::Udt),
        1 => (name(), name()).prop_map(|(keyspace, name)| Type::UdtOf(keyspace, name)),
        1 => "[a-zA-Z.']{1,8}".prop_map(Type::Custom),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        prop_oneof![
            boxed().prop_map(Type::List),
            boxed().prop_map(Type::Set),
            boxed().prop_map(Type::Frozen),
            (boxed(), boxed()).prop_map(|(key, value)| Type::Map(key, value)),
            (boxed(), 1u16..9).prop_map(|(of, n)| Type::Vector(of, n)),
            vec(inner.clone(), 1..3).prop_map(Type::Tuple),
        ]
    })
}

fn column() -> impl Strategy<Value = ColumnDefinition> {
    (name(), ty(), any::<bool>()).prop_map(|(name, of, is_static)| ColumnDefinition { name, of, is_static })
}

prop_compose! {
    fn create_table()(
        table in named(), if_not_exists: bool, columns in vec(column(), 1..4),
        keys in vec((vec(name(), 1..3), vec(name(), 0..3)), 0..2), compact_storage: bool, options in options(0),
        order in vec((name(), select(&[Order::Ascending, Order::Descending][..])), 0..3),
    ) -> CreateTable {
        let key = |(partition, clustering)| PrimaryKey { partition, clustering };
        let primary_keys = keys.into_iter().map(key).collect();
        // Words that begin an option of its own kind are no names of options.
        let options = options.into_iter().filter(|(name, _)| !["compact", "clustering"].contains(&name.as_str())).collect();
        CreateTable { table, if_not_exists, columns, primary_keys, clustering_order: order, compact_storage, options }
    }
}

fn alter_table() -> impl Strategy<Value = AlterTable> {
    let timestamp = option::of(any::<i64>().prop_map(|n| Expr::Literal(Literal::Integer(n.to_string()))));
    prop_oneof![
        (any::<bool>(), vec(column(), 1..3))
            .prop_map(|(if_not_exists, columns)| AlterTable::Add { if_not_exists, columns }),
        (any::<bool>(), vec(name(), 1..3), timestamp).prop_map(|(if_exists, columns, timestamp)| AlterTable::Drop {
            if_exists,
            columns,
            timestamp
        }),
        (any::<bool>(), vec((name(), name()), 1..3))
            .prop_map(|(if_exists, names)| AlterTable::Rename { if_exists, names }),
        (name(), ty()).prop_map(|(column, of)| AlterTable::Retype(column, of)),
        options(1).prop_map(AlterTable::Options),
    ]
}

fn alter_type() -> impl Strategy<Value = AlterType> {
    prop_oneof![
        (any::<bool>(), name(), ty()).prop_map(|(if_not_exists, field, of)| AlterType::Add {
            if_not_exists,
            field,
            of
        }),
        (any::<bool>(), vec((name(), name()), 1..3))
            .prop_map(|(if_exists, names)| AlterType::Rename { if_exists, names }),
        (name(), ty()).prop_map(|(field, of)| AlterType::Retype(field, of)),
    ]
}

prop_compose! {
    fn create_index()(
        custom: bool, if_not_exists: bool, name in option::of(name()), table in named(),
        targets in vec((select(&[
            IndexTarget::Plain, IndexTarget::Values, IndexTarget::Keys, IndexTarget::Entries, IndexTarget::Full,
        ][..]), self::name()), 0..3),
        using in option::of("[a-z.']{0,6}"), options in options(0),
    ) -> CreateIndex {
        CreateIndex { custom, if_not_exists, name, table, targets, using, options }
    }
}

fn ddl() -> impl Strategy<Value = Ddl> {
    let dropped = select(&[Dropped::Table, Dropped::Type, Dropped::Index][..]);
    prop_oneof![
        (name(), any::<bool>(), options(1)).prop_map(|(name, if_not_exists, options)| Ddl::CreateKeyspace {
            name,
            if_not_exists,
            options
        }),
        (name(), any::<bool>(), options(1)).prop_map(|(name, if_exists, options)| Ddl::AlterKeyspace {
            name,
            if_exists,
            options
        }),
        create_table().prop_map(Ddl::CreateTable),
        (named(), any::<bool>(), alter_table()).prop_map(|(table, if_exists, change)| Ddl::AlterTable {
            table,
            if_exists,
            change
        }),
        (named(), any::<bool>(), vec((name(), ty()), 1..3)).prop_map(|(name, if_not_exists, fields)| Ddl::CreateType {
            name,
            if_not_exists,
            fields
        }),
        (named(), any::<bool>(), alter_type()).prop_map(|(name, if_exists, change)| Ddl::AlterType {
            name,
            if_exists,
            change
        }),
        create_index().prop_map(Ddl::CreateIndex),
        (dropped, named(), any::<bool>()).prop_map(|(what, name, if_exists)| Ddl::Drop { what, name, if_exists }),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let kind = select(&[BatchKind::Logged, BatchKind::Unlogged, BatchKind::Counter][..]);
    let statements = select(
        &[
            "INSERT INTO t (a) VALUES (?) IF NOT EXISTS",
            "UPDATE t SET a = 1 WHERE k = 1 IF EXISTS",
            "DELETE FROM t WHERE k = 1",
        ][..],
    );
    let statement = statements.prop_map(|text| parse(text).unwrap());
    prop_oneof![
        6 => ddl().prop_map(Command::Schema),
        1 => named().prop_map(Command::Truncate),
        1 => name().prop_map(Command::Use),
        1 => (kind, vec(statement, 0..4))
            .prop_map(|(kind, statements)| Command::Batch(BatchText { kind, using: Vec::new(), statements })),
        1 => (named(), any::<bool>())
            .prop_map(|(name, internals)| Command::Describe(Describe { what: Described::Table(name), internals })),
    ]
}

/// Fragments of statements: gets further than arbitrary characters do.
fn fragments() -> impl Strategy<Value = String> {
    let words = "CREATE ALTER DROP KEYSPACE TABLE TYPE INDEX CUSTOM IF NOT EXISTS PRIMARY KEY WITH AND CLUSTERING ORDER \
        BY DESC ASC COMPACT STORAGE STATIC ADD RENAME TO USING TIMESTAMP ON keys ( ) , ; { } < > = : . ? ' \" a \"B\" 'x' \
        1 -1 int list frozen vector BEGIN BATCH APPLY UNLOGGED INSERT INTO VALUES UPDATE SET WHERE DELETE FROM SELECT \
        USE TRUNCATE DESCRIBE ONLY FULL SCHEMA MASKED LIKE IS NULL != nope ANN OF CAST AS";
    let words: Vec<_> = words.split_whitespace().collect();
    vec(select(words), 0..40).prop_map(|parts| parts.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn printed_trees_parse_to_the_same_tree(tree in command()) {
        let text = tree.to_string();
        match parse_any(&text) {
            Ok(again) => prop_assert_eq!(again, tree, "{}", text),
            Err(error) => prop_assert!(false, "{}: {}", text, error),
        }
    }

    #[test]
    fn the_hosts_parser_takes_none_of_them(tree in command()) {
        prop_assert!(parse(&tree.to_string()).is_err());
    }

    #[test]
    fn any_text_gives_a_tree_or_an_error(text in any::<String>()) {
        let _ = parse_any(&text);
    }

    #[test]
    fn any_fragments_give_a_stable_tree_or_an_error(text in fragments()) {
        match parse_any(&text) {
            Ok(Command::Refused(_) | Command::Invalid(_)) | Err(_) => {}
            Ok(tree) => {
                let printed = tree.to_string();
                prop_assert_eq!(parse_any(&printed).map(|tree| tree.to_string()), Ok(printed));
            }
        }
    }
}
