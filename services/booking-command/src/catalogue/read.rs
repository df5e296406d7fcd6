//! Reads the objects of a request, naming the field that is not as it should be.

use std::collections::HashSet;

use roomsync_domain::{ObjectId, TimeWindow};
use roomsync_proto::integration::v1 as proto;

use crate::{status::CommandError, validate};

const MOST_OBJECTS: usize = 500;
const MOST_BLOCKED: usize = 1000;

/// An object as the main app describes it.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) id: ObjectId,
    pub(super) name: String,
    pub(super) location: String,
    pub(super) time_zone: String,
    pub(super) capacity: i32,
    pub(super) blocked: Vec<TimeWindow>,
    /// See, never write (B9).
    pub(super) read_only: bool,
}

/// The objects of a request; none of them twice.
pub(super) fn objects(sent: &[proto::Object]) -> Result<Vec<Object>, CommandError> {
    validate::at_most("objects", sent, MOST_OBJECTS, "at most 500 objects")?;
    let mut seen = HashSet::new();
    let mut objects = Vec::with_capacity(sent.len());
    for (index, sent) in sent.iter().enumerate() {
        let object = object(&format!("objects[{index}]"), sent)?;
        if !seen.insert(object.id.clone()) {
            let field = format!("objects[{index}].object_id");
            return Err(CommandError::invalid(field, "each object once"));
        }
        objects.push(object);
    }
    Ok(objects)
}

fn object(path: &str, sent: &proto::Object) -> Result<Object, CommandError> {
    let name = validate::text(
        format_args!("{path}.name"),
        &sent.name,
        1..=200,
        "1 to 200 characters without control characters",
    )?;
    let location = validate::text(
        format_args!("{path}.location"),
        &sent.location,
        0..=200,
        "at most 200 characters without control characters",
    )?;
    let time_zone = validate::time_zone(format_args!("{path}.time_zone"), &sent.time_zone)?;
    if sent.capacity < 0 {
        return Err(CommandError::invalid(
            format!("{path}.capacity"),
            "0 for unknown, or more",
        ));
    }
    let path_of_blocked = format!("{path}.blocked");
    validate::at_most(
        &path_of_blocked,
        &sent.blocked,
        MOST_BLOCKED,
        "at most 1000 windows",
    )?;
    let blocked = sent.blocked.iter().enumerate().map(|(index, window)| {
        validate::window(format_args!("{path_of_blocked}[{index}]"), Some(window))
    });
    Ok(Object {
        id: validate::id(format_args!("{path}.object_id"), &sent.object_id)?,
        name: name.to_owned(),
        location: location.to_owned(),
        time_zone: time_zone.name().to_owned(),
        capacity: sent.capacity,
        blocked: blocked.collect::<Result<_, _>>()?,
        read_only: sent.read_only,
    })
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;
    use roomsync_proto::booking::v1::TimeWindow as Window;

    use super::*;

    fn good() -> proto::Object {
        proto::Object {
            object_id: "o1".to_owned(),
            name: "Aquarium".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            ..proto::Object::default()
        }
    }

    fn window(starts: i64, ends: i64) -> Window {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        Window {
            starts_at: at(starts),
            ends_at: at(ends),
        }
    }

    #[rstest::rstest]
    #[case(proto::Object { object_id: "o 1".to_owned(), ..good() }, "objects[1].object_id")]
    #[case(proto::Object { object_id: "o0".to_owned(), ..good() }, "objects[1].object_id")]
    #[case(proto::Object { name: String::new(), ..good() }, "objects[1].name")]
    #[case(proto::Object { name: "x".repeat(201), ..good() }, "objects[1].name")]
    #[case(proto::Object { location: "x".repeat(201), ..good() }, "objects[1].location")]
    #[case(proto::Object { time_zone: "Berlin".to_owned(), ..good() }, "objects[1].time_zone")]
    #[case(proto::Object { capacity: -1, ..good() }, "objects[1].capacity")]
    #[case(
        proto::Object { blocked: vec![window(1, 2), window(2, 2)], ..good() },
        "objects[1].blocked[1].ends_at"
    )]
    #[case(proto::Object { blocked: vec![window(1, 2); 1001], ..good() }, "objects[1].blocked")]
    fn the_bad_field_is_named(#[case] bad: proto::Object, #[case] field: &str) {
        let first = proto::Object {
            object_id: "o0".to_owned(),
            ..good()
        };
        let error = objects(&[first, bad]).unwrap_err();
        assert!(
            matches!(&error, CommandError::InvalidField { field: f, .. } if f == field),
            "{error}"
        );
    }

    #[test]
    fn more_than_500_objects_are_refused() {
        assert!(
            objects(&vec![good(); 501])
                .unwrap_err()
                .to_string()
                .contains("500")
        );
    }
}
