//! What a project may be called: a crate, a function and a folder get the name.

/// Longer names are refused by registries, and nobody types them.
const MOST: usize = 64;

/// Names that Rust does not let a crate have.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Names of crates that the project itself uses, and of Rust's own.
const TAKEN: &[&str] =
    &["alloc", "core", "proc_macro", "serde", "std", "test", "veltrix_frame", "veltrix_sdk", "veltrix_sdk_macros"];

/// Says what is wrong with a name, and what to write instead.
pub(crate) fn check(name: &str) -> Result<(), String> {
    let crate_name = name.replace('-', "_");
    if name.contains(['/', '\\']) {
        return Err("it is a path; go to the folder that the project is to lie in, and give the name alone".to_owned());
    }
    if name.is_empty() || name.len() > MOST {
        return Err(format!("write 1 to {MOST} characters"));
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
        return Err("write letters, digits, `-` and `_`, such as `order-totals`".to_owned());
    }
    if name.contains(|c: char| c.is_ascii_uppercase()) {
        return Err(format!("crates are written in lower case; write `{}`", name.to_ascii_lowercase()));
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err("begin with a letter".to_owned());
    }
    if KEYWORDS.contains(&&*crate_name) {
        return Err(format!("it is a word of Rust; write for example `{name}-handler`"));
    }
    if TAKEN.contains(&&*crate_name) {
        return Err(format!("a crate that the project uses has it; write for example `my-{name}`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_crates_are_good() {
        for name in ["a", "order-totals", "order_totals", "v2", "types", "x".repeat(64).as_str()] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn others_are_told_what_to_write() {
        for (name, told) in [
            ("", "1 to 64"),
            (&"x".repeat(65), "1 to 64"),
            ("a b", "letters, digits"),
            ("é", "letters, digits"),
            ("a.b", "letters, digits"),
            ("a\0", "letters, digits"),
            ("--", "begin with a letter"),
            ("_a", "begin with a letter"),
            ("1st", "begin with a letter"),
            ("Orders", "write `orders`"),
            ("../a", "it is a path"),
            ("a/", "it is a path"),
            ("async", "write for example `async-handler`"),
            ("gen", "a word of Rust"),
            ("std", "`my-std`"),
            ("veltrix-sdk", "a crate that the project uses"),
        ] {
            let problem = check(name).unwrap_err();
            assert!(problem.contains(told), "{name:?}: {problem}");
        }
    }
}
