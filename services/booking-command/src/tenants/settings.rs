//! What an administrator may set, with the defaults of what is not sent.

use roomsync_proto::integration::v1::TenantSettings;

use crate::{status::CommandError, validate};

/// The settings of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Bookings of linked objects may be declined from Flexopus (R60, R66).
    pub decline_allowed: bool,
    /// See, never write.
    pub read_only: bool,
    /// How far ahead series reach, in days (D14).
    pub horizon_days: i32,
    /// Titles of events are stored (D13).
    pub store_titles: bool,
    /// The neutral title of events made by Flexopus (D15); empty for none.
    pub neutral_title: String,
    /// Persons leave bookings so many days after their end; 0 for never.
    pub anonymise_after_days: i32,
    /// Who is told by mail when the connection degrades, lower case.
    pub administrator_mails: Vec<String>,
    /// Language of mails to whom no language is known: `de` or `en`.
    pub locale: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            decline_allowed: false,
            read_only: false,
            horizon_days: 400,
            store_titles: false,
            neutral_title: String::new(),
            anonymise_after_days: 0,
            administrator_mails: Vec::new(),
            locale: "de".to_owned(),
        }
    }
}

impl Settings {
    /// The settings of a request; what is absent gets its default.
    pub fn of(sent: Option<TenantSettings>) -> Result<Self, CommandError> {
        let sent = sent.unwrap_or_default();
        let default = Self::default();
        let settings = Self {
            decline_allowed: sent.decline_allowed.unwrap_or(default.decline_allowed),
            read_only: sent.read_only.unwrap_or(default.read_only),
            horizon_days: sent.horizon_days.unwrap_or(default.horizon_days),
            store_titles: sent.store_titles.unwrap_or(default.store_titles),
            neutral_title: sent.neutral_title.unwrap_or(default.neutral_title),
            anonymise_after_days: sent
                .anonymise_after_days
                .unwrap_or(default.anonymise_after_days),
            administrator_mails: administrators(&sent.administrator_mails)?,
            locale: sent.locale.unwrap_or(default.locale),
        };
        if !["de", "en"].contains(&settings.locale.as_str()) {
            return Err(CommandError::invalid(
                "tenant.settings.locale",
                "`de` or `en`",
            ));
        }
        if !(30..=730).contains(&settings.horizon_days) {
            return Err(CommandError::invalid(
                "tenant.settings.horizon_days",
                "30 to 730",
            ));
        }
        if !(0..=3650).contains(&settings.anonymise_after_days) {
            let field = "tenant.settings.anonymise_after_days";
            return Err(CommandError::invalid(field, "0 to 3650"));
        }
        validate::text(
            "tenant.settings.neutral_title",
            &settings.neutral_title,
            0..=100,
            "at most 100 characters",
        )?;
        Ok(settings)
    }

    /// As the API says it: every field is present.
    pub fn to_proto(&self) -> TenantSettings {
        TenantSettings {
            decline_allowed: Some(self.decline_allowed),
            read_only: Some(self.read_only),
            horizon_days: Some(self.horizon_days),
            store_titles: Some(self.store_titles),
            neutral_title: Some(self.neutral_title.clone()),
            anonymise_after_days: Some(self.anonymise_after_days),
            administrator_mails: self.administrator_mails.clone(),
            locale: Some(self.locale.clone()),
        }
    }
}

/// How many administrators are told at most.
const MOST_ADMINISTRATORS: usize = 20;

fn administrators(sent: &[String]) -> Result<Vec<String>, CommandError> {
    let field = "tenant.settings.administrator_mails";
    if sent.len() > MOST_ADMINISTRATORS {
        return Err(CommandError::invalid(field, "at most 20 mail addresses"));
    }
    let mails = sent.iter().enumerate().map(|(index, text)| {
        let mail = validate::mail(format!("{field}[{index}]"), text)?;
        Ok(mail.as_str().to_owned())
    });
    mails.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_not_sent_get_their_defaults() {
        assert_eq!(Settings::of(None).unwrap(), Settings::default());
        let sent = TenantSettings {
            horizon_days: Some(30),
            ..TenantSettings::default()
        };
        let settings = Settings::of(Some(sent)).unwrap();
        assert_eq!(
            settings,
            Settings {
                horizon_days: 30,
                ..Settings::default()
            }
        );
    }

    #[rstest::rstest]
    #[case(TenantSettings { horizon_days: Some(29), ..Default::default() }, "horizon_days")]
    #[case(TenantSettings { horizon_days: Some(731), ..Default::default() }, "horizon_days")]
    #[case(TenantSettings { anonymise_after_days: Some(-1), ..Default::default() }, "anonymise")]
    #[case(TenantSettings { locale: Some("fr".to_owned()), ..Default::default() }, "locale")]
    #[case(TenantSettings { administrator_mails: vec!["a@b.example".to_owned(), "nobody".to_owned()], ..Default::default() }, "administrator_mails[1]")]
    #[case(TenantSettings { neutral_title: Some("x".repeat(101)), ..Default::default() }, "title")]
    fn settings_out_of_range_are_refused_by_name(
        #[case] sent: TenantSettings,
        #[case] field: &str,
    ) {
        assert!(
            Settings::of(Some(sent))
                .unwrap_err()
                .to_string()
                .contains(field)
        );
    }
}
