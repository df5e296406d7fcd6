//! What `parked` prints for people.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::parked::{ParkedMessage, ParkedPage, ParkedQueue, SentAgain, ShownMessage};

pub(super) fn queues(queues: &[ParkedQueue]) -> String {
    let line = |queue: &ParkedQueue| {
        let since = match queue.messages {
            0 => String::new(),
            _ => format!("  oldest since {}", time(queue.oldest_parked_at)),
        };
        format!("{:<45} {:>6}{since}", queue.queue, queue.messages)
    };
    lines(queues.iter().map(line))
}

pub(super) fn page(page: &ParkedPage) -> String {
    let line = |message: &ParkedMessage| {
        let ParkedMessage {
            message_id,
            reason,
            attempts,
            parked_at,
            ..
        } = message;
        let parked_at = time(*parked_at);
        format!("{message_id}  {parked_at}  attempts {attempts}  {reason}")
    };
    let more = page.next.map(|next| format!("more: --skip {next}"));
    let all = format!("{}: {} parked", page.queue, page.lying);
    lines(
        std::iter::once(all)
            .chain(page.messages.iter().map(line))
            .chain(more),
    )
}

pub(super) fn shown(shown: &ShownMessage) -> String {
    let message = &shown.message;
    let body = match &shown.body {
        Some(body) => format!("{body:#}"),
        None => format!("(no JSON object, {} bytes)", message.size),
    };
    lines([
        format!("message id   {}", message.message_id),
        format!("type         {}", message.message_type),
        format!("queue        {}", message.queue),
        format!("reason       {}", message.reason),
        format!("attempts     {}", message.attempts),
        format!("first seen   {}", time(message.first_seen)),
        format!("parked at    {}", time(message.parked_at)),
        format!(
            "traceparent  {}",
            message.traceparent.as_deref().unwrap_or("-")
        ),
        format!("body         {body}"),
    ])
}

pub(super) fn sent(sent: &SentAgain) -> String {
    format!("sent again: {}, left: {}", sent.sent, sent.left)
}

pub(super) fn dropped(message: &ParkedMessage) -> String {
    format!("dropped {} ({})", message.message_id, message.reason)
}

fn time(time: Option<DateTime<Utc>>) -> String {
    time.map_or_else(
        || "-".to_owned(),
        |time| time.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}

fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().collect::<Vec<_>>().join("\n")
}
