//! What names a topic's events for ever, as functions get it: ids of the cluster and of the topic, and the group.

use std::collections::HashMap;
use std::sync::Arc;

use tracing::warn;

use crate::kafka::TopicId;

/// By topic; what is not known is not in it.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<Arc<str>, String>,
    said: bool,
}

impl Names {
    /// Takes in what was found at an assignment, which may be another topic of the same name.
    pub(super) fn learn(&mut self, topic: &Arc<str>, id: Option<TopicId>, cluster: Option<&str>, group: &str) {
        match (id, cluster) {
            (Some(id), Some(cluster)) => {
                self.known.insert(topic.clone(), text(cluster, id, group));
            }
            (None, _) | (_, None) => {
                self.known.remove(topic);
                if !std::mem::replace(&mut self.said, true) {
                    warn!(%topic, group, "the ids of the topic and its cluster are not known: functions that write once for each event will fail");
                }
            }
        }
    }

    /// For the batches of a topic.
    pub(super) fn of(&self, topic: &str) -> Option<&str> {
        self.known.get(topic).map(String::as_str)
    }
}

/// As functions get it.
pub(super) fn text(cluster: &str, id: TopicId, group: &str) -> String {
    format!("{cluster}/{id}/{group}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_is_created_anew_has_another_name_and_half_a_name_is_none() {
        let topic: Arc<str> = "orders".into();
        let mut names = Names::default();
        names.learn(&topic, Some(TopicId([1; 16])), Some("C"), "g");
        let first = names.of("orders").unwrap().to_owned();
        assert!(first.starts_with("C/") && first.ends_with("/g"));
        names.learn(&topic, Some(TopicId([2; 16])), Some("C"), "g");
        assert_ne!(names.of("orders"), Some(first.as_str()));
        names.learn(&topic, Some(TopicId([2; 16])), None, "g");
        assert_eq!(names.of("orders"), None);
    }
}
