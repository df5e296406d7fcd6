//! A simulator with one organisation, and a client that calls it as Google's users would.

use std::time::Duration;

use google_sim::{
    Answer, Control, NewEvent, NewRoom, OrgControl, Role, RoomControl, Settings, Sim, SimConfig,
    SimHandle, UserControl, When, scopes,
};
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// acme.test with an administrator, two users, the account that keeps the rooms, and one room.
pub(crate) struct Acme {
    pub(crate) sim: SimHandle,
    pub(crate) control: Control,
    pub(crate) org: OrgControl,
    pub(crate) alice: UserControl,
    pub(crate) bob: UserControl,
    pub(crate) room: RoomControl,
    http: reqwest::Client,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn reason(&self) -> &str {
        self.body["error"]["errors"][0]["reason"]
            .as_str()
            .unwrap_or_default()
    }

    pub(crate) fn ids(&self) -> Vec<&str> {
        self.items()
            .iter()
            .filter_map(|item| item["id"].as_str())
            .collect()
    }

    pub(crate) fn items(&self) -> &[Value] {
        self.body["items"].as_array().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_default().to_owned()
    }
}

impl Acme {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut config = SimConfig::default();
        config.settings.room_answer_delay = Duration::from_millis(5);
        config.settings.push_retry_delay = Duration::from_millis(5);
        change(&mut config.settings);
        let sim = Sim::start(config).await.expect("the simulator starts");
        let control = sim.control.clone();
        let org = control.add_org("acme.test");
        org.add_user("admin@acme.test", true)
            .expect("the administrator is new");
        org.add_user("rooms@acme.test", false)
            .expect("the rooms' keeper is new");
        let alice = org
            .add_user("alice@acme.test", false)
            .expect("alice is new");
        let bob = org.add_user("bob@acme.test", false).expect("bob is new");
        let room = add_room(&org, "Aquarium");
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .expect("a plain client can be built");
        Self {
            sim,
            control,
            org,
            alice,
            bob,
            room,
            http,
        }
    }

    /// A room in Berlin that `rooms@acme.test` may write.
    pub(crate) fn another_room(&self, name: &str) -> RoomControl {
        add_room(&self.org, name)
    }

    pub(crate) fn token(&self, user: &str) -> String {
        self.control
            .user_token(user, &[scopes::EVENTS, scopes::RESOURCES_READONLY])
    }

    /// A call as a user with the usual scopes; `path` lies under `/calendar/v3/`.
    pub(crate) async fn call(
        &self,
        user: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Reply {
        self.call_with(&self.token(user), method, path, body, &[])
            .await
    }

    pub(crate) async fn call_with(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Reply {
        let url = format!("{}{path}", self.sim.urls.calendar_url);
        let mut request = self.http.request(method, url).bearer_auth(token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request.send().await.expect("the simulator answers")).await
    }

    pub(crate) async fn directory(&self, token: &str, path: &str) -> Reply {
        let url = format!(
            "{}admin/directory/v1/customer/my_customer/resources/calendars{path}",
            self.sim.urls.directory_url
        );
        read(
            self.http
                .get(url)
                .bearer_auth(token)
                .send()
                .await
                .expect("the simulator answers"),
        )
        .await
    }

    pub(crate) async fn grant(&self, assertion: &str) -> Reply {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion),
        ];
        let request = self.http.post(&self.sim.urls.token_url).form(&form);
        read(request.send().await.expect("the simulator answers")).await
    }

    /// A page as a browser without an account gets it; it does not follow redirects.
    pub(crate) async fn get_page(&self, url: &str) -> Reply {
        read(
            self.http
                .get(url)
                .send()
                .await
                .expect("the simulator answers"),
        )
        .await
    }

    pub(crate) async fn post_form(&self, url: &str, form: &impl serde::Serialize) -> Reply {
        let request = self.http.post(url).form(form);
        read(request.send().await.expect("the simulator answers")).await
    }

    /// Lists the room's calendar as its keeper; `query` begins with `?` or is empty.
    pub(crate) async fn list(&self, query: &str) -> Reply {
        let path = format!("calendars/{}/events{query}", self.room.mail());
        self.call("rooms@acme.test", Method::GET, &path, None).await
    }

    /// A call that gets no answer.
    pub(crate) async fn broken_call(&self, method: Method, path: &str, body: Value) -> bool {
        let url = format!("{}{path}", self.sim.urls.calendar_url);
        let request = self
            .http
            .request(method, url)
            .bearer_auth(self.token("alice@acme.test"));
        request.json(&body).send().await.is_err()
    }

    /// A meeting of alice's in the room that the room has answered.
    pub(crate) async fn meeting(&self, event: NewEvent) -> (String, Answer) {
        let id = self
            .alice
            .insert_event(event.in_room(self.room.mail()))
            .expect("alice may write her calendar");
        let answer = self
            .room
            .wait_answered(&id, PATIENCE)
            .await
            .expect("the room answers");
        (id, answer)
    }
}

fn add_room(org: &OrgControl, name: &str) -> RoomControl {
    let room = org
        .add_room(NewRoom::named(name).in_zone("Europe/Berlin"))
        .expect("the room is new");
    room.share("rooms@acme.test", Role::Writer)
        .expect("the room exists");
    room
}

async fn read(response: reqwest::Response) -> Reply {
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.bytes().await.expect("the answer arrives whole");
    let body =
        serde_json::from_slice(&text).unwrap_or_else(|_| json!(String::from_utf8_lossy(&text)));
    Reply {
        status,
        headers,
        body,
    }
}

/// A full hour of 1 March 2027, UTC.
pub(crate) fn hour(hour: u32) -> When {
    When {
        date_time: Some(format!("2027-03-01T{hour:02}:00:00Z")),
        date: None,
        time_zone: None,
    }
}

/// A meeting between two full hours of 1 March 2027.
pub(crate) fn between(from: u32, to: u32) -> NewEvent {
    let instant = |hour: u32| {
        chrono::DateTime::from_timestamp(1_803_859_200 + i64::from(hour) * 3600, 0)
            .expect("the year 2027 can be represented")
    };
    NewEvent::timed(instant(from), instant(to)).titled("Jour fixe")
}

/// An hour of a day of March 2027, UTC; in Berlin it is an hour later, from the 28th on two.
pub(crate) fn at(day: u32, hour: u32) -> When {
    When {
        date_time: Some(format!("2027-03-{day:02}T{hour:02}:00:00Z")),
        date: None,
        time_zone: None,
    }
}

/// A series of one hour from 1 March 2027, 9:00 UTC, which is 10:00 in Berlin.
pub(crate) fn repeated(rule: &str) -> NewEvent {
    between(9, 10).in_zone("Europe/Berlin").repeating(rule)
}

/// The body of a meeting between two full hours.
pub(crate) fn body(from: u32, to: u32) -> Value {
    json!({"summary": "Jour fixe", "start": hour(from), "end": hour(to)})
}

/// The answer of somebody on a copy's guest list.
pub(crate) fn answer<'a>(copy: &'a Value, mail: &str) -> Option<&'a str> {
    copy["attendees"]
        .as_array()?
        .iter()
        .find(|entry| entry["email"] == mail)?["responseStatus"]
        .as_str()
}
