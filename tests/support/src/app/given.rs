//! What journeys begin with: a tenant, an organisation at Google, a connection, a linked room.

use google_sim::{Control, NewRoom, OrgControl, RoomControl, ServiceAccount, UserControl, scopes};
use roomsync_proto::integration::v1::{
    ConnectWithKeyRequest, ConnectionStatus, DeleteObjectsRequest, GetLinkRequest, Link,
    LinkObjectRequest, LinkState, Object, PutTenantRequest, Tenant, TenantSettings,
    UpsertObjectsRequest, UpsertUsersRequest, User,
};
use tonic::Status;

use super::{FakeBookingApp, Subscriber};

/// What an administrator delegates: reading and declining, the Directory, booking as users, and the
/// shared calendar.
const DELEGATED: [&str; 4] = [
    scopes::EVENTS,
    scopes::RESOURCES_READONLY,
    scopes::EVENTS_OWNED,
    scopes::APP_CREATED,
];

/// An organisation at Google that delegates to a service account.
#[derive(Debug, Clone)]
pub struct Organisation {
    /// Acts on it.
    pub org: OrgControl,
    /// Its super administrator: directory subject and rooms subject.
    pub admin: UserControl,
    /// The tenant's own service account.
    pub account: ServiceAccount,
}

impl Organisation {
    /// Sets it up, with everything delegated that roomsync asks for.
    pub fn given(google: &Control, domain: &str) -> Self {
        let org = google.add_org(domain);
        let admin = org.add_user(&format!("admin@{domain}"), true);
        let admin = admin.unwrap_or_else(|error| panic!("no administrator: {error}"));
        let account = google.service_account(&domain.replace('.', "-"));
        org.delegate(&account, &DELEGATED)
            .unwrap_or_else(|error| panic!("nothing delegated: {error}"));
        Self {
            org,
            admin,
            account,
        }
    }

    /// A room that answers by itself.
    pub fn given_room(&self, name: &str) -> RoomControl {
        let room = self.org.add_room(NewRoom::named(name));
        room.unwrap_or_else(|error| panic!("no room {name}: {error}"))
    }

    /// An ordinary user of the organisation, e.g. `ana`.
    pub fn given_user(&self, name: &str) -> UserControl {
        let mail = format!("{name}@{}", self.org.domain());
        let user = self.org.add_user(&mail, false);
        user.unwrap_or_else(|error| panic!("no user {name}: {error}"))
    }

    /// The key file of its service account.
    pub fn key_json(&self) -> Vec<u8> {
        self.account.key_file.to_string().into_bytes()
    }
}

/// A room that is linked with an object, verified and imported.
#[derive(Debug, Clone)]
pub struct LinkedRoom {
    /// The tenant's id.
    pub tenant: String,
    /// The object's id.
    pub object: String,
    /// Its link as it was when it was imported.
    pub link: Link,
    /// The room at Google.
    pub room: RoomControl,
    /// The room's organisation.
    pub organisation: Organisation,
    /// Follows the tenant's changes from before the link was made.
    pub subscriber: Subscriber,
}

impl FakeBookingApp {
    /// A tenant with the module.
    pub async fn given_tenant(&self, tenant: &str) {
        self.put_tenant(tenant, true, TenantSettings::default())
            .await;
    }

    /// A tenant with or without the module, with settings of its own.
    pub async fn put_tenant(&self, tenant: &str, module_enabled: bool, settings: TenantSettings) {
        let request = PutTenantRequest {
            tenant: Some(Tenant {
                tenant_id: tenant.to_owned(),
                module_enabled,
                settings: Some(settings),
            }),
        };
        must("PutTenant", self.tenants().put_tenant(request).await);
        self.known(|known| {
            known.objects.entry(tenant.to_owned()).or_default();
        });
    }

    /// An object in Europe/Berlin.
    pub async fn given_object(&self, tenant: &str, object: &str) {
        let object = Object {
            object_id: object.to_owned(),
            name: object.to_owned(),
            location: "HQ".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            capacity: 8,
            blocked: Vec::new(),
            read_only: false,
        };
        self.upsert_objects(tenant, vec![object]).await;
    }

    /// Objects with all details.
    pub async fn upsert_objects(&self, tenant: &str, objects: Vec<Object>) {
        let ids: Vec<_> = objects
            .iter()
            .map(|object| object.object_id.clone())
            .collect();
        let request = UpsertObjectsRequest {
            tenant_id: tenant.to_owned(),
            objects,
        };
        must(
            "UpsertObjects",
            self.catalogue().upsert_objects(request).await,
        );
        self.known(|known| {
            known
                .objects
                .entry(tenant.to_owned())
                .or_default()
                .extend(ids);
        });
    }

    /// Deletes an object, which unlinks it.
    pub async fn delete_object(&self, tenant: &str, object: &str) {
        let request = DeleteObjectsRequest {
            tenant_id: tenant.to_owned(),
            object_ids: vec![object.to_owned()],
        };
        must(
            "DeleteObjects",
            self.catalogue().delete_objects(request).await,
        );
        self.known(|known| {
            known
                .objects
                .entry(tenant.to_owned())
                .or_default()
                .remove(object);
            known.links.remove(&(tenant.to_owned(), object.to_owned()));
        });
    }

    /// A user with an address.
    pub async fn given_user(&self, tenant: &str, user: &str, mail: &str) {
        let user = User {
            user_id: user.to_owned(),
            mail: mail.to_owned(),
            aliases: Vec::new(),
            locale: String::new(),
        };
        let request = UpsertUsersRequest {
            tenant_id: tenant.to_owned(),
            users: vec![user],
        };
        must("UpsertUsers", self.people().upsert_users(request).await);
    }

