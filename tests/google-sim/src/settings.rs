//! The switches of a simulator: everything about Google that is a guess, a limit or a bad mood.
//!
//! Each field documents Google's usual behaviour as its default. To add a switch, add a field with
//! a default here and read it where the behaviour lives; `Control::configure` and the control
//! action `configure` then reach it without more code.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::chaos::{CallChaos, PushChaos};

/// What becomes of an event's rooms when all guests but one have declined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomRelease {
    /// They decline.
    Declines,
    /// They leave the guest list.
    Leaves,
}

/// What a listing shows to somebody who may only see when a calendar is busy. Nobody could tell:
/// both answers were told of second hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreeBusyListing {
    /// Single events with id, status and times, whatever `singleEvents` says.
    Times,
    /// 403 `requiredAccessLevel`.
    Refused,
}

/// How the simulated Google behaves where it has a choice.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent switch"
)]
pub struct Settings {
    /// How long a room takes to answer an invitation.
    #[serde(with = "millis")]
    pub room_answer_delay: Duration,
    /// How long an access token lives.
    #[serde(with = "millis")]
    pub token_lifetime: Duration,
    /// Largest number of items on a page, whatever the caller asks for.
    pub forced_page_size: Option<usize>,
    /// Put an empty page with a next page token before every page.
    pub empty_pages: bool,
    /// Calendar requests per minute and quota user before 403 `rateLimitExceeded`; `None` is unlimited.
    pub quota_per_user_per_minute: Option<u32>,
    /// Directory requests per minute and quota user before the same; `None` is unlimited.
    pub quota_directory_per_user_per_minute: Option<u32>,
    /// Requests per minute, project and API before the same; `None` is unlimited.
    pub quota_per_project_per_minute: Option<u32>,
    /// How long the sliding minute of all these is: a minute, unless a test cannot wait for so long.
    #[serde(with = "millis")]
    pub quota_minute: Duration,
    /// Answer 429 instead of 403 when the quota is used up.
    pub quota_answers_429: bool,
    /// Errors also carry `status` and `details`, as Google's newer front end writes them.
    pub newer_envelope: bool,
    /// Post the `sync` message and wait for its answer before the watch call is answered.
    pub sync_message_first: bool,
    /// Write `expiration` of a channel as a JSON number instead of a string.
    pub expiration_as_number: bool,
    /// Lifetime of a channel whose watch call asks for none.
    #[serde(with = "millis")]
    pub channel_ttl: Duration,
    /// The longest lifetime a channel can get.
    #[serde(with = "millis")]
    pub channel_ttl_limit: Duration,
    /// How long after a change its notifications are sent.
    #[serde(with = "millis")]
    pub push_delay: Duration,
    /// How long the answer to a notification may take; one without is not sent again.
    #[serde(with = "millis")]
    pub push_timeout: Duration,
    /// Delay before the first retry of a notification; doubles with every further one.
    #[serde(with = "millis")]
    pub push_retry_delay: Duration,
    /// How often a notification is retried after 500, 502, 503 or 504.
    pub push_retries: u32,
    /// Super administrators act as owners of every room of their organisation.
    pub super_admins_own_rooms: bool,
    /// A guest's PATCH of shared fields is refused instead of changing the guest's copy only.
    pub strict_guests: bool,
    /// How far back `updatedMin` may lie before 410 `updatedMinTooLongAgo`.
    #[serde(with = "millis")]
    pub updated_min_limit: Duration,
    /// How many occurrences of one series a listing without an end shows, and a room looks at.
    pub most_instances: usize,
    /// How many taken dates let a room decline a whole series.
    pub series_conflict_limit: usize,
    /// How far ahead a delta of single events reports the occurrences of a deleted series.
    #[serde(with = "millis")]
    pub deleted_series_reach: Duration,
    /// Cancelled exceptions arrive as `{id, status}` in deltas, without naming their series.
    pub sparse_tombstones: bool,
    /// Listings and deltas show exceptions before the masters.
    pub exceptions_first: bool,
    /// `timeMin` without `singleEvents` hides series whose first occurrence ended before it.
    pub time_min_hides_running_series: bool,
    /// New times for a whole series undo its exceptions; else they stay as they are.
    pub moved_series_reset_exceptions: bool,
    /// Exceptions stay when their series is cut before them, as after "this and following".
    pub stale_exceptions_survive: bool,
    /// Every event is shown with this `eventType`.
    pub shown_event_type: Option<String>,
    /// Every time is shown with this `timeZone`, whatever its offset says.
    pub shown_time_zone: Option<String>,
    /// A room that declines because it is taken is replaced by a similar one, without anybody's
    /// doing: an option of administrators.
    pub book_similar_rooms: bool,
    /// Rooms are released when all guests but one have declined: an option of administrators.
    pub room_release: Option<RoomRelease>,
    /// What a listing shows to a free/busy reader.
    pub free_busy_listing: FreeBusyListing,
    /// A free/busy reader's listing ends with a sync token. A guess; without it, it has none.
    pub free_busy_sync_tokens: bool,
    /// The shell of a private event names its organizer. A guess; documented is only that details
    /// are hidden.
    pub shells_show_organizer: bool,
    /// `calendars.get` tells of a room whether it answers by itself; the field is new in 2026.
    pub calendars_tell_auto_accept: bool,
    /// How many secondary calendars a user can make before 403 `quotaExceeded`.
    pub most_new_calendars: usize,
    /// Who is signed in in the browser that opens the authorize page; `login_hint` names another
    /// where this is empty, and without both the page asks.
    pub signed_in_user: Option<String>,
    /// The scopes that the user ticks on the consent page; `None` ticks all that were asked for.
    pub consent_granted: Option<Vec<String>>,
    /// The consent page ends with this error, such as `access_denied` or `admin_policy_enforced`.
    pub consent_refused_with: Option<String>,
    /// How long a code can be redeemed.
    #[serde(with = "millis")]
    pub code_lifetime: Duration,
    /// Seconds that refresh tokens live, for grants limited in time and for clients that are being
    /// tested; `None` is unlimited.
    pub refresh_token_lifetime_seconds: Option<u64>,
    /// How many refresh tokens of one user and client live; the oldest dies silently.
    pub most_refresh_tokens: usize,
    /// The organisation wants its users to sign in again: a refresh is `invalid_grant` with
    /// `error_subtype` `invalid_rapt`.
    pub session_control: bool,
    /// Claims of id tokens that differ from the right ones; `null` leaves one out.
    pub id_token_claims: Map<String, Value>,
    /// Stopped channels notify until they expire.
    pub push_after_stop: bool,
    /// Addresses in events are written in mixed case.
    pub mixed_case_mails: bool,
    /// Notifications meet random troubles.
    pub push_chaos: Option<PushChaos>,
    /// Calls meet random troubles.
    pub call_chaos: Option<CallChaos>,
}

