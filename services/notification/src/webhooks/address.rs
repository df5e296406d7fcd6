//! Where webhooks may be posted to: https, and public addresses only. A tenant names the address, and we
//! stand inside a network: what is not public is none of its business.
//!
//! A name is looked at when it is connected to, by the resolver that the client connects with: what it
//! answers is what is connected to, so a name that changes its mind between two looks wins nothing.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// The longest address that is taken.
pub const LONGEST_URL: usize = 2000;

/// What is let through. Everything off: public https addresses only.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy {
    /// Addresses that are not public.
    pub allow_private: bool,
    /// http without TLS.
    pub allow_http: bool,
}

/// The address leads, or may lead, to where webhooks are not posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address is not public")]
pub struct NotPublic;

/// Whether this is an address to post to, as far as it can be told without looking its name up.
pub fn check(url: &str, policy: Policy) -> Option<Url> {
    // The parser leaves blanks out; what is stored, and shown, would still have them.
    let blank = |letter: char| letter.is_control() || letter.is_whitespace();
    if url.len() > LONGEST_URL || url.chars().any(blank) {
        return None;
    }
    let url = Url::parse(url).ok()?;
    let scheme_fits = url.scheme() == "https" || (policy.allow_http && url.scheme() == "http");
    let anonymous = url.username().is_empty() && url.password().is_none();
    if !scheme_fits || !anonymous || url.fragment().is_some() {
        return None;
    }
    let public = match url.host()? {
        Host::Ipv4(ip) => is_public(ip.into()),
        Host::Ipv6(ip) => is_public(ip.into()),
        Host::Domain(name) => is_public_name(name),
    };
    (public || policy.allow_private).then_some(url)
}

/// Names that never lead to the outside: without a dot, or under a top level that is kept for this.
fn is_public_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let inner = ["localhost", "local", "internal", "home.arpa"];
    name.contains('.')
        && inner.iter().all(|top| {
            name.strip_suffix(top)
                .is_none_or(|rest| !rest.is_empty() && !rest.ends_with('.'))
        })
}

/// Whether an address is reachable for everybody in the internet, by IANA's registries of special ones.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    !matches!(
        ip.octets(),
        // This network, private, loopback, multicast, reserved, broadcast.
        [0 | 10 | 127 | 224..=255, ..]
            // Carriers' own.
            | [100, 64..=127, ..]
            // Link-local, where clouds have their metadata services.
            | [169, 254, ..]
            // Private.
            | [172, 16..=31, ..]
            | [192, 168, ..]
            // Protocols, documentation, 6to4 relays.
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            // Benchmarks, documentation.
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    match segments {
        // An IPv4 address in other clothes: mapped, or translated by NAT64.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // Protocols (Teredo among them), documentation, 6to4.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Everything else that is not global unicast: loopback, unique-local, link-local, multicast ...
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Looks names up and leaves out what is not public.
#[derive(Debug, Clone, Copy)]
pub struct PublicResolver {
    /// What is let through.
    pub policy: Policy,
}

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.policy;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(allowed(found, policy)?)
        })
    }
}

