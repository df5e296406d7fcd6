//! Carrying out a [`Command`].

use std::{future::Future, time::Duration};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Command, Control, ControlError, HoldId};
use crate::{
    faults::{Effect, Hold},
    settings::Settings,
};

impl Control {
    /// Carries out one command; the answer is `null` where there is nothing to tell.
    #[expect(
        clippy::too_many_lines,
        reason = "one arm a command, as flat as the list itself"
    )]
    pub async fn execute(&self, command: Command) -> Result<Value, ControlError> {
        match command {
            Command::AddOrg { domain } => {
                self.add_org(&domain);
                Ok(Value::Null)
            }
            Command::AddUser { org, user } => told(self.org(&org).add(user)?.mail()),
            Command::AddRoom { org, room } => told(self.org(&org).add_room(room)?.mail()),
            Command::ServiceAccount { name } => Ok(self.service_account(&name).key_file),
            Command::Delegate {
                org,
                client_id,
                scopes,
            } => {
                let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
                done(self.org(&org).delegate_client(&client_id, &scopes))
            }
            Command::RevokeDelegation { org, client_id } => {
                done(self.org(&org).delegate_client(&client_id, &[]))
            }
            Command::Suspend { user, suspended } => done(self.user(&user).suspend(suspended)),
            Command::CalendarOff { user, off } => done(self.user(&user).calendar_off(off)),
            Command::Share {
                calendar,
                with,
                role,
            } => done(self.room(&calendar).share(&with, role)),
            Command::Unshare { calendar, with } => done(self.room(&calendar).unshare(&with)),
            Command::ExpireSyncTokens { calendar } => {
                done(self.room(&calendar).expire_sync_tokens())
            }
            Command::ExpireAccessTokens => {
                self.expire_access_tokens();
                Ok(Value::Null)
            }
            Command::SupportPush {
                calendar,
                supported,
            } => done(self.room(&calendar).support_push(supported)),
            Command::AutoAccept { room, on } => done(self.room(&room).auto_accept(on)),
            Command::ListInDirectory { room, listed } => {
                done(self.room(&room).list_in_directory(listed))
            }
            Command::InsertEvent {
                calendar,
                actor,
                event,
            } => {
                let calendar = calendar.to_lowercase();
                let actor = actor.map_or_else(|| calendar.clone(), |mail| mail.to_lowercase());
                told(self.insert(&calendar, &actor, event)?)
            }
            Command::PatchEvent {
                calendar,
                event,
                changes,
            } => done(self.patch(&calendar, &event, Value::Object(changes))),
            Command::MoveEvent {
                calendar,
                event,
                start,
                end,
            } => done(self.patch(&calendar, &event, json!({"start": start, "end": end}))),
            Command::InviteRoom {
                calendar,
                event,
                room,
            } => done(self.change_rooms(&calendar, &event, None, Some(&room))),
            Command::UninviteRoom {
                calendar,
                event,
                room,
            } => done(self.change_rooms(&calendar, &event, Some(&room), None)),
            Command::SwapRoom {
                calendar,
                event,
                from,
                to,
            } => done(self.change_rooms(&calendar, &event, Some(&from), Some(&to))),
            Command::CancelEvent { calendar, event } => done(self.cancel(&calendar, &event)),
            Command::Respond {
                calendar,
                event,
                answer,
            } => done(self.respond(&calendar, &event, answer)),
            Command::WaitRoomAnswered {
                room,
                event,
                timeout_ms,
            } => {
                let timeout = Duration::from_millis(timeout_ms);
                told(self.room(&room).wait_answered(&event, timeout).await?)
            }
            Command::ChangeOccurrence {
                calendar,
                event,
                original_start,
                changes,
            } => told(self.user(&calendar).change_occurrence(
                &event,
                &original_start,
                Value::Object(changes),
            )?),
            Command::MoveOccurrence {
                calendar,
                event,
                original_start,
                start,
                end,
            } => told(
                self.user(&calendar)
                    .move_occurrence(&event, &original_start, start, end)?,
            ),
            Command::CancelOccurrence {
                calendar,
                event,
                original_start,
            } => told(
                self.user(&calendar)
                    .cancel_occurrence(&event, &original_start)?,
            ),
            Command::InviteRoomToOccurrence {
                calendar,
                event,
                original_start,
                room,
            } => told(self.user(&calendar).invite_room_to_occurrence(
                &event,
                &original_start,
                &room,
            )?),
            Command::SplitSeries {
                calendar,
                event,
                original_start,
                changes,
            } => told(self.split(&calendar, &event, &original_start, Value::Object(changes))?),
            Command::RespondOccurrence {
                calendar,
                event,
                original_start,
                answer,
            } => told(
                self.room(&calendar)
                    .respond_occurrence(&event, &original_start, answer)?,
            ),
            Command::HandOver {
                calendar,
                event,
                to,
            } => done(self.user(&calendar).hand_over(&event, &to)),
            Command::DeleteAccount { user } => done(self.user(&user).delete_account()),
            Command::Occurrences { calendar, from, to } => {
                told(self.occurrences(&calendar, from, to)?)
            }
            Command::Events { calendar } => told(self.events(&calendar)?),
            Command::Event { calendar, event } => self.event(&calendar, &event),
            Command::InjectItem { calendar, item } => done(self.room(&calendar).inject_item(item)),
            Command::HideFields {
                calendar,
                event,
                fields,
            } => {
                let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
                done(self.room(&calendar).hide_fields(&event, &fields))
            }
            Command::MakeOdd {
                calendar,
                event,
                oddities,
            } => done(self.make_odd(&calendar, &event, &oddities)),
            Command::MoveEventOften {
                calendar,
                event,
                times,
            } => done(self.user(&calendar).move_event_often(&event, times)),
            Command::TakeCalendarAway { room, gone } => {
                done(self.room(&room).take_calendar_away(gone))
            }
            Command::ExceedUsageLimits { user, lasts_ms } => {
                self.user(&user)
                    .exceed_usage_limits(Duration::from_millis(lasts_ms));
                Ok(Value::Null)
            }
            Command::SetAdmin { user, admin } => done(self.user(&user).set_admin(admin)),
            Command::OauthClient {
                name,
                redirect_uris,
            } => {
                let uris: Vec<&str> = redirect_uris.iter().map(String::as_str).collect();
                told(self.oauth_client(&name, &uris))
            }
            Command::RevokeConsent { user, client_id } => {
                self.revoke_consent(&user, &client_id);
                Ok(Value::Null)
            }
            Command::Consents => told(self.consents()),
            Command::RotateKeys => {
                self.rotate_keys();
                Ok(Value::Null)
            }
            Command::UserToken { user, scopes } => {
                let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
                told(self.user_token(&user, &scopes))
            }
            Command::Configure { settings } => self.configure_json(settings),
            Command::Ledger => told(self.ledger()),
            Command::ClearLedger => {
                self.clear_ledger();
                Ok(Value::Null)
            }
            Command::AddFault { fault } => {
                self.add_fault(fault);
                Ok(Value::Null)
            }
            Command::ClearFaults => {
                self.clear_faults();
                Ok(Value::Null)
            }
            Command::Hold {
                operation,
                calendar,
                answer,
            } => {
                let id = self
                    .core
                    .faults
                    .hold(operation, calendar.as_deref(), |hold| {
                        if answer {
                            Effect::HoldAnswer { hold }
                        } else {
                            Effect::Hold { hold }
                        }
                    });
                told(HoldId(id))
            }
            Command::WaitHeld { hold, timeout_ms } => {
                let held = self.find_hold(hold)?;
                within(timeout_ms, held.wait_until_reached()).await
            }
            Command::Release { hold } => {
                self.core.faults.release(hold.0);
                Ok(Value::Null)
            }
            Command::AddPushFault { fault } => {
                self.add_push_fault(fault);
                Ok(Value::Null)
            }
            Command::ClearPushFaults => {
                self.clear_push_faults();
                Ok(Value::Null)
            }
            Command::Pushes => told(self.pushes()),
            Command::Channels => told(self.channels()),
        }
    }

    fn configure_json(&self, changes: Map<String, Value>) -> Result<Value, ControlError> {
        self.core.act(|world| {
            let mut merged = serde_json::to_value(&world.settings).map_err(invalid)?;
            if let Value::Object(merged) = &mut merged {
                merged.extend(changes);
            }
            world.settings = serde_json::from_value::<Settings>(merged).map_err(invalid)?;
            Ok(Value::Null)
        })
    }

    fn find_hold(&self, hold: HoldId) -> Result<std::sync::Arc<Hold>, ControlError> {
        self.core
            .faults
            .find_hold(hold.0)
            .ok_or_else(|| ControlError::unknown("hold", &hold.0.to_string()))
    }
}

fn told(answer: impl Serialize) -> Result<Value, ControlError> {
    serde_json::to_value(answer).map_err(invalid)
}

fn done(outcome: Result<(), ControlError>) -> Result<Value, ControlError> {
    outcome.map(|()| Value::Null)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "used as a function for map_err"
)]
fn invalid(error: serde_json::Error) -> ControlError {
    ControlError::Invalid(error.to_string())
}

async fn within(timeout_ms: u64, wait: impl Future<Output = ()>) -> Result<Value, ControlError> {
    let timeout = Duration::from_millis(timeout_ms);
    tokio::time::timeout(timeout, wait)
        .await
        .map(|()| Value::Null)
        .map_err(|_| ControlError::Timeout(timeout))
}
