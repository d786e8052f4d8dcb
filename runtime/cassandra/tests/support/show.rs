//! Values in a form to be read; bytes that do not fit their type are shown as they are.

use super::types::Type;

/// A cell of a result, or an element of one.
pub(crate) fn show(of: &Type, value: Option<&[u8]>) -> String {
    let Some(bytes) = value else { return "null".to_owned() };
    if bytes.is_empty() && !matches!(of, Type::Native("text" | "ascii" | "blob")) {
        return "(empty)".to_owned();
    }
    composite(of, bytes).unwrap_or_else(|| format!("0x{}", hex(bytes)))
}

/// Bytes as digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn composite(of: &Type, bytes: &[u8]) -> Option<String> {
    let mut rest = bytes;
    let shown = match of {
        Type::Native(name) => return native(name, bytes),
        Type::Custom(_) => return None,
        Type::List(of) => format!("[{}]", elements(of, &mut rest)?.join(", ")),
        Type::Set(of) => format!("{{{}}}", elements(of, &mut rest)?.join(", ")),
        Type::Map(of) => {
            let mut pairs = Vec::new();
            for _ in 0..count(&mut rest)? {
                let key = show(&of.0, element(&mut rest)?);
                pairs.push(format!("{key}: {}", show(&of.1, element(&mut rest)?)));
            }
            format!("{{{}}}", pairs.join(", "))
        }
        Type::Tuple(fields) => {
            let fields: Option<Vec<_>> = fields.iter().map(|of| field(of, &mut rest)).collect();
            format!("({})", fields?.join(", "))
        }
        Type::Udt { fields, .. } => {
            let fields = fields.iter().map(|(name, of)| Some(format!("{name}: {}", field(of, &mut rest)?)));
            format!("{{{}}}", fields.collect::<Option<Vec<_>>>()?.join(", "))
        }
        Type::Vector(of, dimensions) => {
            let width = bytes.len() / usize::from(*dimensions).max(1);
            rest = &[];
            let parts: Vec<_> = bytes.chunks(width.max(1)).map(|part| show(of, Some(part))).collect();
            format!("<{}>", parts.join(", "))
        }
    };
    rest.is_empty().then_some(shown)
}

fn elements(of: &Type, rest: &mut &[u8]) -> Option<Vec<String>> {
    (0..count(rest)?).map(|_| Some(show(of, element(rest)?))).collect()
}

/// A field of a tuple; those at the end may be missing.
fn field(of: &Type, rest: &mut &[u8]) -> Option<String> {
    match rest.is_empty() {
        true => Some("(missing)".to_owned()),
        false => Some(show(of, element(rest)?)),
    }
}

fn count(rest: &mut &[u8]) -> Option<i32> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(i32::from_be_bytes(*number))
}

fn element<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let Ok(length) = usize::try_from(count(rest)?) else { return Some(None) };
    let (element, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(Some(element))
}

fn native(name: &str, bytes: &[u8]) -> Option<String> {
    Some(match name {
        "text" | "ascii" => format!("{:?}", std::str::from_utf8(bytes).ok()?),
        "boolean" if bytes.len() == 1 => (bytes[0] != 0).to_string(),
        "tinyint" => i8::from_be_bytes(bytes.try_into().ok()?).to_string(),
        "smallint" => i16::from_be_bytes(bytes.try_into().ok()?).to_string(),
        "int" => i32::from_be_bytes(bytes.try_into().ok()?).to_string(),
        "bigint" | "counter" | "timestamp" | "time" => i64::from_be_bytes(bytes.try_into().ok()?).to_string(),
        "date" => (i64::from(u32::from_be_bytes(bytes.try_into().ok()?)) - (1 << 31)).to_string() + "d",
        "float" => format!("{:?}", f32::from_be_bytes(bytes.try_into().ok()?)),
        "double" => format!("{:?}", f64::from_be_bytes(bytes.try_into().ok()?)),
        "varint" => i128::from_str_radix(&hex(bytes), 16).ok().filter(|_| bytes.len() < 16).map(|raw| {
            let unused = 128 - 8 * bytes.len();
            ((raw << unused) >> unused).to_string()
        })?,
        "uuid" | "timeuuid" if bytes.len() == 16 => {
            let digits = hex(bytes);
            [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
        }
        _ => return None,
    })
}
