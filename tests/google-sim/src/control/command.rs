//! Everything that can be asked of the simulator, as data: bodies of `POST /control/{action}` and
//! lines of a seed file.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::types::{Answer, NewEvent, NewRoom, NewUser};
use crate::{
    faults::Fault,
    ledger::Operation,
    push::PushFault,
    world::{Oddity, Role, When},
};

/// Names a held call over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HoldId(pub u64);

/// One action. Over HTTP, `action` is the last part of the path.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are named after what they are")]
pub enum Command {
    /// Adds an organisation with a domain.
    AddOrg { domain: String },
    /// Adds a user and the user's calendar.
    AddUser { org: String, user: NewUser },
    /// Adds a room; answers its address.
    AddRoom { org: String, room: NewRoom },
    /// Makes (or finds) a service account; answers its key file.
    ServiceAccount { name: String },
    /// Grants scopes to a service account's client id for the whole organisation.
    Delegate {
        org: String,
        client_id: String,
        scopes: Vec<String>,
    },
    /// Takes all scopes away from a client id; tokens already given live on.
    RevokeDelegation { org: String, client_id: String },
    /// Suspends a user, or lets the user back in.
    Suspend { user: String, suspended: bool },
    /// Switches Google Calendar off or on for a user.
    CalendarOff { user: String, off: bool },
    /// Gives somebody a role on a calendar. An ACL change: its sync tokens die.
    Share {
        calendar: String,
        with: String,
        role: Role,
    },
    /// Takes somebody's role away. An ACL change: its sync tokens die.
    Unshare { calendar: String, with: String },
    /// Lets the sync tokens of a calendar die.
    ExpireSyncTokens { calendar: String },
    /// Lets all access tokens die.
    ExpireAccessTokens,
    /// Whether the calendar can be watched.
    SupportPush { calendar: String, supported: bool },
    /// Whether the room answers by itself.
    AutoAccept { room: String, on: bool },
    /// Whether the Directory lists the room; its calendar stays.
    ListInDirectory { room: String, listed: bool },
    /// Creates an event on a calendar as `actor`, by default the calendar's owner; answers its id.
    InsertEvent {
        calendar: String,
        #[serde(default)]
        actor: Option<String>,
        event: NewEvent,
    },
    /// Changes fields of an event, as seen from a calendar.
    PatchEvent {
        calendar: String,
        event: String,
        changes: Map<String, Value>,
    },
    /// Gives an event new times.
    MoveEvent {
        calendar: String,
        event: String,
        start: When,
        end: When,
    },
    /// Adds a room to an event.
    InviteRoom {
        calendar: String,
        event: String,
        room: String,
    },
    /// Takes a room off an event.
    UninviteRoom {
        calendar: String,
        event: String,
        room: String,
    },
    /// Replaces one room of an event by another in one edit.
    SwapRoom {
        calendar: String,
        event: String,
        from: String,
        to: String,
    },
    /// Deletes an event from a calendar: for everybody if it is the organizer's.
    CancelEvent { calendar: String, event: String },
    /// Answers an invitation as the calendar's owner.
    Respond {
        calendar: String,
        event: String,
        answer: Answer,
    },
    /// Waits until the room has answered an invitation; answers what it said.
    WaitRoomAnswered {
        room: String,
        event: String,
        timeout_ms: u64,
    },
    /// Changes fields of one occurrence of a series; answers its id. `original_start` is when it
    /// begins by the rule, as in all actions on one.
    ChangeOccurrence {
        calendar: String,
        event: String,
        original_start: When,
        changes: Map<String, Value>,
    },
    /// Gives one occurrence new times; answers its id.
    MoveOccurrence {
        calendar: String,
        event: String,
        original_start: When,
        start: When,
        end: When,
    },
    /// Cancels one occurrence; answers its id.
    CancelOccurrence {
        calendar: String,
        event: String,
        original_start: When,
    },
    /// Adds a room to one occurrence only; answers the occurrence's id.
    InviteRoomToOccurrence {
        calendar: String,
        event: String,
        original_start: When,
        room: String,
    },
    /// "This and following": ends a series before an occurrence and begins a new one there with
    /// changes; answers the new one's id.
    SplitSeries {
        calendar: String,
        event: String,
        original_start: When,
        changes: Map<String, Value>,
    },
    /// Answers one occurrence as the calendar's owner; answers its id.
    RespondOccurrence {
        calendar: String,
        event: String,
        original_start: When,
        answer: Answer,
    },
    /// Makes another user the organizer of an event or a whole series.
    HandOver {
        calendar: String,
        event: String,
        to: String,
    },
    /// Deletes a user with the calendar; the user's events stay on the others' calendars.
    DeleteAccount { user: String },
    /// What takes place on a calendar between two instants, series expanded.
    Occurrences {
        calendar: String,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    },
    /// All copies on a calendar, cancelled ones too, as its owner sees them.
    Events { calendar: String },
    /// One copy on a calendar, as its owner sees it.
    Event { calendar: String, event: String },
    /// Puts an arbitrary JSON value into the calendar's listings.
    InjectItem { calendar: String, item: Value },
    /// Leaves fields out of a copy wherever it is listed.
    HideFields {
        calendar: String,
        event: String,
        fields: Vec<String>,
    },
    /// Lets a copy look odd wherever it is shown; no oddities make it look as it is.
    MakeOdd {
        calendar: String,
        event: String,
        oddities: Vec<Oddity>,
    },
    /// Gives an event new times, one after the other, without a pause.
    MoveEventOften {
        calendar: String,
        event: String,
        times: Vec<(When, When)>,
    },
    /// Whether a room's calendar answers 404 to everybody while the Directory lists the room.
    TakeCalendarAway { room: String, gone: bool },
    /// 403 `quotaExceeded` to everything that an account writes for a while.
    ExceedUsageLimits { user: String, lasts_ms: u64 },
    /// Makes a user a super administrator, or an ordinary user again.
    SetAdmin { user: String, admin: bool },
    /// Makes (or finds) an OAuth client; answers its id and secret.
    OauthClient {
        name: String,
        redirect_uris: Vec<String>,
    },
    /// Takes back what a user granted to a client: all its tokens die.
    RevokeConsent { user: String, client_id: String },
    /// What users have granted and not taken back.
    Consents,
    /// Signs id tokens with a new key from now on.
    RotateKeys,
    /// Makes an access token as if the user had consented.
    UserToken { user: String, scopes: Vec<String> },
    /// Changes switches: an object with some of the fields of `Settings`.
    Configure { settings: Map<String, Value> },
    /// All calls so far.
    Ledger,
    /// Forgets the calls so far.
    ClearLedger,
    /// Adds a fault.
    AddFault { fault: Fault },
    /// Forgets all faults; held calls stay held.
    ClearFaults,
    /// Holds the next matching call before (or, with `answer`, after) it is carried out.
    Hold {
        operation: Operation,
        #[serde(default)]
        calendar: Option<String>,
        #[serde(default)]
        answer: bool,
    },
    /// Waits until a call stands still in the hold.
    WaitHeld { hold: HoldId, timeout_ms: u64 },
    /// Lets a held call go on.
    Release { hold: HoldId },
    /// Adds a fault of notifications.
    AddPushFault { fault: PushFault },
    /// Forgets the faults of notifications and delivers what was kept back.
    ClearPushFaults,
    /// All notifications so far.
    Pushes,
    /// The live channels.
    Channels,
}
