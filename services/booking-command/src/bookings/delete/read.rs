//! Reading a `DeleteBookingRequest`.

use roomsync_domain::Actor;
use roomsync_proto::booking::v1::{self as pb, actor::Actor as Sent};

use super::Asked;
use crate::{bookings::get, status::CommandError, validate};

/// `INVALID_ARGUMENT` `INVALID_FIELD` (`booking_id`, `actor`).
pub(super) fn asked(request: &pb::DeleteBookingRequest) -> Result<Asked, CommandError> {
    Ok(Asked {
        booking: get::id(&request.booking_id)?,
        actor: actor(request.actor.as_ref())?,
        series: request.series,
    })
}

fn actor(sent: Option<&pb::Actor>) -> Result<Actor, CommandError> {
    match sent.and_then(|sent| sent.actor.as_ref()) {
        Some(Sent::UserId(user)) => validate::id("actor.user_id", user).map(Actor::User),
        Some(Sent::DeviceId(device)) => validate::id("actor.device_id", device).map(Actor::Device),
        Some(Sent::Administrator(pb::AdministratorActor { user_id })) if user_id.is_empty() => {
            Ok(Actor::Administrator(None))
        }
        Some(Sent::Administrator(pb::AdministratorActor { user_id })) => {
            let user = validate::id("actor.administrator.user_id", user_id)?;
            Ok(Actor::Administrator(Some(user)))
        }
        None => Err(CommandError::invalid(
            "actor",
            "a user, a device or an administrator",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn administrator(id: &str) -> Sent {
        Sent::Administrator(pb::AdministratorActor {
            user_id: id.to_owned(),
        })
    }

    #[rstest::rstest]
    #[case(Sent::UserId("u-1".to_owned()), Actor::User("u-1".parse().unwrap()))]
    #[case(Sent::DeviceId("d-1".to_owned()), Actor::Device("d-1".parse().unwrap()))]
    #[case(administrator("u-1"), Actor::Administrator(Some("u-1".parse().unwrap())))]
    #[case(administrator(""), Actor::Administrator(None))]
    fn who_asks_is_read(#[case] sent: Sent, #[case] expected: Actor) {
        let sent = pb::Actor { actor: Some(sent) };
        assert_eq!(actor(Some(&sent)).unwrap(), expected);
    }

    #[rstest::rstest]
    #[case(None, "actor")]
    #[case(Some(pb::Actor { actor: None }), "actor")]
    #[case(Some(pb::Actor { actor: Some(Sent::UserId(String::new())) }), "actor.user_id")]
    #[case(Some(pb::Actor { actor: Some(Sent::DeviceId("a b".to_owned())) }), "actor.device_id")]
    #[case(Some(pb::Actor { actor: Some(administrator("a b")) }), "actor.administrator.user_id")]
    fn who_asks_must_be_somebody(#[case] sent: Option<pb::Actor>, #[case] expected: &str) {
        match actor(sent.as_ref()) {
            Err(CommandError::InvalidField { field, .. }) => assert_eq!(field, expected),
            other => panic!("unexpected {other:?}"),
        }
    }
}