    /// Connects a tenant with an organisation, which must succeed.
    pub async fn connect(&self, tenant: &str, organisation: &Organisation) -> ConnectionStatus {
        let status = self.try_connect(tenant, organisation).await;
        must("ConnectWithKey", status)
    }

    /// Connects a tenant with an organisation.
    pub async fn try_connect(
        &self,
        tenant: &str,
        organisation: &Organisation,
    ) -> Result<ConnectionStatus, Status> {
        let request = ConnectWithKeyRequest {
            tenant_id: tenant.to_owned(),
            key_json: organisation.key_json(),
            directory_subject: organisation.admin.mail().to_owned(),
            rooms_subject: String::new(),
        };
        let answer = self.connections().connect_with_key(request).await?;
        Ok(answer.into_inner().status.unwrap_or_default())
    }

    /// Links an object with a room, which must be accepted; verification runs by itself.
    pub async fn link_object(&self, tenant: &str, object: &str, resource_email: &str) -> Link {
        must(
            "LinkObject",
            self.try_link_object(tenant, object, resource_email).await,
        )
    }

    /// Links an object with a room.
    pub async fn try_link_object(
        &self,
        tenant: &str,
        object: &str,
        resource_email: &str,
    ) -> Result<Link, Status> {
        let request = LinkObjectRequest {
            tenant_id: tenant.to_owned(),
            object_id: object.to_owned(),
            resource_email: resource_email.to_owned(),
        };
        let link = self
            .links()
            .link_object(request)
            .await?
            .into_inner()
            .link
            .unwrap_or_default();
        let key = (tenant.to_owned(), object.to_owned());
        let linked = (link.link_id.clone(), resource_email.to_owned());
        self.known(|known| known.links.insert(key, linked));
        Ok(link)
    }

    /// A link as it is now.
    pub async fn link(&self, tenant: &str, link_id: &str) -> Result<Link, Status> {
        let request = GetLinkRequest {
            tenant_id: tenant.to_owned(),
            link_id: link_id.to_owned(),
        };
        Ok(self
            .links()
            .get_link(request)
            .await?
            .into_inner()
            .link
            .unwrap_or_default())
    }

    /// Waits until a link is what `is` says, and returns it.
    pub async fn wait_link(
        &self,
        what: &str,
        tenant: &str,
        link_id: &str,
        mut is: impl FnMut(&Link) -> bool,
    ) -> Link {
        self.wait_for(what, async || {
            let link = self.link(tenant, link_id).await?;
            Ok(is(&link).then_some(link))
        })
        .await
    }

    /// Waits until a link has its tick.
    pub async fn wait_verified(&self, tenant: &str, link_id: &str) -> Link {
        let verified = |link: &Link| link.state() == LinkState::Verified;
        self.wait_link("the link is verified", tenant, link_id, verified)
            .await
    }

    /// Waits until a link is verified, its first import is complete and its channel is open (or
    /// refused): from then on a change at Google is pushed.
    pub async fn wait_imported(&self, tenant: &str, link_id: &str) -> Link {
        self.wait_link(
            "the link is imported and watched",
            tenant,
            link_id,
            |link| {
                let coverage = link.coverage.as_ref();
                link.state() == LinkState::Verified
                    && link.imported_at.is_some()
                    && coverage
                        .is_some_and(|c| matches!(c.channel_state.as_str(), "open" | "refused"))
            },
        )
        .await
    }

    /// A tenant, connected with an organisation of its own at Google (`<tenant>.example`), a room in
    /// it and an object of the same name, linked, verified, imported and handed over; and a subscriber
    /// that follows from the start. Call it again for a further room of the same tenant.
    pub async fn given_linked_room(
        &self,
        google: &Control,
        tenant: &str,
        name: &str,
    ) -> LinkedRoom {
        let organisation = Organisation::given_once(google, tenant);
        let known = self.known(|known| known.objects.contains_key(tenant));
        if !known {
            self.given_tenant(tenant).await;
            self.connect(tenant, &organisation).await;
        }
        let object = name.to_lowercase().replace(' ', "-");
        self.given_object(tenant, &object).await;
        let subscriber = self.subscriber_of(tenant).await;
        let room = organisation.given_room(name);
        let link = self.link_object(tenant, &object, room.mail()).await;
        let link = self.wait_imported(tenant, &link.link_id).await;
        // The app has no bookings of its own to delete: the object is open again at once (D5).
        let link = must(
            "AcknowledgeReset",
            self.acknowledge(tenant, &link.link_id).await,
        );
        LinkedRoom {
            tenant: tenant.to_owned(),
            object,
            link,
            room,
            organisation,
            subscriber,
        }
    }

    /// The first subscriber of a tenant; a new one if it has none.
    async fn subscriber_of(&self, tenant: &str) -> Subscriber {
        match self
            .subscribers()
            .into_iter()
            .find(|subscriber| subscriber.tenant() == tenant)
        {
            Some(subscriber) => subscriber,
            None => self.subscribe(tenant).await,
        }
    }
}

impl Organisation {
    /// The organisation of a tenant; made at the first call.
    fn given_once(google: &Control, tenant: &str) -> Self {
        let domain = format!("{tenant}.example");
        let org = google.org(&domain);
        let admin = org.user("admin");
        if google.events(admin.mail()).is_ok() {
            let account = google.service_account(&domain.replace('.', "-"));
            return Self {
                org,
                admin,
                account,
            };
        }
        Self::given(google, &domain)
    }
}

fn must<T>(rpc: &str, answer: Result<T, Status>) -> T {
    answer.unwrap_or_else(|status| panic!("{rpc} failed: {status:?}"))
}
