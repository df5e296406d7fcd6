//! Ids as Google makes them.

use rand::Rng as _;

const BASE32HEX: &[u8] = b"0123456789abcdefghijklmnopqrstuv";

/// Text of random base32hex characters.
pub(crate) fn random(length: usize) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test tool's ids need no fixed randomness"
    )]
    let mut rng = rand::rng();
    (0..length)
        .map(|_| char::from(BASE32HEX[rng.random_range(0..BASE32HEX.len())]))
        .collect()
}

/// A number between two bounds, for message numbers that grow without being consecutive.
pub(crate) fn step(most: u64) -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test tool's numbers need no fixed randomness"
    )]
    rand::rng().random_range(1..=most)
}

/// Whether a client may choose this id: `[0-9a-v]{5,1024}`.
pub(crate) fn may_be_chosen(id: &str) -> bool {
    (5..=1024).contains(&id.len()) && id.bytes().all(|byte| BASE32HEX.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_ids_are_base32hex_of_five_to_1024_characters() {
        assert!(may_be_chosen("0123v"));
        assert!(may_be_chosen(&"a".repeat(1024)));
        for bad in ["0123", "0123w", "0123-4567", "ABCDE", &"a".repeat(1025)] {
            assert!(!may_be_chosen(bad), "{bad}");
        }
    }
}
