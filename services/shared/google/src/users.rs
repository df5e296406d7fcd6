//! `users.get`: a person's entry in the Directory, as administrators see it.

use serde::Deserialize;

use crate::{
    Access, Google, GoogleError,
    call::Call,
    lenient::{filled, null_is_default},
};

/// A person of the organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryUser {
    /// Google's id of the organisation; of whatever domain its people are.
    #[serde(default, deserialize_with = "filled")]
    pub customer_id: Option<String>,
    /// The person's primary address.
    #[serde(default, deserialize_with = "filled")]
    pub primary_email: Option<String>,
    /// Super administrator.
    #[serde(default, deserialize_with = "null_is_default")]
    pub is_admin: bool,
    /// Administrator with some rights.
    #[serde(default, deserialize_with = "null_is_default")]
    pub is_delegated_admin: bool,
    /// The account is suspended.
    #[serde(default, deserialize_with = "null_is_default")]
    pub suspended: bool,
}

impl Google {
    /// A person by address, alias or id. [`GoogleError::NotFound`] or [`GoogleError::Forbidden`] for
    /// somebody of another organisation (guessed: which of both), and `Forbidden` when the subject is no
    /// administrator (documented). Needs [`crate::scopes::DIRECTORY_USERS`].
    pub async fn get_user(
        &self,
        access: &Access,
        user: &str,
    ) -> Result<DirectoryUser, GoogleError> {
        let url = self.user_url(user)?;
        self.call_json(Call::UsersGet, access, self.http().get(url))
            .await
    }
}
