//! `parked` on the command line.

use roomsync_broker::parked::cli;
use roomsync_messages::{LinkDue, Message};
use serde_json::Value;

use crate::{parked::park, support::Scratch};

async fn run(scratch: &Scratch, line: &str) -> Result<String, u8> {
    let words = line.split_whitespace();
    let matches = cli::command()
        .try_get_matches_from(words)
        .expect("it works");
    let answer = cli::answer("spec", &scratch.config, &matches).await;
    answer.map_err(|refused| refused.exit_code)
}

async fn json(scratch: &Scratch, line: &str) -> Value {
    let said = run(scratch, &format!("{line} --json"))
        .await
        .expect("it works");
    serde_json::from_str(&said).expect("it works")
}

/// Covers B16.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_lists_shows_sends_again_and_drops() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let ids = park(&scratch, &broker, 3).await;
    let queue = LinkDue::QUEUE;

    let queues = run(&scratch, "parked list").await.expect("it works");
    let line = queues
        .lines()
        .find(|line| line.starts_with(queue))
        .expect("it works");
    assert_eq!(line.split_whitespace().nth(1), Some("3"), "{queues}");
    let listed = json(&scratch, &format!("parked list {queue} --most 2")).await;
    assert_eq!((&listed["lying"], &listed["next"]), (&3.into(), &2.into()));
    let id = ids[0].as_str();
    assert_eq!(listed["messages"][0]["message_id"], id);
    let shown = run(&scratch, &format!("parked show {id}"))
        .await
        .expect("it works");
    assert!(
        shown.contains(queue) && shown.contains("\"link\": "),
        "{shown}"
    );
    let shown = json(&scratch, &format!("parked show {id}")).await;
    // Three are in hand at once: any of them may have been parked first.
    let body = shown["body"]["link"].as_str().unwrap_or_default();
    assert!(
        body.starts_with("018f0000-0000-7000-8000-00000000000"),
        "{shown}"
    );

    let drop = format!("parked drop {queue} {id} --operator ana");
    assert!(
        run(&scratch, &drop)
            .await
            .expect("it works")
            .starts_with("dropped")
    );
    assert_eq!(run(&scratch, &drop).await, Err(66));
    let requeue = format!("parked requeue {queue}");
    assert_eq!(
        run(&scratch, &requeue).await.expect("it works"),
        "sent again: 2, left: 0"
    );
    assert_eq!(scratch.peek(queue).await.len(), 2);
    assert_eq!(run(&scratch, "parked list nothing").await, Err(64));
    scratch.end().await;
}

#[test]
fn a_line_that_makes_no_sense_is_refused() {
    for line in [
        "parked",
        "parked dance",
        "parked show",
        "parked drop sync-worker.link-due",
        "parked list --skip 3",
        "parked list sync-worker.link-due --most 1001",
    ] {
        let words = line.split_whitespace();
        assert!(
            cli::command().try_get_matches_from(words).is_err(),
            "{line}"
        );
    }
}
