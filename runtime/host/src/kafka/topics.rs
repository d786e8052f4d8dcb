//! Creates the topics that functions emit to and dead letters go to, where they are missing.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use tracing::{info, warn};

use super::KafkaConfig;

/// Asks for each topic with the broker's default partitions and replication; one that is there stays
/// as it is. Tries until Kafka answers. A refusal (authorisation, say) is logged and left to the
/// first emit.
pub async fn ensure(config: &KafkaConfig, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let topics: Vec<NewTopic<'_>> =
        names.iter().map(|name| NewTopic::new(name, -1, TopicReplication::Fixed(-1))).collect();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
    let mut wait = Duration::from_millis(200);
    loop {
        let mut client = config.client();
        let admin =
            client.set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg).create::<AdminClient<DefaultClientContext>>();
        let answer = match &admin {
            Ok(admin) => admin.create_topics(&topics, &options).await,
            Err(error) => {
                warn!(%error, "kafka admin client");
                return;
            }
        };
        match answer {
            Ok(results) => {
                for result in results {
                    match result {
                        Ok(topic) => info!(topic, "created topic"),
                        Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                        Err((topic, error)) => {
                            warn!(topic, %error, "can't create topic; create it, or grant the right to")
                        }
                    }
                }
                return;
            }
            Err(_) => {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(5));
            }
        }
    }
}
