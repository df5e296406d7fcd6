//! Posting a notification to a webhook, again after 500, 502, 503 and 504 and after nothing else.

use std::sync::Arc;

use reqwest::header::{CONTENT_LENGTH, USER_AGENT};

use super::Plan;
use crate::{sim::Core, world::Message};

const AGENT: &str = "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)";

/// Sends a message on its way. The faults that wait for it are used up at once, so that what
/// becomes of several changes does not depend on the order in which tasks run.
pub(crate) fn send(core: &Arc<Core>, message: Message) {
    let plan = plan(core, message);
    let task = core.clone();
    core.spawn(async move {
        tokio::time::sleep(task.read(|world| world.settings.push_delay)).await;
        follow(&task, plan).await;
    });
}

/// Sends a message and returns when it was delivered, given up, lost or kept back.
pub(crate) async fn send_and_wait(core: &Arc<Core>, message: Message) {
    let plan = plan(core, message);
    follow(core, plan).await;
}

fn plan(core: &Core, message: Message) -> Plan {
    let chaos = core.read(|world| world.settings.push_chaos.clone());
    core.pushes.plan(message, chaos.as_ref())
}

async fn follow(core: &Arc<Core>, plan: Plan) {
    match plan {
        Plan::Nothing => {}
        Plan::Each(messages, delay) => {
            tokio::time::sleep(delay).await;
            futures_util::future::join_all(
                messages.into_iter().map(|message| deliver(core, message)),
            )
            .await;
        }
        Plan::InTurn(messages) => {
            for message in messages {
                deliver(core, message).await;
            }
        }
    }
    core.changes.send_modify(|count| *count += 1);
}

/// Forgets the faults and delivers what was kept back, in its order.
pub(crate) fn clear_faults(core: &Arc<Core>) {
    let messages = core.pushes.clear();
    let task = core.clone();
    core.spawn(async move {
        for message in messages {
            deliver(&task, message).await;
        }
        task.changes.send_modify(|count| *count += 1);
    });
}

async fn deliver(core: &Arc<Core>, message: Message) {
    let (retries, mut delay) =
        core.read(|world| (world.settings.push_retries, world.settings.push_retry_delay));
    let place = core.pushes.record(&message, false);
    for attempt in 0.. {
        let answer = post(core, &message).await;
        core.pushes.answered(place, answer);
        core.changes.send_modify(|count| *count += 1);
        let again = matches!(answer, Some(500 | 502 | 503 | 504));
        if !again || attempt == retries {
            break;
        }
        tokio::time::sleep(delay).await;
        delay *= 2;
    }
}

async fn post(core: &Core, message: &Message) -> Option<u16> {
    let expires = message
        .expires
        .format("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    let mut request = core
        .client
        .post(&message.address)
        .timeout(core.read(|world| world.settings.push_timeout))
        .header(USER_AGENT, AGENT)
        .header(CONTENT_LENGTH, "0")
        .header("X-Goog-Channel-ID", &message.channel)
        .header("X-Goog-Channel-Expiration", expires)
        .header("X-Goog-Resource-ID", &message.resource_id)
        .header("X-Goog-Resource-URI", &message.resource_uri)
        .header("X-Goog-Resource-State", message.state)
        .header("X-Goog-Message-Number", message.number);
    if let Some(token) = &message.token {
        request = request.header("X-Goog-Channel-Token", token);
    }
    request
        .send()
        .await
        .ok()
        .map(|response| response.status().as_u16())
}
