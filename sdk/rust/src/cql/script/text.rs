//! What the stand-in sees in a statement's text: no parser, just enough to name parameters and columns.

/// One space where there were more, none around the ends, no semicolon at the end.
pub(crate) fn normalised(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").trim_end_matches([';', ' ']).to_owned()
}

/// A word, a quoted name or literal, or a sign.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let mut token = String::from(c);
        match c {
            '\'' | '"' => {
                for inner in chars.by_ref() {
                    token.push(inner);
                    if inner == c {
                        break;
                    }
                }
            }
            _ if c.is_alphanumeric() || c == '_' => {
                while let Some(next) = chars.next_if(|next| next.is_alphanumeric() || *next == '_') {
                    token.push(next);
                }
            }
            _ if c.is_whitespace() => continue,
            _ => {}
        }
        tokens.push(token);
    }
    tokens
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '"')
}

/// As a server names a column: lower case, unless quoted.
fn name(token: &str) -> String {
    match token.strip_prefix('"') {
        Some(quoted) => quoted.trim_end_matches('"').to_owned(),
        None => token.to_lowercase(),
    }
}

fn is_word(token: &str, word: &str) -> bool {
    token.eq_ignore_ascii_case(word)
}

/// The names of the parameters: `:name`, or the column that a `?` is compared with, set or inserted as.
pub(crate) fn params(text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let mut params = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        match token.as_str() {
            ":" if tokens.get(i + 1).is_some_and(|next| is_name(next)) => params.push(name(&tokens[i + 1])),
            "?" => params.push(column_of(&tokens, i).unwrap_or_else(|| format!("param{}", params.len()))),
            _ => {}
        }
    }
    params
}

fn column_of(tokens: &[String], at: usize) -> Option<String> {
    let mut before = tokens[..at].iter().rev().skip_while(|token| matches!(token.as_str(), "=" | "<" | ">" | "!"));
    let previous = before.next()?;
    let compared = matches!(tokens[at.checked_sub(1)?].as_str(), "=" | "<" | ">");
    if compared && is_name(previous) {
        return Some(name(previous));
    }
    if is_word(previous, "LIMIT") || is_word(previous, "TIMESTAMP") || is_word(previous, "TTL") {
        return Some(format!("[{}]", previous.to_lowercase()));
    }
    // INSERT INTO t (a, b) VALUES (?, 'x')
    let values = tokens.iter().position(|token| is_word(token, "VALUES")).filter(|values| *values < at)?;
    let open = tokens[..values].iter().rposition(|token| token == "(")?;
    let column = tokens[values..at].iter().filter(|token| *token == ",").count();
    tokens[open + 1..values].iter().filter(|token| is_name(token)).nth(column).map(|token| name(token))
}

/// The names of the selected columns, where they are names alone.
pub(crate) fn selected(text: &str) -> Option<Vec<String>> {
    let tokens = tokens(text);
    let from = tokens.iter().position(|token| is_word(token, "FROM"))?;
    let list = tokens.get(1..from).filter(|_| is_word(&tokens[0], "SELECT"))?;
    let list = list.strip_prefix(&["DISTINCT".to_owned()]).unwrap_or(list);
    list.split(|token| token == ",")
        .map(|item| match item {
            [column] if is_name(column) => Some(name(column)),
            [.., alias_word, alias] if is_word(alias_word, "AS") => Some(name(alias)),
            _ => None,
        })
        .collect()
}

/// As the host tells it: bit 0 writes, bit 1 conditional.
pub(crate) fn traits(text: &str) -> u32 {
    let tokens = tokens(text);
    let writes = tokens.first().is_some_and(|verb| !is_word(verb, "SELECT"));
    let conditional = writes && tokens.iter().any(|token| is_word(token, "IF"));
    u32::from(writes) | u32::from(conditional) << 1
}
