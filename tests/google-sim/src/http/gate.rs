//! What every call to Google passes through: the ledger, the faults, token, scopes and quota.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{ConnectInfo, MatchedPath, RawPathParams, RawQuery, Request, State},
    http::{HeaderMap, Method, header::AUTHORIZATION},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chrono::Utc;

use super::{
    calendars,
    envelope::{self, Reason},
    free_busy,
    token::{self, AskedFor},
    wire::Cut,
};
use crate::{
    faults::Effect,
    ledger::{Call, Operation},
    scopes::{
        APP_CREATED, CALENDAR, CALENDAR_READONLY, EVENTS, EVENTS_FREEBUSY, EVENTS_OWNED,
        EVENTS_OWNED_READONLY, EVENTS_READONLY, RESOURCES, RESOURCES_READONLY, USERS,
        USERS_READONLY,
    },
    sim::Core,
    world::{Api, ApiError, Caller},
};

/// The query parameters of a call, decoded, in order.
#[derive(Debug, Clone)]
pub(super) struct Parameters(pub(super) Vec<(String, String)>);

/// The calendar that a call names, `primary` resolved.
#[derive(Debug, Clone)]
pub(super) struct Named(pub(super) String);

/// What `gate` learned of a call before playing faults.
struct Passport {
    operation: Operation,
    caller: Result<Caller, ApiError>,
    quota_user: Option<String>,
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is a part of the request that axum hands in"
)]
pub(super) async fn gate(
    State(core): State<Arc<Core>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    path: MatchedPath,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    params: RawPathParams,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(operation) = Operation::of(&method, path.as_str()) else {
        return next.run(request).await;
    };
    let parameters: Vec<(String, String)> =
        url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let caller = core.read(|world| world.caller(bearer));
    let calendar = params
        .iter()
        .find(|(name, _)| *name == "calendar")
        .map(|(_, value)| resolve(value, caller.as_ref().ok()));
    let quota_user = parameters
        .iter()
        .find(|(name, _)| name == "quotaUser")
        .map(|(_, value)| value.clone())
        .or_else(|| header(&headers, "x-goog-quota-user"))
        .or_else(|| {
            caller
                .as_ref()
                .ok()
                .map(|caller| caller.charged().to_owned())
        });
    let later_page = parameters.iter().any(|(name, _)| name == "pageToken");
    let number = core.ledger.begin(Call {
        number: 0,
        at: Utc::now(),
        operation,
        method: method.to_string(),
        template: path.as_str().to_owned(),
        calendar: calendar.clone(),
        subject: caller.as_ref().ok().map(|caller| caller.subject.clone()),
        client: caller.as_ref().ok().map(|caller| caller.client.clone()),
        quota_user: quota_user.clone(),
        query: parameters.iter().cloned().collect::<BTreeMap<_, _>>(),
        status: None,
        reason: None,
        answered_at: None,
    });
    core.changes.send_modify(|count| *count += 1);
    let chaos = core.read(|world| world.settings.call_chaos.clone());
    let effect = core
        .faults
        .meet(operation, calendar.as_deref(), later_page)
        .or_else(|| chaos?.fate(&core.dice, operation));
    request.extensions_mut().insert(Parameters(parameters));
    if let Some(calendar) = calendar.clone() {
        request.extensions_mut().insert(Named(calendar));
    }
    let passport = Passport {
        operation,
        caller,
        quota_user,
    };
    let run = carry_out(&core, passport, request, next);
    let response = play(&core, &cut, operation, calendar.as_deref(), effect, run).await;
    let reason = response
        .extensions()
        .get::<Reason>()
        .map(|reason| reason.0.clone());
    let status = (!cut.is_cut()).then(|| response.status().as_u16());
    if let Some(AskedFor(subject)) = response.extensions().get() {
        core.ledger.name(number, subject);
    }
    core.ledger.finish(number, Utc::now(), status, reason);
    core.changes.send_modify(|count| *count += 1);
    response
}

