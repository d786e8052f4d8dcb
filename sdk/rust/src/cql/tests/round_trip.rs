//! What is encoded is decoded to the same, for each type.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use proptest::collection::{btree_map, btree_set, hash_map, hash_set, vec};
use proptest::prelude::*;

use super::super::*;
use super::*;

/// For each: as the CQL type, as the type the value has by itself, and as a [`Value`].
macro_rules! same {
    ($($name:ident: $strategy:expr => $ty:expr;)*) => {
        proptest! {$(
            #[test]
            fn $name(value in $strategy) {
                let ty = $ty;
                prop_assert_eq!(&round_trip(&value, &ty), &value);
                prop_assert_eq!(&round_trip(&value, &CqlType::Any), &value);
                let own = Value::new(&value).unwrap();
                prop_assert_eq!(&get_like(&own, &value), &value);
                prop_assert_eq!(body(&own, &ty), body(&value, &ty));
            }
        )*}
    };
}

fn get_like<T: FromCql>(own: &Value, _: &T) -> T {
    own.get().unwrap()
}

fn timestamps() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_millis)
}

fn varints() -> impl Strategy<Value = Varint> {
    vec(any::<u8>(), 0..40).prop_map(|bytes| Varint::from_be_bytes(&bytes))
}

fn durations() -> impl Strategy<Value = Duration> {
    (0..=i32::MAX, 0..=i32::MAX, 0..=i64::MAX, any::<bool>()).prop_map(|(months, days, nanos, negative)| match negative
    {
        true => Duration { months: -months, days: -days, nanos: -nanos },
        false => Duration { months, days, nanos },
    })
}

fn times() -> impl Strategy<Value = Time> {
    (0..86_400_000_000_000u64).prop_map(|nanos| Time::from_nanos(nanos).unwrap())
}

same! {
    tinyint: any::<i8>() => CqlType::TinyInt;
    smallint: any::<i16>() => CqlType::SmallInt;
    int: any::<i32>() => CqlType::Int;
    bigint: any::<i64>() => CqlType::BigInt;
    counter: any::<i64>() => CqlType::Counter;
    boolean: any::<bool>() => CqlType::Boolean;
    float: any::<f32>() => CqlType::Float;
    double: any::<f64>() => CqlType::Double;
    text: any::<String>() => CqlType::Text;
    ascii: "[ -~]*" => CqlType::Ascii;
    blob: vec(any::<u8>(), 0..50) => CqlType::Blob;
    uuid: any::<[u8; 16]>().prop_map(Uuid::from_bytes) => CqlType::Uuid;
    timestamp: timestamps() => CqlType::Timestamp;
    date: any::<i32>().prop_map(Date::from_days) => CqlType::Date;
    time: times() => CqlType::Time;
    varint: varints() => CqlType::Varint;
    decimal: (varints(), any::<i32>()).prop_map(|(unscaled, scale)| Decimal::new(unscaled, scale)) => CqlType::Decimal;
    duration: durations() => CqlType::Duration;
    inet: any::<IpAddr>() => CqlType::Inet;
    list_of_text: vec(any::<String>(), 1..5) => list(CqlType::Text);
    ordered_set: btree_set(any::<i64>(), 1..5) => set(CqlType::BigInt);
    ordered_map: btree_map(any::<String>(), any::<i32>(), 1..5) => map(CqlType::Text, CqlType::Int);
    nested: btree_map(any::<i16>(), vec(btree_set(any::<String>(), 1..3), 1..3), 1..3)
        => map(CqlType::SmallInt, list(set(CqlType::Text)));
    tuple: (any::<i32>(), any::<String>(), any::<bool>())
        => CqlType::Tuple(vec![CqlType::Int, CqlType::Text, CqlType::Boolean]);
}

