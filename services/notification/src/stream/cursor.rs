//! The cursor a subscriber keeps: where it stands, in which log. Opaque to it.
//!
//! `v1.` and base64url of the log's id (16 bytes) and the position (8 bytes). The id is random per
//! tenant and per making of the log: a cursor of another tenant, or of a log that no longer exists,
//! does not fit, and cannot be made up from a tenant's name.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::log::tenants::TenantLog;

const VERSION: &str = "v1.";

/// The cursor is older than the log, or not of this log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is older than the log or not of this tenant")]
pub struct CursorExpired;

/// The cursor after a position.
pub fn encode(log_id: Uuid, position: i64) -> String {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(log_id.as_bytes());
    bytes[16..].copy_from_slice(&position.to_be_bytes());
    format!("{VERSION}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The position that `cursor` names, if everything after it is still in `log`.
pub fn decode(cursor: &str, log: &TenantLog) -> Result<i64, CursorExpired> {
    let text = cursor.strip_prefix(VERSION).ok_or(CursorExpired)?;
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorExpired)?;
    let bytes: [u8; 24] = bytes.try_into().map_err(|_| CursorExpired)?;
    let (log_id, position) = bytes.split_at(16);
    if log_id != log.log_id.as_bytes() {
        return Err(CursorExpired);
    }
    let position = i64::from_be_bytes(position.try_into().map_err(|_| CursorExpired)?);
    // A position behind the end would be of a log that was restored from an older copy.
    if (log.floor..=log.last_position).contains(&position) {
        Ok(position)
    } else {
        Err(CursorExpired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: TenantLog = TenantLog {
        log_id: Uuid::from_u128(7),
        floor: 10,
        last_position: 20,
    };

    #[rstest::rstest]
    #[case::just_below_the_log(9, false)]
    #[case::at_its_floor(10, true)]
    #[case::within(15, true)]
    #[case::at_its_end(20, true)]
    #[case::behind_its_end(21, false)]
    fn a_cursor_is_good_while_everything_after_it_is_there(#[case] at: i64, #[case] good: bool) {
        let read = decode(&encode(LOG.log_id, at), &LOG);
        assert_eq!(read, if good { Ok(at) } else { Err(CursorExpired) });
    }

    #[test]
    fn a_cursor_of_another_log_is_expired() {
        assert_eq!(
            decode(&encode(Uuid::from_u128(8), 15), &LOG),
            Err(CursorExpired)
        );
    }

    #[rstest::rstest]
    #[case("v1.")]
    #[case("v1.AAAA")]
    #[case("v2.AAAAAAAAAAAAAAAAAAAABwAAAAAAAAAP")]
    #[case("15")]
    fn what_is_no_cursor_is_expired(#[case] text: &str) {
        assert_eq!(decode(text, &LOG), Err(CursorExpired));
    }
}
