//! Printing and parsing again gives the same tree, for generated trees; no text makes it panic.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use veltrix_cql::*;

fn name() -> impl Strategy<Value = Name> {
    // Some must be quoted: reserved, upper case, quotes, any character.
    "([a-z][a-z0-9_]{0,6}|select|token|true|Ks|a\"b|\"|[ -~é]{1,4})".prop_map(Name)
}

fn marker() -> impl Strategy<Value = Marker> {
    prop_oneof![Just(Marker::Positional), name().prop_map(Marker::Named)]
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Boolean),
        any::<i64>().prop_map(|n| Literal::Integer(n.to_string())),
        "-?([0-9]{1,3}\\.[0-9]{0,3}(e[+-]?[0-9]{1,2})?|NaN|Infinity)".prop_map(Literal::Float),
        "[ -~é\n]{0,8}".prop_map(Literal::String),
        "([0-9a-f]{2}){0,4}".prop_map(Literal::Blob),
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}".prop_map(Literal::Uuid),
        "-?([0-9]{1,2}mo[0-9]{1,2}d|[0-9]h|P[0-9]Y[0-9]M|PT[0-9]{1,2}S|P[0-9]W)".prop_map(Literal::Duration),
    ]
}

fn ty() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![select(Native::ALL).prop_map(Type::Native), name().prop_map(Type::Udt)];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|t| Type::List(t.into())),
            inner.clone().prop_map(|t| Type::Set(t.into())),
            inner.clone().prop_map(|t| Type::Frozen(t.into())),
            (inner.clone(), inner.clone()).prop_map(|(k, v)| Type::Map(k.into(), v.into())),
            (inner.clone(), 1..9u16).prop_map(|(t, n)| Type::Vector(t.into(), n)),
            vec(inner, 1..3).prop_map(Type::Tuple),
        ]
    })
}

fn operator() -> impl Strategy<Value = Operator> {
    use Operator::*;
    select(&[Add, Subtract, Multiply, Divide, Modulo][..])
}

/// What can stand where an operator can't; anything else goes in parentheses, as the parser has it.
fn closed(e: Expr) -> Box<Expr> {
    Box::new(match e {
        Expr::Binary { .. } | Expr::Negate(_) | Expr::Literal(_) | Expr::Marker(_) => Expr::Tuple(vec![e]),
        Expr::Field(..) | Expr::Element(..) | Expr::Slice(..) => Expr::Tuple(vec![e]),
        e => e,
    })
}

/// As the key of a map: `{a: 1}` is a user-defined type, whatever `a` is.
fn key(e: Expr) -> Expr {
    if matches!(e, Expr::Column(_)) { Expr::CountAll } else { e }
}

/// Trees as the parser makes them.
fn expr(columns: bool) -> BoxedStrategy<Expr> {
    let value = prop_oneof![literal().prop_map(Expr::Literal), marker().prop_map(Expr::Marker)];
    let leaf = match columns {
        true => prop_oneof![value, name().prop_map(Expr::Column), Just(Expr::CountAll)].boxed(),
        false => value.boxed(),
    };
    leaf.prop_recursive(4, 24, 3, move |inner| composite(inner, columns)).boxed()
}

fn composite(inner: BoxedStrategy<Expr>, columns: bool) -> BoxedStrategy<Expr> {
    let shut = inner.clone().prop_map(closed).boxed();
    let plain = prop_oneof![
        (select(FUNCTIONS), vec(inner.clone(), 0..3)).prop_map(|(f, args)| Expr::Call { function: f.to_owned(), args }),
        (inner.clone(), select(Native::ALL))
            .prop_map(|(e, native)| Expr::Cast { value: e.into(), to: Type::Native(native) }),
        (ty(), shut.clone()).prop_map(|(of, value)| Expr::Hint { of, value }),
        (ty(), marker()).prop_map(|(of, m)| Expr::Hint { of, value: Expr::Marker(m).into() }),
        vec(inner.clone(), 0..3).prop_map(Expr::List),
        vec(inner.clone(), 0..3).prop_map(Expr::Set),
        vec((inner.clone().prop_map(key), inner.clone()), 1..3).prop_map(Expr::Map),
        vec((name(), inner.clone()), 1..3).prop_map(Expr::Udt),
        vec(inner.clone(), 2..4).prop_map(Expr::Tuple),
        (operator(), shut.clone(), shut.clone()).prop_map(|(op, left, right)| Expr::Binary { op, left, right }),
        shut.clone().prop_map(Expr::Negate),
    ];
    if !columns {
        return plain.boxed();
    }
    let bound = || option::of(literal().prop_map(|l| Box::new(Expr::Literal(l))));
    prop_oneof![
        4 => plain,
        1 => (shut.clone(), name()).prop_map(|(e, n)| Expr::Field(e, n)),
        1 => (shut.clone(), literal()).prop_map(|(e, k)| Expr::Element(e, Expr::Literal(k).into())),
        1 => (shut, bound(), bound()).prop_map(|(e, from, to)| Expr::Slice(e, from, to)),
    ]
    .boxed()
}

