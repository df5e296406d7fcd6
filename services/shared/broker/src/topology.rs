//! Exchanges, queues and bindings, as one table made from `roomsync_messages::QUEUES`. Pure: the
//! same table is declared on every connection and rendered for `deploy/rabbitmq`.
//!
//! For a queue `q` with patience there is one waiting queue for each rung, `q.retry.<rung>`, whose
//! messages go back to `q` through the default exchange when their time is over, and `q.dead` for
//! what was parked. A queue without patience keeps its order, so it has no waiting queues and only
//! one consumer at a time. No plugin is needed and no default of the broker is relied on.

use roomsync_messages::{Exchange, QueueSpec};
use serde_json::{Value, json};

use crate::ladder::{Ladder, rung_name};

/// The exchange to the waiting queues; the routing key is the name of the waiting queue.
pub const RETRY_EXCHANGE: &str = "roomsync.retry";
/// The exchange to the queues of parked messages; the routing key is the name of the queue they
/// were consumed from.
pub const DEAD_EXCHANGE: &str = "roomsync.dead";

/// After so many deliveries without an answer a message is parked by the broker itself. A closed
/// connection counts against every message that was in hand, so consumers publish a message anew long
/// before (`settle.rs`): this is for a consumer that does not get that far.
const DELIVERY_LIMIT: i64 = 50;
/// Looking at a parked message counts as a delivery too, and must never lose it.
const DEAD_DELIVERY_LIMIT: i64 = 1_000_000_000;

/// What there is on the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// Exchanges: name and type.
    pub exchanges: Vec<(&'static str, &'static str)>,
    /// Queues.
    pub queues: Vec<Queue>,
    /// Bindings.
    pub bindings: Vec<Binding>,
}

/// A queue and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<(&'static str, Argument)>,
}

/// An argument of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
    /// A switch.
    Flag(bool),
}

/// What leads from an exchange to a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// From.
    pub exchange: &'static str,
    /// To.
    pub queue: String,
    /// For.
    pub routing_key: String,
}

impl Topology {
    /// The topology for these queues.
    pub fn of(specs: &[QueueSpec], ladder: &Ladder) -> Self {
        let mut topology = Self {
            exchanges: vec![
                (Exchange::Events.name(), "topic"),
                (Exchange::Commands.name(), "direct"),
                (RETRY_EXCHANGE, "direct"),
                (DEAD_EXCHANGE, "direct"),
            ],
            queues: Vec::new(),
            bindings: Vec::new(),
        };
        for spec in specs {
            topology.add(spec, ladder);
        }
        topology
    }

    fn add(&mut self, spec: &QueueSpec, ladder: &Ladder) {
        let mut main = safe(DEAD_EXCHANGE, spec.queue);
        if spec.patience.is_none() {
            // Order matters more than throughput: one consumer has the queue, the others stand by.
            main.push(("x-single-active-consumer", Argument::Flag(true)));
        }
        self.queue(
            spec.queue.to_owned(),
            main,
            spec.exchange.name(),
            spec.message_type.to_owned(),
        );

        for rung in ladder.rungs().iter().filter(|_| spec.patience.is_some()) {
            let name = retry_queue(spec.queue, *rung);
            let mut arguments = safe("", spec.queue);
            arguments.push(time_to_live(*rung));
            self.queue(name.clone(), arguments, RETRY_EXCHANGE, name);
        }

        let mut arguments = vec![
            quorum(),
            ("x-delivery-limit", Argument::Number(DEAD_DELIVERY_LIMIT)),
        ];
        arguments.extend(spec.parked_for.map(time_to_live));
        self.queue(
            dead_queue(spec.queue),
            arguments,
            DEAD_EXCHANGE,
            spec.queue.to_owned(),
        );
    }

    fn queue(
        &mut self,
        name: String,
        arguments: Vec<(&'static str, Argument)>,
        exchange: &'static str,
        routing_key: String,
    ) {
        self.bindings.push(Binding {
            exchange,
            queue: name.clone(),
            routing_key,
        });
        self.queues.push(Queue { name, arguments });
    }

    /// The same as RabbitMQ's definitions file has it, for one virtual host.
    pub fn definitions(&self, vhost: &str) -> Value {
        let exchanges = self.exchanges.iter().map(|(name, kind)| {
            json!({
                "name": name, "vhost": vhost, "type": kind,
                "durable": true, "auto_delete": false, "internal": false, "arguments": {},
            })
        });
        let queues = self.queues.iter().map(|queue| {
            let arguments: serde_json::Map<_, _> = queue
                .arguments
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.into()))
                .collect();
            json!({
                "name": queue.name, "vhost": vhost,
                "durable": true, "auto_delete": false, "arguments": arguments,
            })
        });
        let bindings = self.bindings.iter().map(|binding| {
            json!({
                "source": binding.exchange, "vhost": vhost, "destination": binding.queue,
                "destination_type": "queue", "routing_key": binding.routing_key, "arguments": {},
            })
        });
        json!({
            "exchanges": exchanges.collect::<Vec<_>>(),
            "queues": queues.collect::<Vec<_>>(),
            "bindings": bindings.collect::<Vec<_>>(),
        })
    }
}

