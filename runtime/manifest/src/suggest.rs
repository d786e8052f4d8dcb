//! "Did you mean": the nearest of the words that would have been right.

/// The candidate that `word` is most likely a slip of, if any is near.
pub(crate) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = fold(word);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &fold(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean …?` if a word is near, or else what may be written.
pub(crate) fn hint<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str> + Clone, quote: char) -> String {
    match nearest(word, candidates.clone()) {
        Some(near) => format!("did you mean {quote}{near}{quote}?"),
        None => {
            let all: Vec<String> = candidates.into_iter().map(|word| format!("{quote}{word}{quote}")).collect();
            format!("write one of {}", all.join(", "))
        }
    }
}

/// Case and the kind of dash are slips that cost nothing. Long words are cut: they are no slips.
fn fold(word: &str) -> Vec<char> {
    word.chars().take(64).filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Edits (insert, delete, replace, swap of neighbours) between two words.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_leaves_other_words_alone() {
        let keys = ["concurrency", "dead_letter", "topics", "start"];
        assert_eq!(nearest("topic", keys), Some("topics"));
        assert_eq!(nearest("dead-letter", keys), Some("dead_letter"));
        assert_eq!(nearest("Concurency", keys), Some("concurrency"));
        assert_eq!(nearest("satrt", keys), Some("start"));
        assert_eq!(nearest("parallelism", keys), None);
    }
}
