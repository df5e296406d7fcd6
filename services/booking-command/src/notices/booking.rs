//! About a booking: who is concerned, which object, when.

use roomsync_domain::{BookingId, MailAddress, TenantId};
use roomsync_postgres::Database;
use roomsync_proto::internal::v1 as pb;

use crate::{status::CommandError, validate::stamp};

/// What a mail about the booking needs to say. Titles only where the tenant stores them, and never that of a
/// private booking.
pub(super) async fn read(
    database: &Database,
    tenant: &TenantId,
    booking: BookingId,
) -> Result<pb::GetBookingNoticeResponse, CommandError> {
    let query = sqlx::query!(
        r#"
        -- booking.notices.booking
        SELECT b.starts_at, b.ends_at, b.organizer_mail, b.declined_by_kind,
            CASE WHEN t.store_titles AND NOT b.private THEN b.title END AS title,
            o.name, o.location, o.time_zone,
            coalesce(nullif(u.locale, ''), t.locale) AS "locale!",
            booker.mail AS "booker_mail?",
            decliner.mail AS "declined_by_mail?"
        FROM booking.bookings b
        JOIN booking.tenants t ON t.tenant_id = b.tenant_id
        JOIN booking.objects o ON o.tenant_id = b.tenant_id AND o.object_id = b.object_id
        LEFT JOIN booking.users u
            ON b.booker_kind = 'user' AND u.tenant_id = b.tenant_id AND u.user_id = b.booker_id
        LEFT JOIN booking.user_mails booker
            ON booker.tenant_id = u.tenant_id AND booker.user_id = u.user_id AND NOT booker.is_alias
        LEFT JOIN booking.user_mails decliner
            ON b.declined_by_kind IN ('user', 'administrator')
            AND decliner.tenant_id = b.tenant_id
            AND decliner.user_id = b.declined_by_id
            AND NOT decliner.is_alias
        WHERE b.tenant_id = $1 AND b.booking_id = $2
        "#,
        tenant.as_str(),
        booking.0,
    )
    .fetch_optional(database.pool());
    let row = database.answer(query).await?;
    let row = row.ok_or(CommandError::NotFound("BOOKING_NOT_FOUND"))?;
    Ok(pb::GetBookingNoticeResponse {
        booker_mail: row.booker_mail.unwrap_or_default(),
        organizer_mail: row
            .organizer_mail
            .filter(|it| is_person(it))
            .unwrap_or_default(),
        locale: row.locale,
        object_name: row.name,
        location: row.location,
        time_zone: row.time_zone,
        starts_at: Some(stamp(row.starts_at)),
        ends_at: Some(stamp(row.ends_at)),
        declined_by_mail: row.declined_by_mail.unwrap_or_default(),
        title: row.title.unwrap_or_default(),
        declined_by_kind: row.declined_by_kind.unwrap_or_default(),
    })
}

/// Calendars organise events, too: rooms, and the calendar "Flexopus". They have addresses below one domain.
fn is_person(mail: &str) -> bool {
    let mail: Option<MailAddress> = mail.parse().ok();
    mail.is_some_and(|mail| !format!(".{}", mail.domain()).ends_with(".calendar.google.com"))
}

#[cfg(test)]
mod tests {
    use super::is_person;

    #[rstest::rstest]
    #[case("ana@example.com", true)]
    #[case("ana@notcalendar.google.com", true)]
    #[case("c_188a@resource.calendar.google.com", false)]
    #[case("c_1@group.calendar.google.com", false)]
    #[case("x@calendar.google.com", false)]
    #[case("not an address", false)]
    fn calendars_are_no_persons(#[case] mail: &str, #[case] expected: bool) {
        assert_eq!(is_person(mail), expected);
    }
}