impl From<&Argument> for Value {
    fn from(argument: &Argument) -> Self {
        match argument {
            Argument::Text(text) => text.clone().into(),
            Argument::Number(number) => (*number).into(),
            Argument::Flag(flag) => (*flag).into(),
        }
    }
}

/// The name of the queue in which messages of `queue` wait for this long.
pub fn retry_queue(queue: &str, rung: std::time::Duration) -> String {
    format!("{queue}.retry.{}", rung_name(rung))
}

/// The name of the queue in which parked messages of `queue` lie.
pub fn dead_queue(queue: &str) -> String {
    format!("{queue}.dead")
}

fn time_to_live(time: std::time::Duration) -> (&'static str, Argument) {
    let milliseconds = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    ("x-message-ttl", Argument::Number(milliseconds))
}

fn quorum() -> (&'static str, Argument) {
    ("x-queue-type", Argument::Text("quorum".to_owned()))
}

/// A quorum queue that loses nothing on the way to where its messages go next. At-least-once
/// dead-lettering works only together with `reject-publish`; without, the broker falls back to
/// at-most-once without a word.
fn safe(next_exchange: &str, next_key: &str) -> Vec<(&'static str, Argument)> {
    vec![
        quorum(),
        ("x-delivery-limit", Argument::Number(DELIVERY_LIMIT)),
        ("x-overflow", Argument::Text("reject-publish".to_owned())),
        (
            "x-dead-letter-strategy",
            Argument::Text("at-least-once".to_owned()),
        ),
        (
            "x-dead-letter-exchange",
            Argument::Text(next_exchange.to_owned()),
        ),
        (
            "x-dead-letter-routing-key",
            Argument::Text(next_key.to_owned()),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use roomsync_messages::QUEUES;

    use super::*;

    fn names(topology: &Topology, of: &str) -> Vec<String> {
        let mine = topology.queues.iter().map(|queue| queue.name.clone());
        mine.filter(|name| name.starts_with(of)).collect()
    }

    #[test]
    fn a_queue_with_patience_has_a_ladder_and_one_without_has_none() {
        let topology = Topology::of(QUEUES, &Ladder::default());
        let rungs = [
            "",
            ".retry.1s",
            ".retry.5s",
            ".retry.30s",
            ".retry.2m",
            ".retry.10m",
            ".retry.1h",
            ".dead",
        ];
        let expected: Vec<_> = rungs
            .iter()
            .map(|rung| format!("sync-worker.link-due{rung}"))
            .collect();
        assert_eq!(names(&topology, "sync-worker.link-due"), expected);
        assert_eq!(
            names(&topology, "notification.object-changed"),
            [
                "notification.object-changed",
                "notification.object-changed.dead"
            ]
        );
    }

    #[test]
    fn nothing_is_lost_between_queues() {
        let topology = Topology::of(QUEUES, &Ladder::default());
        let text = |text: &str| Argument::Text(text.to_owned());
        for queue in topology
            .queues
            .iter()
            .filter(|queue| *queue.name != dead_queue(queue.name.trim_end_matches(".dead")))
        {
            for expected in [
                ("x-overflow", text("reject-publish")),
                ("x-dead-letter-strategy", text("at-least-once")),
                ("x-queue-type", text("quorum")),
                ("x-delivery-limit", Argument::Number(50)),
            ] {
                assert!(
                    queue.arguments.contains(&expected),
                    "{} lacks {expected:?}",
                    queue.name
                );
            }
        }
        for queue in &topology.queues {
            let bindings = topology
                .bindings
                .iter()
                .filter(|binding| binding.queue == queue.name);
            assert_eq!(bindings.count(), 1, "{}", queue.name);
        }
    }

    /// Covers B13: what was parked is forgotten as well; what names no user waits for an operator.
    #[test]
    fn a_parked_message_that_names_users_is_kept_for_a_day() {
        let topology = Topology::of(QUEUES, &Ladder::default());
        let kept = |name: &str| {
            let dead = dead_queue(name);
            let queue = topology.queues.iter().find(|queue| queue.name == dead)?;
            let (_, time) = queue
                .arguments
                .iter()
                .find(|(key, _)| *key == "x-message-ttl")?;
            Some(time.clone())
        };
        for spec in QUEUES {
            let day = Some(Argument::Number(24 * 60 * 60 * 1000));
            let expected = day.filter(|_| spec.message_type == "object.changed");
            assert_eq!(kept(spec.queue), expected, "{}", spec.queue);
        }
    }

    #[test]
    fn the_definitions_carry_the_whole_table() {
        let topology = Topology::of(QUEUES, &Ladder::default());
        let definitions = topology.definitions("roomsync");
        let count = |key: &str| definitions[key].as_array().map(Vec::len);
        assert_eq!(count("exchanges"), Some(4));
        assert_eq!(count("queues"), Some(topology.queues.len()));
        assert_eq!(count("bindings"), Some(topology.bindings.len()));
        assert_eq!(definitions["queues"][1]["arguments"]["x-message-ttl"], 1000);
    }
}