fn count() -> impl Strategy<Value = Expr> {
    prop_oneof![
        any::<i32>().prop_map(|n| Expr::Literal(Literal::Integer(n.to_string()))),
        marker().prop_map(Expr::Marker),
    ]
}

fn table() -> impl Strategy<Value = Table> {
    (option::of(name()), name()).prop_map(|(keyspace, name)| Table { keyspace, name })
}

fn comparison() -> impl Strategy<Value = Comparison> {
    use Comparison::*;
    select(&[Equal, Less, LessOrEqual, Greater, GreaterOrEqual][..])
}

fn relation(conditional: bool) -> impl Strategy<Value = Relation> {
    let column = name().prop_map(Subject::Column);
    let element = (name(), expr(false)).prop_map(|(c, k)| Subject::Element(c, k));
    let subject = match conditional {
        true => prop_oneof![column, element, (name(), name()).prop_map(|(c, f)| Subject::Field(c, f))].boxed(),
        false => prop_oneof![
            column,
            element,
            vec(name(), 1..3).prop_map(Subject::Tuple),
            vec(name(), 1..3).prop_map(Subject::Token),
        ]
        .boxed(),
    };
    let test = prop_oneof![
        (comparison(), expr(false)).prop_map(|(c, v)| Test::Compare(c, v)),
        vec(expr(false), 0..3).prop_map(|v| Test::In(InValues::List(v))),
        marker().prop_map(|m| Test::In(InValues::Marker(m))),
        expr(false).prop_map(Test::Contains),
        expr(false).prop_map(Test::ContainsKey),
    ];
    (subject, test).prop_map(|(subject, test)| match (&subject, &test) {
        (Subject::Column(_), _) | (_, Test::Compare(..)) => Relation { subject, test },
        (_, Test::In(_)) if !matches!(subject, Subject::Token(_)) => Relation { subject, test },
        _ => Relation { subject: Subject::Column("c".into()), test },
    })
}

fn filter(least: usize) -> impl Strategy<Value = Vec<Relation>> {
    vec(relation(false), least..3)
}

fn condition() -> impl Strategy<Value = Option<Condition>> {
    option::of(prop_oneof![Just(Condition::Exists), vec(relation(true), 1..3).prop_map(Condition::If)])
}

fn using(ttl: bool) -> impl Strategy<Value = Vec<Using>> {
    (option::of(count()), option::of(count()), any::<bool>()).prop_map(move |(a, b, swap)| {
        let mut using: Vec<_> = a.map(Using::Timestamp).into_iter().chain(b.filter(|_| ttl).map(Using::Ttl)).collect();
        if swap {
            using.reverse();
        }
        using
    })
}

prop_compose! {
    fn select_statement()(
        json: bool, distinct: bool, allow_filtering: bool,
        list in vec((expr(true), option::of(name())), 0..3),
        table in table(), filter in filter(0),
        group_by in vec(expr(true), 0..2),
        order_by in vec((name(), select(&[Order::Ascending, Order::Descending][..])), 0..3),
        per_partition_limit in option::of(count()), limit in option::of(count()),
    ) -> Statement {
        let list: Vec<_> = list.into_iter().map(|(value, alias)| Selected { value, alias }).collect();
        let selection = if list.is_empty() { Selection::All } else { Selection::List(list) };
        // `JSON (…)` and `JSON -…` are a call and a subtraction.
        let plain = match &selection {
            Selection::All => true,
            Selection::List(list) => matches!(list[0].value, Expr::Column(_) | Expr::CountAll),
        };
        Statement::Select(Select {
            json: json && plain, distinct: distinct && plain, selection, table, filter, group_by,
            order_by, per_partition_limit, limit, allow_filtering,
        })
    }
}