fn allowed(found: Vec<SocketAddr>, policy: Policy) -> io::Result<Addrs> {
    let (public, other): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|address| policy.allow_private || is_public(address.ip()));
    if public.is_empty() && !other.is_empty() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, NotPublic));
    }
    Ok(Box::new(public.into_iter()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://hooks.example.com/roomsync?x=1", true)]
    #[case("https://8.8.8.8/", true)]
    #[case("https://[2a00:1450:4001::1]:8443/x", true)]
    #[case::http("http://hooks.example.com/", false)]
    #[case::another_scheme("ftp://hooks.example.com/", false)]
    #[case::credentials("https://user:secret@hooks.example.com/", false)]
    #[case::fragment("https://hooks.example.com/#here", false)]
    #[case::no_address("hooks.example.com", false)]
    #[case::empty("", false)]
    #[case::one_word("https://rabbitmq/", false)]
    #[case::localhost("https://localhost/", false)]
    #[case::below_localhost("https://a.localhost/", false)]
    #[case::inner("https://metadata.google.internal/", false)]
    #[case::inner_with_dot("https://metadata.google.INTERNAL./", false)]
    #[case::inner_itself("https://home.arpa/", false)]
    #[case::one_word_with_dot("https://rabbitmq./", false)]
    #[case::blanks(" https://hooks.example.com/", false)]
    #[case::two_lines("https://hooks.example.com/\nx", false)]
    #[case::an_ending_is_no_top_level("https://notlocal.example.com/", true)]
    #[case::loopback("https://127.0.0.1/", false)]
    #[case::loopback_as_a_number("https://2130706433/", false)]
    #[case::loopback_in_octal("https://0177.0.0.1/", false)]
    #[case::loopback_v6("https://[::1]/", false)]
    #[case::mapped("https://[::ffff:10.0.0.1]/", false)]
    fn addresses_are_public_and_https(#[case] url: &str, #[case] good: bool) {
        assert_eq!(check(url, Policy::default()).is_some(), good, "{url}");
    }

    #[test]
    fn an_address_may_be_long_but_not_longer() {
        let url = |length: usize| {
            let start = "https://hooks.example.com/";
            format!("{start}{}", "x".repeat(length - start.len()))
        };
        assert!(check(&url(LONGEST_URL), Policy::default()).is_some());
        assert!(check(&url(LONGEST_URL + 1), Policy::default()).is_none());
    }

    #[test]
    fn closed_networks_may_allow_more() {
        let open = Policy {
            allow_private: true,
            allow_http: true,
        };
        assert!(check("http://127.0.0.1:8080/hook", open).is_some());
        let private = Policy {
            allow_http: false,
            ..open
        };
        assert!(check("http://127.0.0.1:8080/hook", private).is_none());
        assert!(check("https://intranet/hook", private).is_some());
    }

    #[rstest]
    #[case("8.8.8.8", true)]
    #[case("100.63.255.255", true)]
    #[case("100.64.0.1", false)]
    #[case("0.0.0.0", false)]
    #[case("10.1.2.3", false)]
    #[case("127.0.0.53", false)]
    #[case("169.254.169.254", false)]
    #[case("172.15.0.1", true)]
    #[case("172.16.0.1", false)]
    #[case("172.31.255.255", false)]
    #[case("172.32.0.1", true)]
    #[case("192.168.1.1", false)]
    #[case("192.0.0.8", false)]
    #[case("192.0.1.1", true)]
    #[case("198.18.0.1", false)]
    #[case("203.0.113.7", false)]
    #[case("224.0.0.1", false)]
    #[case("255.255.255.255", false)]
    #[case("2a00:1450:4001::1", true)]
    #[case("::", false)]
    #[case("::1", false)]
    #[case("::7f00:1", false)]
    #[case("::ffff:8.8.8.8", true)]
    #[case("::ffff:192.168.0.1", false)]
    #[case("64:ff9b::808:808", true)]
    #[case("64:ff9b::a00:1", false)]
    #[case("fe80::1", false)]
    #[case("fd12::1", false)]
    #[case("ff02::1", false)]
    #[case("2001::1", false)]
    #[case("2001:db8::1", false)]
    #[case("2001:4860:4860::8888", true)]
    #[case("2002:7f00:1::", false)]
    fn special_addresses_are_known(#[case] ip: &str, #[case] public: bool) {
        assert_eq!(is_public(ip.parse().unwrap()), public, "{ip}");
    }

    #[test]
    fn a_name_that_leads_inside_is_not_connected_to() {
        let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 0);
        let both = vec![at("10.0.0.1"), at("8.8.8.8")];
        let public: Vec<_> = allowed(both, Policy::default()).unwrap().collect();
        assert_eq!(public, [at("8.8.8.8")]);
        let error = allowed(vec![at("10.0.0.1")], Policy::default())
            .err()
            .unwrap();
        assert!(error.get_ref().unwrap().is::<NotPublic>());
    }
}
