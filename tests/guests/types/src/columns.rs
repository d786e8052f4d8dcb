//! The table `types`: a column of each type, what it is in Rust, and a value that shows its edges.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use veltrix_sdk::cql::{Cql, CqlError, Date, Decimal, Duration, Row, Time, Timestamp, Unset, Uuid, Varint, cql};

/// The type `address` of the schema.
#[derive(Debug, PartialEq)]
pub(crate) struct Address {
    street: String,
    number: Option<i32>,
}

veltrix_sdk::udt!(Address { street, number });

fn address(number: Option<i32>) -> Address {
    Address { street: "Low Road".into(), number }
}

macro_rules! columns {
    ($($name:ident: $ty:ty = $value:expr;)*) => {
        /// All but the key.
        pub(crate) const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// Binds a value to each.
        pub(crate) fn values(statement: Cql<'_>) -> Cql<'_> {
            $(let statement = { let value: $ty = $value; statement.bind(value) };)*
            statement
        }

        /// Binds null to each.
        pub(crate) fn nulls(statement: Cql<'_>) -> Cql<'_> {
            statement$(.bind(None::<$ty>))*
        }

        /// Leaves each as it is.
        pub(crate) fn unset(statement: Cql<'_>) -> Cql<'_> {
            NAMES.iter().fold(statement, |statement, _| statement.bind(Unset))
        }

        /// Those that are not null.
        pub(crate) fn present(row: &Row) -> Result<Vec<&'static str>, CqlError> {
            let mut present = Vec::new();
            $(if row.get::<Option<$ty>>(stringify!($name))?.is_some() {
                present.push(stringify!($name));
            })*
            Ok(present)
        }

        /// Those that are not read as they were written.
        pub(crate) fn differing(row: &Row) -> Result<Vec<&'static str>, CqlError> {
            let mut differing = Vec::new();
            $(let written: $ty = $value;
            if row.get::<$ty>(stringify!($name))? != written {
                differing.push(stringify!($name));
            })*
            Ok(differing)
        }
    };
}

columns! {
    tiny: i8 = i8::MIN;
    small: i16 = i16::MAX;
    whole: i32 = i32::MIN;
    big: i64 = i64::MAX;
    huge: Varint = "-170141183460469231731687303715884105729".parse::<Varint>().unwrap_or_default();
    price: Decimal = Decimal::new(-123_456_789_012_345_678i64, 20);
    ratio: f32 = 0.5;
    exact: f64 = -0.1;
    flag: bool = true;
    words: String = "naïve \"quoted\" 🦀".into();
    plain: String = "~ascii".into();
    bytes: Vec<u8> = vec![0, 255, 128];
    id: Uuid = Uuid::from_u128(0x0102_0304_0506_4708_890a_0b0c_0d0e_0f10);
    id_at: Uuid = Uuid::from_u128(0x5821_0000_1dd2_11b2_8080_8080_8080_8080);
    at: Timestamp = Timestamp::from_millis(-1);
    day: Date = Date::from_days(-719_162);
    clock: Time = Time::from_nanos(86_399_999_999_999).unwrap_or_default();
    span: Duration = Duration { months: -14, days: -3, nanos: -5_000_000_001 };
    host: IpAddr = Ipv4Addr::new(192, 0, 2, 1).into();
    host6: IpAddr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into();
    many: Vec<i32> = vec![3, 1, 3];
    distinct: BTreeSet<String> = ["b", "a", ""].map(String::from).into();
    pairs: BTreeMap<String, i64> = [("one".to_owned(), 1), ("none".to_owned(), -1)].into();
    couple: (i32, Option<String>, bool) = (7, None, false);
    home: Address = address(Some(5));
    homes: Vec<Address> = vec![address(None), address(Some(-5))];
    nested: BTreeMap<i32, Vec<(Uuid, Date)>> = [(1, vec![(Uuid::from_u128(1), Date::from_days(0))]), (2, vec![])].into();
}

/// Inserts a row whose columns `bind` binds.
pub(crate) async fn insert(key: &str, bind: fn(Cql<'_>) -> Cql<'_>) -> Result<(), CqlError> {
    let marks = ", ?".repeat(NAMES.len());
    let text = format!("INSERT INTO types (k, {}) VALUES (?{marks})", NAMES.join(", "));
    bind(cql(text).bind(key)).run().await?;
    Ok(())
}