prop_compose! {
    fn insert_statement()(
        table in table(), if_not_exists: bool, using in using(true),
        columns in vec((name(), expr(false)), 1..4),
        json in option::of(prop_oneof![
            "[ -~]{0,9}".prop_map(JsonValue::Text), marker().prop_map(JsonValue::Marker),
        ]),
        default in select(&[JsonDefault::Null, JsonDefault::Unset][..]),
    ) -> Statement {
        let values = match json {
            Some(value) => InsertValues::Json { value, default },
            None => InsertValues::Columns(columns),
        };
        Statement::Insert(Insert { table, values, if_not_exists, using })
    }
}

fn assignment() -> impl Strategy<Value = Assignment> {
    let value = || expr(false);
    prop_oneof![
        (name(), value()).prop_map(|(c, v)| Assignment::Set(c, v)),
        (name(), value()).prop_map(|(c, v)| Assignment::Add(c, v)),
        (name(), value()).prop_map(|(c, v)| Assignment::Subtract(c, v)),
        (name(), value()).prop_map(|(c, v)| Assignment::Prepend(c, v)),
        (name(), value(), value()).prop_map(|(c, k, v)| Assignment::Element(c, k, v)),
        (name(), name(), value()).prop_map(|(c, f, v)| Assignment::Field(c, f, v)),
    ]
}

prop_compose! {
    fn update_statement()(
        table in table(), using in using(true), assignments in vec(assignment(), 1..4),
        filter in filter(1), condition in condition(),
    ) -> Statement {
        Statement::Update(Update { table, using, assignments, filter, condition })
    }
}

prop_compose! {
    fn delete_statement()(
        targets in vec(prop_oneof![
            name().prop_map(Target::Column),
            (name(), expr(false)).prop_map(|(c, k)| Target::Element(c, k)),
            (name(), name()).prop_map(|(c, f)| Target::Field(c, f)),
        ], 0..3),
        table in table(), using in using(false), filter in filter(1), condition in condition(),
    ) -> Statement {
        Statement::Delete(Delete { targets, table, using, filter, condition })
    }
}

fn statement() -> impl Strategy<Value = Statement> {
    prop_oneof![select_statement(), insert_statement(), update_statement(), delete_statement()]
}

/// Fragments of statements: gets further than arbitrary characters do.
fn fragments() -> impl Strategy<Value = String> {
    let fragment = select(
        &[
            "SELECT",
            "INSERT INTO",
            "UPDATE",
            "DELETE",
            "FROM",
            "WHERE",
            "SET",
            "VALUES",
            "IF",
            "EXISTS",
            "NOT",
            "USING",
            "TTL",
            "TIMESTAMP",
            "AND",
            "IN",
            "JSON",
            "DISTINCT",
            "token",
            "count",
            "cast",
            "AS",
            "int",
            "t",
            "a",
            "\"B\"",
            "'x'",
            "$$",
            "1",
            "-",
            "1.5",
            "0xab",
            "?",
            ":",
            ",",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            "<",
            ">",
            "=",
            "+",
            "+=",
            "*",
            ".",
            "..",
            ";",
            "/*",
            "*/",
            "--",
            "\n",
            "é",
            "1h",
            "P1Y",
            "null",
        ][..],
    );
    vec(fragment, 0..40).prop_map(|parts| parts.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn printed_trees_parse_to_the_same_tree(tree in statement()) {
        let text = tree.to_string();
        match parse(&text) {
            Ok(again) => {
                prop_assert_eq!(&again, &tree, "{}", text);
                prop_assert_eq!(again.to_string(), text);
            }
            Err(error) => prop_assert!(false, "{}: {}", text, error),
        }
    }

    #[test]
    fn qualifying_changes_the_keyspace_alone(tree in statement()) {
        let mut qualified = tree.clone();
        qualified.qualify("ks");
        let (before, after) = (tree.access(), qualified.access());
        prop_assert_eq!(after.keyspace.clone(), Some(before.keyspace.clone().unwrap_or("ks".into())));
        prop_assert_eq!(Access { keyspace: None, ..after }, Access { keyspace: None, ..before });
    }

    #[test]
    fn any_text_gives_a_tree_or_an_error(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn any_fragments_give_a_stable_tree_or_an_error(text in fragments()) {
        if let Ok(tree) = parse(&text) {
            let printed = tree.to_string();
            prop_assert_eq!(parse(&printed).map(|t| t.to_string()), Ok(printed));
        }
    }
}
