//! The words of a link between an object and a resource calendar.

use crate::words::words;

words! {
    /// The life of a link.
    LinkState {
        /// Not yet verified.
        Pending = "pending",
        /// Google knows the resource and lets us read it.
        Verified = "verified",
        /// Verification failed; a reason says why.
        Failed = "failed",
        /// Being taken down.
        Closing = "closing",
        /// Gone; the id is never reused.
        Removed = "removed",
    }
}

words! {
    /// Why a link is failed, why a pending one is still tried, or why nothing comes of a verified one.
    LinkReason {
        /// The organisation has no resource with this address.
        NotInOrganisation = "not_in_organisation",
        /// The resource exists, its calendar cannot be read by the rooms subject.
        NoCalendarAccess = "no_calendar_access",
        /// The rooms subject sees only free and busy.
        TimesOnly = "times_only",
        /// The connection's access was withdrawn.
        AccessLost = "access_lost",
        /// Google did not answer.
        GoogleUnavailable = "google_unavailable",
        /// The tenant disconnected; the address was kept and is verified again when it connects.
        Disconnected = "disconnected",
    }
}

words! {
    /// What a link can do.
    Capability {
        /// Bookings are mirrored.
        Read = "read",
        /// The room can be declined.
        Decline = "decline",
        /// Users can book it.
        BookAsUser = "book_as_user",
        /// Devices can book it.
        BookAsDevice = "book_as_device",
    }
}
