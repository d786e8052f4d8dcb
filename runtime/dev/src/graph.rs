//! Who has to wait for whom: functions whose emits feed other functions.

use std::collections::{BTreeMap, BTreeSet};

use veltrix_manifest::{Binding, DeadLetter, Manifest};

/// Topics that functions both write and read, each with the groups that may be held back while it is full.
///
/// A group is not among them if its own events come, by whatever way, from that topic: then it would wait for itself.
pub(crate) fn holders(manifest: &Manifest) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for topic in manifest.bindings.iter().flat_map(|binding| writes(manifest, binding)) {
        let downstream = downstream(manifest, &topic);
        if downstream.is_empty() {
            continue;
        }
        let writers = manifest.bindings.iter().filter(|binding| writes(manifest, binding).contains(&topic));
        let groups = writers.map(|binding| binding.group.clone()).filter(|group| !downstream.contains(group)).collect();
        all.insert(topic, groups);
    }
    all
}

/// Groups that events of a topic reach, directly or by what is emitted for them.
fn downstream(manifest: &Manifest, topic: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut topics = vec![topic.to_owned()];
    while let Some(topic) = topics.pop() {
        for binding in manifest.bindings.iter().filter(|binding| binding.takes(&topic)) {
            if reached.insert(binding.group.clone()) {
                topics.extend(writes(manifest, binding));
            }
        }
    }
    reached
}

/// Topics that a binding may write to.
fn writes(manifest: &Manifest, binding: &Binding) -> Vec<String> {
    let mut topics = manifest.functions.get(&binding.function).map(|f| f.emits.clone()).unwrap_or_default();
    if let DeadLetter::Topic(topic) = &binding.dead_letter {
        topics.push(topic.clone());
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_of_a_bound_topic_wait_but_none_for_itself() {
        let text = "name = 'n'\n[kafka]\nbrokers = ['b:1']\n\
            [[binding]]\ntopics = ['a']\nfunction = 'first'\ndead_letter = 'dead'\n\
            [[binding]]\ntopics = ['b']\nfunction = 'second'\n\
            [[binding]]\ntopics = ['c']\nfunction = 'third'\n\
            [[binding]]\ntopics = ['dead']\nfunction = 'mend'\n\
            [function.first]\nemits = ['b', 'out']\n[function.second]\nemits = ['c']\n[function.third]\nemits = ['b']\n[function.mend]\n";
        let manifest = veltrix_manifest::parse(text, std::path::Path::new(".")).unwrap();
        let found: Vec<(String, Vec<String>)> =
            holders(&manifest).into_iter().map(|(topic, groups)| (topic, groups.into_iter().collect())).collect();
        let one = |topic: &str, groups: &[&str]| (topic.to_owned(), groups.iter().map(ToString::to_string).collect());
        // Second and third feed each other: neither may wait for the other.
        assert_eq!(found, [one("b", &["n.first"]), one("c", &[]), one("dead", &["n.first"])]);
    }
}
