//! What an administrator should know before linking (D21): what will not work, and for how many rooms.

use roomsync_proto::integration::v1 as proto;

/// Something that will not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Warning {
    reason: &'static str,
    detail: &'static str,
    rooms: usize,
    probed: usize,
}

/// What was seen of some rooms.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Probed {
    pub(super) rooms: usize,
    pub(super) unreadable: usize,
    /// Can be read, not written.
    pub(super) unwritable: usize,
}

impl Warning {
    pub(super) fn optional_scope(scope: &'static str) -> Self {
        Self {
            reason: "OPTIONAL_SCOPE_MISSING",
            detail: scope,
            rooms: 0,
            probed: 0,
        }
    }

    pub(super) fn no_rooms() -> Self {
        Self {
            reason: "NO_ROOMS",
            detail: "",
            rooms: 0,
            probed: 0,
        }
    }

    pub(super) fn to_proto(&self) -> proto::ConnectWarning {
        let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        proto::ConnectWarning {
            reason: self.reason.to_owned(),
            detail: self.detail.to_owned(),
            rooms: count(self.rooms),
            rooms_probed: count(self.probed),
        }
    }
}

/// What was seen of the rooms, said as warnings.
pub(super) fn of_rooms(probed: Probed) -> Vec<Warning> {
    let warn = |reason, rooms| Warning {
        reason,
        detail: "",
        rooms,
        probed: probed.rooms,
    };
    [
        warn("ROOMS_NOT_READABLE", probed.unreadable),
        warn("ROOMS_NOT_WRITABLE", probed.unwritable),
    ]
    .into_iter()
    .filter(|warning| warning.rooms > 0)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(5, 0, 0, &[])]
    #[case(5, 2, 0, &["ROOMS_NOT_READABLE 2/5"])]
    #[case(3, 1, 2, &["ROOMS_NOT_READABLE 1/3", "ROOMS_NOT_WRITABLE 2/3"])]
    fn rooms_are_counted(
        #[case] rooms: usize,
        #[case] unreadable: usize,
        #[case] unwritable: usize,
        #[case] expected: &[&str],
    ) {
        let probed = Probed {
            rooms,
            unreadable,
            unwritable,
        };
        let told: Vec<String> = of_rooms(probed)
            .iter()
            .map(Warning::to_proto)
            .map(|it| format!("{} {}/{}", it.reason, it.rooms, it.rooms_probed))
            .collect();
        assert_eq!(told, expected);
    }
}
