//! The scopes of each way to connect (D3).
//!
//! To ask for a further one: a constant in crate google, its line here, and, where it is optional, the
//! word for what it adds in the `.proto`.

use roomsync_google::scopes;

/// Without one of them there is no connection by consent.
pub(super) const REQUIRED: [&str; 5] = [
    scopes::OPENID,
    scopes::EMAIL,
    scopes::CALENDAR_EVENTS,
    scopes::CALENDAR_APP_CREATED,
    scopes::DIRECTORY_RESOURCES,
];

/// Asked for too, each with what it adds.
pub(super) const OPTIONAL: [(&str, &str); 2] = [
    (scopes::DIRECTORY_USERS, "ALIASES_AND_DOMAINS"),
    (scopes::CALENDAR_CALENDARS_READONLY, "AUTO_ACCEPT"),
];

/// What an organisation delegates to the operator's service account, beside its consent: booking as its
/// people, and nothing else.
pub(super) const DELEGATION: [&str; 1] = [scopes::CALENDAR_EVENTS_OWNED];

/// What a tenant delegates to a service account of its own. The last two are optional.
pub(super) const KEY: [&str; 5] = [
    scopes::CALENDAR_EVENTS,
    scopes::DIRECTORY_RESOURCES,
    scopes::CALENDAR_EVENTS_OWNED,
    scopes::CALENDAR_APP_CREATED,
    scopes::CALENDAR_CALENDARS_READONLY,
];

/// Everything that the consent screen asks for.
pub(super) fn asked() -> Vec<&'static str> {
    let optional = OPTIONAL.iter().map(|(scope, _)| *scope);
    REQUIRED.into_iter().chain(optional).collect()
}

/// The required scopes that are not among those granted.
pub(super) fn missing(granted: &[String]) -> Vec<&'static str> {
    let lacks = |scope: &&str| !is_granted(granted, scope);
    REQUIRED.into_iter().filter(lacks).collect()
}

/// The optional scopes that are not among those granted.
pub(super) fn missing_optional(granted: &[String]) -> Vec<&'static str> {
    let optional = OPTIONAL.iter().map(|(scope, _)| *scope);
    optional.filter(|it| !is_granted(granted, it)).collect()
}

/// Google tells some scopes by another name than they are asked for (documented).
fn is_granted(granted: &[String], scope: &str) -> bool {
    granted
        .iter()
        .any(|it| it == scope || (scope == scopes::EMAIL && it == scopes::EMAIL_GRANTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_but(left_out: &str) -> Vec<String> {
        let long = |scope: &str| match scope {
            scopes::EMAIL => scopes::EMAIL_GRANTED.to_owned(),
            other => other.to_owned(),
        };
        let asked = asked().into_iter().filter(|scope| *scope != left_out);
        asked.map(long).collect()
    }

    #[test]
    fn what_google_calls_by_its_long_name_is_not_missing() {
        assert!(missing(&all_but("")).is_empty());
        assert!(missing_optional(&all_but("")).is_empty());
    }

    #[rstest::rstest]
    fn every_required_scope_is_missed(
        #[values(
            scopes::OPENID,
            scopes::EMAIL,
            scopes::CALENDAR_EVENTS,
            scopes::CALENDAR_APP_CREATED,
            scopes::DIRECTORY_RESOURCES
        )]
        scope: &str,
    ) {
        assert_eq!(missing(&all_but(scope)), [scope]);
    }

    #[test]
    fn an_optional_scope_is_not_required() {
        let granted = all_but(scopes::DIRECTORY_USERS);
        assert!(missing(&granted).is_empty());
        assert_eq!(missing_optional(&granted), [scopes::DIRECTORY_USERS]);
    }
}
