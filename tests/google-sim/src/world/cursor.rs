//! What sync and page tokens carry. To clients they are opaque text.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// Where a listing stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    pub(crate) kind: Kind,
    pub(crate) calendar: String,
    pub(crate) generation: u64,
    /// The parameters that it is bound to.
    pub(crate) parameters: u64,
    /// A delta begins after this count; `None` in a full listing.
    pub(crate) since: Option<u64>,
    /// Changes after this count are left to the next delta.
    pub(crate) upto: u64,
    /// The last item's place on the page before.
    pub(crate) after: Option<Place>,
    /// The page before was an empty one.
    pub(crate) blank: bool,
}

/// Where an item stands in its listing: by class, then by count, then by id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place(pub(crate) u8, pub(crate) u64, pub(crate) String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Sync,
    Page,
}

impl Cursor {
    pub(crate) fn write(&self) -> String {
        // Numbers and text always have a JSON form.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    pub(crate) fn read(token: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()
    }
}
