//! Refusals in Google's words. `http::envelope` writes them as JSON.

/// One refusal of the Calendar or Directory API.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) domain: &'static str,
    /// The parameter or header at fault.
    pub(crate) location: Option<(&'static str, &'static str)>,
    /// `details[].reason` of the newer envelope.
    pub(crate) detail: Option<&'static str>,
}

impl ApiError {
    pub(crate) fn new(status: u16, reason: &str, message: &str) -> Self {
        Self {
            status,
            reason: reason.to_owned(),
            message: message.to_owned(),
            domain: "global",
            location: None,
            detail: None,
        }
    }

    fn at(mut self, kind: &'static str, name: &'static str) -> Self {
        self.location = Some((kind, name));
        self
    }

    pub(crate) fn invalid(message: &str) -> Self {
        Self::new(400, "invalid", message)
    }

    pub(crate) fn invalid_parameter(name: &'static str, message: &str) -> Self {
        Self::new(400, "invalid", message).at("parameter", name)
    }

    pub(crate) fn bad_request(message: &str) -> Self {
        Self::new(400, "badRequest", message)
    }

    pub(crate) fn required(what: &str) -> Self {
        Self::new(400, "required", &format!("Missing {what}."))
    }

    pub(crate) fn time_range_empty() -> Self {
        let message = "The specified time range is empty.";
        Self {
            domain: "calendar",
            ..Self::new(400, "timeRangeEmpty", message)
        }
        .at("parameter", "timeMax")
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "authError", "Invalid Credentials").at("header", "Authorization")
    }

    pub(crate) fn insufficient_scope() -> Self {
        Self {
            detail: Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
            ..Self::new(
                403,
                "insufficientPermissions",
                "Request had insufficient authentication scopes.",
            )
        }
    }

    pub(crate) fn writer_needed() -> Self {
        Self {
            domain: "calendar",
            ..Self::new(
                403,
                "requiredAccessLevel",
                "You need to have writer access to this calendar.",
            )
        }
    }

    pub(crate) fn reader_needed() -> Self {
        Self {
            domain: "calendar",
            ..Self::new(
                403,
                "requiredAccessLevel",
                "You need to have reader access to this calendar.",
            )
        }
    }

    pub(crate) fn non_organizer() -> Self {
        Self {
            domain: "calendar",
            ..Self::new(
                403,
                "forbiddenForNonOrganizer",
                "Shared properties can only be changed by the organizer of the event.",
            )
        }
    }

    pub(crate) fn not_an_admin() -> Self {
        Self::new(
            403,
            "forbidden",
            "Not Authorized to access this resource/api",
        )
    }

    pub(crate) fn not_a_calendar_user() -> Self {
        Self::new(
            403,
            "notACalendarUser",
            "The user must be signed up for Google Calendar.",
        )
    }

    pub(crate) fn rate_limited(status: u16) -> Self {
        Self {
            domain: "usageLimits",
            detail: Some("RATE_LIMIT_EXCEEDED"),
            ..Self::new(status, "rateLimitExceeded", "Rate Limit Exceeded")
        }
    }

    pub(crate) fn usage_limits_exceeded() -> Self {
        Self {
            domain: "usageLimits",
            ..Self::new(403, "quotaExceeded", "Calendar usage limits exceeded.")
        }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "notFound", "Not Found")
    }

    pub(crate) fn duplicate() -> Self {
        Self::new(409, "duplicate", "The requested identifier already exists.")
    }

    pub(crate) fn full_sync_required() -> Self {
        Self {
            domain: "calendar",
            ..Self::new(
                410,
                "fullSyncRequired",
                "Sync token is no longer valid, a full sync is required.",
            )
        }
        .at("parameter", "syncToken")
    }

    pub(crate) fn updated_min_too_long_ago() -> Self {
        Self {
            domain: "calendar",
            ..Self::new(
                410,
                "updatedMinTooLongAgo",
                "The requested minimum modification time lies too far in the past.",
            )
        }
        .at("parameter", "updatedMin")
    }

    pub(crate) fn deleted() -> Self {
        Self::new(410, "deleted", "Resource has been deleted")
    }

    pub(crate) fn condition_not_met() -> Self {
        Self::new(412, "conditionNotMet", "Precondition Failed").at("header", "If-Match")
    }
}
