//! What each kind of line means.

use chrono_tz::Europe::Berlin;

use super::*;

fn starts(first: &str, lines: &[&str]) -> Vec<String> {
    let whole_days = first.len() == 8;
    let base = Base {
        first: read_time(first, Berlin)
            .expect("the test's time is valid")
            .0,
        zone: Berlin,
        whole_days,
    };
    let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
    Recurrence::read(&lines, base)
        .expect("the test's lines are valid")
        .between(None, None, 5)
        .into_iter()
        .map(|local| local.format("%m-%d %H:%M").to_string())
        .collect()
}

#[test]
fn until_may_be_a_date_an_instant_or_a_local_time() {
    let two = ["03-01 09:00", "03-02 09:00"];
    for until in ["20270302", "20270302T080000Z", "20270302T090000"] {
        let line = format!("RRULE:FREQ=DAILY;UNTIL={until}");
        assert_eq!(starts("20270301T090000", &[&line]), two, "{until}");
    }
    let line = "RRULE:FREQ=DAILY;UNTIL=20270302T075959Z";
    assert_eq!(starts("20270301T090000", &[line]), ["03-01 09:00"]);
    assert_eq!(
        starts("20270301", &["RRULE:FREQ=DAILY;UNTIL=20270302T120000Z"]).len(),
        2
    );
}

#[test]
fn until_before_the_first_occurrence_leaves_nothing() {
    assert!(starts("20270301T090000", &["RRULE:FREQ=DAILY;UNTIL=20270201"]).is_empty());
}

#[test]
fn a_day_of_the_month_in_a_yearly_rule_means_once_a_year() {
    let line = "RRULE:FREQ=YEARLY;BYMONTHDAY=2;COUNT=2";
    assert_eq!(
        starts("20270302T090000", &[line]),
        ["03-02 09:00", "03-02 09:00"]
    );
}

#[test]
fn several_rules_are_united_without_doubles() {
    let lines = [
        "RRULE:FREQ=DAILY;COUNT=2",
        "RRULE:FREQ=DAILY;INTERVAL=2;COUNT=2",
    ];
    assert_eq!(
        starts("20270301T090000", &lines),
        ["03-01 09:00", "03-02 09:00", "03-03 09:00"]
    );
}

#[test]
fn dates_alone_keep_the_first_occurrence() {
    let lines = ["RDATE;TZID=Europe/London:20270305T080000"];
    assert_eq!(
        starts("20270301T090000", &lines),
        ["03-01 09:00", "03-05 09:00"]
    );
    let odd = ["RRULE:DATE;TZID=Europe/Berlin:20270305T090000"];
    assert_eq!(starts("20270301T090000", &odd).len(), 2);
    let period = ["RDATE;VALUE=PERIOD:20270305T080000Z/PT1H"];
    assert_eq!(starts("20270301T090000", &period)[1], "03-05 09:00");
}

#[test]
fn exdates_and_exrules_take_occurrences_away() {
    let lines = ["RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20270302T080000Z"];
    assert_eq!(
        starts("20270301T090000", &lines),
        ["03-01 09:00", "03-03 09:00"]
    );
    let lines = [
        "RRULE:FREQ=DAILY;COUNT=3",
        "EXRULE:FREQ=DAILY;INTERVAL=2;COUNT=2",
    ];
    assert_eq!(starts("20270301T090000", &lines), ["03-02 09:00"]);
    let lines = ["RRULE:FREQ=DAILY;COUNT=2", "EXDATE;VALUE=DATE:20270302"];
    assert_eq!(starts("20270301", &lines), ["03-01 00:00"]);
}

#[test]
fn unreadable_lines_are_refused() {
    let base = Base {
        first: NaiveDateTime::default(),
        zone: Berlin,
        whole_days: false,
    };
    for line in [
        "DTSTART:20270301T090000Z",
        "RRULE:FREQ=SOMETIMES",
        "nonsense",
        "RDATE:x",
    ] {
        assert!(
            Recurrence::read(&[line.to_owned()], base).is_err(),
            "{line}"
        );
    }
}