impl Default for Settings {
    fn default() -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self {
            room_answer_delay: Duration::from_millis(20),
            token_lifetime: Duration::from_secs(3599),
            forced_page_size: None,
            empty_pages: false,
            quota_per_user_per_minute: None,
            quota_directory_per_user_per_minute: None,
            quota_per_project_per_minute: None,
            quota_minute: Duration::from_mins(1),
            quota_answers_429: false,
            newer_envelope: false,
            sync_message_first: false,
            expiration_as_number: false,
            channel_ttl: 7 * DAY,
            channel_ttl_limit: 30 * DAY,
            push_delay: Duration::ZERO,
            push_timeout: Duration::from_secs(10),
            push_retry_delay: Duration::from_millis(200),
            push_retries: 5,
            super_admins_own_rooms: true,
            strict_guests: false,
            updated_min_limit: 28 * DAY,
            most_instances: 730,
            series_conflict_limit: 8,
            deleted_series_reach: 182 * DAY,
            sparse_tombstones: false,
            exceptions_first: false,
            time_min_hides_running_series: false,
            moved_series_reset_exceptions: true,
            stale_exceptions_survive: false,
            shown_event_type: None,
            shown_time_zone: None,
            book_similar_rooms: false,
            room_release: None,
            free_busy_listing: FreeBusyListing::Times,
            free_busy_sync_tokens: true,
            shells_show_organizer: false,
            calendars_tell_auto_accept: true,
            most_new_calendars: 60,
            signed_in_user: None,
            consent_granted: None,
            consent_refused_with: None,
            code_lifetime: Duration::from_mins(10),
            refresh_token_lifetime_seconds: None,
            most_refresh_tokens: 100,
            session_control: false,
            id_token_claims: Map::new(),
            push_after_stop: false,
            mixed_case_mails: false,
            push_chaos: None,
            call_chaos: None,
        }
    }
}

/// Durations as whole milliseconds in JSON.
pub(crate) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Ok(Duration::from_millis(u64::deserialize(from)?))
    }
}