/// Plays a fault around, or instead of, the call itself.
async fn play(
    core: &Arc<Core>,
    cut: &Cut,
    operation: Operation,
    calendar: Option<&str>,
    effect: Option<Effect>,
    run: impl Future<Output = Response>,
) -> Response {
    match effect {
        None => run.await,
        Some(Effect::Answer {
            status,
            reason,
            retry_after,
            newer_envelope,
        }) => {
            if operation.is_oauth() {
                return token::refuse(status, &reason, &reason);
            }
            let newer = newer_envelope || core.read(|world| world.settings.newer_envelope);
            envelope::refuse(
                &envelope::made_up(status, &reason),
                newer,
                retry_after.as_deref(),
            )
        }
        Some(Effect::Html502) => envelope::html_502(),
        Some(Effect::Garbage) => envelope::garbage(),
        Some(Effect::WithoutSyncToken) => envelope::without(run.await, "nextSyncToken").await,
        Some(Effect::WithoutItems) => envelope::without(run.await, "items").await,
        Some(Effect::CloseConnection) => {
            cut.cut();
            closed(Response::default())
        }
        Some(Effect::CommitThenClose) => {
            let response = run.await;
            cut.cut();
            closed(response)
        }
        Some(Effect::Delay { delay }) => {
            tokio::time::sleep(delay).await;
            run.await
        }
        Some(Effect::Share {
            with,
            role,
            tokens_survive,
        }) => {
            if let Some(calendar) = calendar {
                core.act(|world| world.share_in_passing(calendar, &with, role, tokens_survive));
            }
            run.await
        }
        Some(Effect::Hold { hold }) => {
            stand_still(core, hold).await;
            run.await
        }
        Some(Effect::HoldAnswer { hold }) => {
            let response = run.await;
            stand_still(core, hold).await;
            response
        }
    }
}

async fn stand_still(core: &Arc<Core>, hold: u64) {
    if let Some(hold) = core.faults.find_hold(hold) {
        tokio::select! {
            () = hold.wait_here() => {}
            () = core.shutdown.cancelled() => {}
        }
    }
}

fn closed(mut response: Response) -> Response {
    response
        .extensions_mut()
        .insert(Reason("connection closed".to_owned()));
    response
}

/// Checks token, quota and scopes, runs the handler and writes its refusal.
async fn carry_out(
    core: &Arc<Core>,
    passport: Passport,
    mut request: Request,
    next: Next,
) -> Response {
    let response = match check(core, passport) {
        Err(error) => error.into_response(),
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
    };
    match response.extensions().get::<ApiError>() {
        None => response,
        Some(error) => envelope::refuse(
            error,
            core.read(|world| world.settings.newer_envelope),
            None,
        ),
    }
}

/// The caller of a call that may go on; OAuth's endpoints have none.
fn check(core: &Arc<Core>, passport: Passport) -> Result<Option<Caller>, ApiError> {
    if passport.operation.is_oauth() {
        return Ok(None);
    }
    let caller = passport.caller?;
    if passport
        .quota_user
        .as_ref()
        .is_some_and(|user| user.len() > 40)
        && passport.quota_user.as_deref() != Some(caller.charged())
    {
        return Err(ApiError::invalid_parameter("quotaUser", "Invalid value."));
    }
    let quota_user = passport.quota_user.unwrap_or_default();
    let api = passport.operation.api();
    let admitted = core.act(|world| world.admit(api, &quota_user));
    if !admitted {
        let as_429 = core.read(|world| world.settings.quota_answers_429);
        return Err(ApiError::rate_limited(if as_429 { 429 } else { 403 }));
    }
    if !caller.has_any(scopes_for(passport.operation)) {
        return Err(ApiError::insufficient_scope());
    }
    if passport.operation.writes() {
        core.read(|world| world.check_usage_limits(&caller.subject))?;
    }
    let off = core.read(|world| {
        world
            .user(&caller.subject)
            .is_some_and(|user| user.calendar_off)
    });
    if off && api == Api::Calendar {
        return Err(ApiError::not_a_calendar_user());
    }
    Ok(Some(caller))
}

fn scopes_for(operation: Operation) -> &'static [&'static str] {
    match operation {
        Operation::List
        | Operation::Instances
        | Operation::Get
        | Operation::Watch
        | Operation::Stop => &[
            CALENDAR,
            CALENDAR_READONLY,
            EVENTS,
            EVENTS_READONLY,
            EVENTS_OWNED,
            EVENTS_OWNED_READONLY,
            EVENTS_FREEBUSY,
            APP_CREATED,
        ],
        Operation::Insert
        | Operation::Patch
        | Operation::Update
        | Operation::Move
        | Operation::Delete => &[CALENDAR, EVENTS, EVENTS_OWNED, APP_CREATED],
        Operation::ResourcesList | Operation::ResourcesGet => &[RESOURCES, RESOURCES_READONLY],
        Operation::CalendarGet => &calendars::READ,
        Operation::CalendarInsert => &calendars::WRITE,
        Operation::FreeBusy => &free_busy::SCOPES,
        Operation::UsersGet => &[USERS, USERS_READONLY],
        Operation::Authorize | Operation::Revoke | Operation::Certs | Operation::Token => &[],
    }
}

fn resolve(calendar: &str, caller: Option<&Caller>) -> String {
    match caller {
        Some(caller) if calendar == "primary" => caller.subject.clone(),
        _ => calendar.to_lowercase(),
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