proptest! {
    #[test]
    fn unordered_collections(numbers in hash_set(any::<i32>(), 0..9), names in hash_map(any::<i8>(), any::<String>(), 0..9)) {
        let numbers: HashSet<i32> = numbers;
        let names: HashMap<i8, String> = names;
        prop_assert_eq!(&round_trip(&numbers, &set(CqlType::Int)), &numbers);
        prop_assert_eq!(&round_trip(&names, &map(CqlType::TinyInt, CqlType::Text)), &names);
    }

    #[test]
    fn null_is_none(value in any::<Option<i32>>(), text in any::<Option<String>>()) {
        prop_assert_eq!(round_trip(&value, &CqlType::Int), value);
        let ty = CqlType::Tuple(vec![CqlType::Int, CqlType::Text]);
        prop_assert_eq!(round_trip(&(value, text.clone()), &ty), (value, text));
    }

    #[test]
    fn numbers_widen(value in any::<i8>(), float in any::<f32>()) {
        prop_assert_eq!(decode::<i64>(&body(value, &CqlType::SmallInt), &CqlType::SmallInt).unwrap(), i64::from(value));
        prop_assert_eq!(decode::<i64>(&body(value, &CqlType::Counter), &CqlType::Counter).unwrap(), i64::from(value));
        prop_assert_eq!(decode::<f64>(&body(float, &CqlType::Double), &CqlType::Double).unwrap(), f64::from(float));
    }

    #[test]
    fn vectors(floats in vec(any::<f32>(), 3..=3), texts in vec(any::<String>(), 3..=3)) {
        prop_assert_eq!(&round_trip(&floats, &vector(CqlType::Float, 3)), &floats);
        prop_assert_eq!(&round_trip(&texts, &vector(CqlType::Text, 3)), &texts);
    }

    #[test]
    fn values_go_into_what_they_fit(numbers in btree_set(any::<i32>(), 1..5), text in "[ -~]*") {
        let list_value = Value::new(numbers.iter().copied().collect::<Vec<_>>()).unwrap();
        let read: BTreeSet<i64> = decode(&body(&list_value, &set(CqlType::BigInt)), &set(CqlType::BigInt)).unwrap();
        prop_assert_eq!(read, numbers.iter().map(|number| i64::from(*number)).collect::<BTreeSet<_>>());
        let by_text = BTreeMap::from([(text.clone(), (1i8, text))]);
        let to = map(CqlType::Ascii, CqlType::Tuple(vec![CqlType::Int, CqlType::Text]));
        prop_assert_eq!(body(Value::new(&by_text).unwrap(), &to), body(&by_text, &to));
    }

    #[test]
    fn texts_and_json(uuid in any::<[u8; 16]>(), ms in any::<i64>(), days in any::<i32>(), time in times(), number in varints(), scale in -40..40i32) {
        let uuid = Uuid::from_bytes(uuid);
        prop_assert_eq!(uuid.to_string().parse(), Ok(uuid));
        // Dates that `date` has; `timestamp` goes further than its text.
        let timestamp = Timestamp::from_millis(ms / 100);
        if timestamp.as_millis().unsigned_abs() < 180_000_000_000_000_000 {
            prop_assert_eq!(timestamp.to_string().parse(), Ok(timestamp));
        }
        let date = Date::from_days(days);
        prop_assert_eq!(date.to_string().parse(), Ok(date));
        let (year, month, day) = date.ymd();
        prop_assert_eq!(Date::from_ymd(year, month, day), Some(date));
        prop_assert_eq!(time.to_string().parse(), Ok(time));
        prop_assert_eq!(number.to_string().parse(), Ok(number.clone()));
        let decimal = Decimal::new(number, scale);
        prop_assert_eq!(decimal.to_string().parse(), Ok(decimal.clone()));
        let json = serde_json::to_string(&(uuid, date, time, &decimal)).unwrap();
        prop_assert_eq!(serde_json::from_str::<(Uuid, Date, Time, Decimal)>(&json).unwrap(), (uuid, date, time, decimal));
    }

    #[test]
    fn varints_agree_with_integers(number in any::<i128>()) {
        prop_assert_eq!(Varint::from(number).to_string(), number.to_string());
        prop_assert_eq!(number.to_string().parse(), Ok(Varint::from(number)));
        prop_assert_eq!(i128::try_from(&Varint::from(number)), Ok(number));
    }

    #[test]
    fn vints(number in any::<u64>(), shift in 0..64u32) {
        let number = number >> shift;
        let mut bytes = Vec::new();
        super::super::wire::write_vint(number, &mut bytes);
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(reader.vint(), Ok(number));
        prop_assert!(reader.is_empty());
    }
}
