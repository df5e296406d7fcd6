//! The Directory's `users.get`.

use serde_json::{Value, json};

use super::{error::ApiError, grants::Caller, people::User, state::World};

impl World {
    /// Documented: the administrator's view, which is the usual one, is for administrators; the
    /// public view of a colleague is for everybody and says nothing of rights. `key` is an address,
    /// an alias, an id or `me`.
    pub(crate) fn show_user(
        &self,
        caller: &Caller,
        key: &str,
        public: bool,
    ) -> Result<Value, ApiError> {
        let own = self
            .user(&caller.subject)
            .ok_or_else(ApiError::not_an_admin)?;
        if !public && !own.is_any_admin() {
            return Err(ApiError::not_an_admin());
        }
        let org = &self.orgs[&own.org];
        let key = if key == "me" {
            caller.subject.clone()
        } else {
            key.to_lowercase()
        };
        let (mail, user) = org
            .users
            .iter()
            .find(|(mail, user)| **mail == key || user.id == key || user.aliases.contains(&key))
            .ok_or_else(|| ApiError::new(404, "notFound", "Resource Not Found: userKey"))?;
        let name = mail.split('@').next().unwrap_or_default();
        let mut shown = json!({
            "kind": "admin#directory#user",
            "id": user.id,
            "primaryEmail": mail,
            "name": {"givenName": name, "familyName": "", "fullName": name},
        });
        if !public {
            shown["isAdmin"] = json!(user.admin);
            shown["isDelegatedAdmin"] = json!(user.delegated_admin);
            shown["suspended"] = json!(user.suspended);
            shown["customerId"] = json!(org.customer_id);
            shown["orgUnitPath"] = json!("/");
            if !user.aliases.is_empty() {
                shown["aliases"] = json!(user.aliases);
            }
        }
        Ok(shown)
    }
}

impl User {
    /// Whether the Directory is open to this user: a super administrator, or one to whom it was
    /// delegated.
    pub(crate) fn is_any_admin(&self) -> bool {
        self.admin || self.delegated_admin
    }
}
