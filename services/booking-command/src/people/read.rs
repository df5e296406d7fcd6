//! Reads the users of a request, naming the field that is not as it should be.

use std::collections::{BTreeMap, HashSet};

use roomsync_domain::{MailAddress, UserId};
use roomsync_proto::integration::v1 as proto;

use crate::{status::CommandError, validate};

const MOST_USERS: usize = 1000;
const MOST_ALIASES: usize = 50;

/// A user with all addresses.
#[derive(Debug)]
pub(super) struct User {
    pub(super) id: UserId,
    pub(super) locale: String,
}

/// One address, and where in the request it stands.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) user: UserId,
    pub(super) is_alias: bool,
    pub(super) field: String,
}

/// What a request says about users.
#[derive(Debug, Default)]
pub(super) struct Users {
    pub(super) users: Vec<User>,
    pub(super) addresses: BTreeMap<MailAddress, Address>,
}

/// `ALREADY_EXISTS` `MAIL_TAKEN`.
pub(super) fn mail_taken(field: &str) -> CommandError {
    CommandError::AlreadyExists {
        reason: "MAIL_TAKEN",
        metadata: vec![("field", field.to_owned())],
    }
}

/// The users of a request; none of them twice, no address with two of them.
pub(super) fn users(sent: &[proto::User]) -> Result<Users, CommandError> {
    validate::at_most("users", sent, MOST_USERS, "at most 1000 users")?;
    let mut read = Users::default();
    let mut seen = HashSet::new();
    for (index, sent) in sent.iter().enumerate() {
        let path = format!("users[{index}]");
        let id: UserId = validate::id(format_args!("{path}.user_id"), &sent.user_id)?;
        if !seen.insert(id.clone()) {
            return Err(CommandError::invalid(
                format!("{path}.user_id"),
                "each user once",
            ));
        }
        if !is_locale(&sent.locale) {
            let expected = "a BCP 47 tag such as `de-CH`, or nothing";
            return Err(CommandError::invalid(format!("{path}.locale"), expected));
        }
        let aliases = format!("{path}.aliases");
        validate::at_most(&aliases, &sent.aliases, MOST_ALIASES, "at most 50 aliases")?;
        read.add(&id, &sent.mail, false, format!("{path}.mail"))?;
        for (index, alias) in sent.aliases.iter().enumerate() {
            read.add(&id, alias, true, format!("{aliases}[{index}]"))?;
        }
        read.users.push(User {
            id,
            locale: sent.locale.clone(),
        });
    }
    Ok(read)
}

impl Users {
    fn add(
        &mut self,
        user: &UserId,
        text: &str,
        is_alias: bool,
        field: String,
    ) -> Result<(), CommandError> {
        let mail = validate::mail(&field, text)?;
        match self.addresses.get(&mail) {
            Some(known) if known.user != *user => Err(mail_taken(&field)),
            // The same address twice with one user, e.g. as mail and alias: the first one counts.
            Some(_) => Ok(()),
            None => {
                self.addresses.insert(
                    mail,
                    Address {
                        user: user.clone(),
                        is_alias,
                        field,
                    },
                );
                Ok(())
            }
        }
    }
}

/// Whether a text has the form of a language tag; which ones exist is the main app's knowledge.
fn is_locale(text: &str) -> bool {
    let part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    text.is_empty() || (text.len() <= 35 && text.split('-').all(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str, mail: &str, aliases: &[&str]) -> proto::User {
        proto::User {
            user_id: id.to_owned(),
            mail: mail.to_owned(),
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            locale: "de".to_owned(),
        }
    }

    #[test]
    fn addresses_are_lower_case_and_an_address_given_twice_counts_once() {
        let read = users(&[user(
            "u1",
            "Ada@Example.com",
            &["ADA@example.com", "a@example.com"],
        )]);
        let read = read.unwrap();
        let mails: Vec<_> = read
            .addresses
            .iter()
            .map(|(m, a)| (m.as_str(), a.is_alias))
            .collect();
        assert_eq!(mails, [("a@example.com", true), ("ada@example.com", false)]);
    }

    #[test]
    fn an_address_with_two_users_of_one_request_is_taken() {
        let sent = [
            user("u1", "a@example.com", &[]),
            user("u2", "b@x.com", &["A@Example.com"]),
        ];
        let CommandError::AlreadyExists { reason, metadata } = users(&sent).unwrap_err() else {
            panic!("another error")
        };
        assert_eq!(reason, "MAIL_TAKEN");
        assert_eq!(metadata, [("field", "users[1].aliases[0]".to_owned())]);
    }

    #[rstest::rstest]
    #[case(user("", "a@example.com", &[]), "users[0].user_id")]
    #[case(user("u1", "a.example.com", &[]), "users[0].mail")]
    #[case(user("u1", "", &[]), "users[0].mail")]
    #[case(user("u1", "a@example.com", &["b"]), "users[0].aliases[0]")]
    #[case(user("u1", "a@example.com", &["b@x.com"; 51]), "users[0].aliases")]
    #[case(proto::User { locale: "d_e".to_owned(), ..user("u", "a@x.com", &[]) }, "users[0].locale")]
    fn the_bad_field_is_named(#[case] bad: proto::User, #[case] field: &str) {
        let error = users(&[bad]).unwrap_err();
        assert!(
            matches!(&error, CommandError::InvalidField { field: f, .. } if f == field),
            "{error}"
        );
    }

    #[test]
    fn a_user_given_twice_is_refused() {
        let sent = [
            user("u1", "a@example.com", &[]),
            user("u1", "b@example.com", &[]),
        ];
        assert!(
            users(&sent)
                .unwrap_err()
                .to_string()
                .contains("users[1].user_id")
        );
    }
}
