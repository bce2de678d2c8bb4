//! What kind of address an address is. The ranges are those of the IANA special-purpose registries.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kind of an address. Only [`AddressClass::Public`] may be reached without a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// Globally reachable unicast.
    Public,
    /// `0.0.0.0/8` and `::`, which many systems take for themselves.
    Unspecified,
    /// `127.0.0.0/8` and `::1`.
    Loopback,
    /// RFC 1918.
    Private,
    /// `169.254.0.0/16`, `fe80::/10` and the old site-local `fec0::/10`.
    LinkLocal,
    /// The fixed addresses under which clouds hand out credentials.
    Metadata,
    /// `100.64.0.0/10`, RFC 6598.
    CarrierNat,
    /// `fc00::/7`, RFC 4193.
    UniqueLocal,
    /// `224.0.0.0/4` and `ff00::/8`.
    Multicast,
    /// `192.0.2.0/24`, `198.51.100.0/24`, `203.0.113.0/24`, `2001:db8::/32`, `3fff::/20`.
    Documentation,
    /// `198.18.0.0/15` and `2001:2::/48`.
    Benchmarking,
    /// An IPv6 address that stands for an IPv4 one by a mechanism no honest webhook uses (6to4, Teredo, local
    /// NAT64, IPv4-compatible, or a mapped public address).
    Translated,
    /// Anything else that is not assigned to the public internet.
    Reserved,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "a public address",
            Self::Unspecified => "an unspecified address",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a cloud metadata address",
            Self::CarrierNat => "a carrier-grade NAT address",
            Self::UniqueLocal => "a unique local address",
            Self::Multicast => "a multicast address",
            Self::Documentation => "a documentation address",
            Self::Benchmarking => "a benchmarking address",
            Self::Translated => "an IPv4 address in an IPv6 disguise",
            Self::Reserved => "a reserved address",
        })
    }
}

/// The kind of `address`.
#[must_use]
pub fn classify(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

/// AWS, Google, Azure and most others; Alibaba; Azure's `WireServer`, which lies in public space.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(169, 254, 169, 254), Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)];

/// The AWS metadata service over IPv6.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    if METADATA_V4.contains(&address) {
        return AddressClass::Metadata;
    }
    match address.octets() {
        [0, ..] => AddressClass::Unspecified,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => AddressClass::Private,
        [100, 64..=127, ..] => AddressClass::CarrierNat,
        [127, ..] => AddressClass::Loopback,
        [169, 254, ..] => AddressClass::LinkLocal,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => AddressClass::Documentation,
        // Protocol assignments, and the withdrawn 6to4 relays (RFC 7526).
        [192, 0, 0, _] | [192, 88, 99, _] => AddressClass::Reserved,
        [198, 18..=19, ..] => AddressClass::Benchmarking,
        [224..=239, ..] => AddressClass::Multicast,
        [240..=255, ..] => AddressClass::Reserved,
        _ => AddressClass::Public,
    }
}

fn classify_v6(address: Ipv6Addr) -> AddressClass {
    if address == METADATA_V6 {
        return AddressClass::Metadata;
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressClass::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        // Mapped and IPv4-compatible addresses: what they stand for, and never simply public.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => disguised(high, low),
        // The well-known NAT64 prefix is how an IPv6-only network reaches the IPv4 internet (RFC 6052).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => classify_v4(embedded(high, low)),
        [0x64, 0xff9b, ..] => AddressClass::Translated,
        [0x2002, high, low, ..] => disguised(high, low),
        [0x2001, 0, ..] => AddressClass::Translated,
        [0x2001, 2, 0, ..] => AddressClass::Benchmarking,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => AddressClass::Documentation,
        [0x2001, 1..=0x1ff, ..] => AddressClass::Reserved,
        [0xfc00..=0xfdff, ..] => AddressClass::UniqueLocal,
        [0xfe80..=0xfeff, ..] => AddressClass::LinkLocal,
        [0xff00..=0xffff, ..] => AddressClass::Multicast,
        // Global unicast is 2000::/3; nothing else has been assigned (RFC 4291).
        [0x2000..=0x3fff, ..] => AddressClass::Public,
        _ => AddressClass::Reserved,
    }
}

fn disguised(high: u16, low: u16) -> AddressClass {
    match classify_v4(embedded(high, low)) {
        AddressClass::Public => AddressClass::Translated,
        class => class,
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(class: AddressClass, addresses: &[&str]) {
        for address in addresses {
            assert_eq!(classify(address.parse().unwrap()), class, "{address}");
        }
    }

    #[test]
    fn every_class_is_recognised_at_both_ends_of_its_ranges() {
        check(AddressClass::Unspecified, &["0.0.0.0", "0.255.255.255", "::"]);
        check(AddressClass::Loopback, &["127.0.0.1", "127.255.255.255", "::1"]);
        check(AddressClass::Private, &["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255"]);
        check(AddressClass::Private, &["192.168.0.0", "192.168.255.255"]);
        check(AddressClass::LinkLocal, &["169.254.0.0", "169.254.255.255", "fe80::1", "febf::1", "fec0::1"]);
        check(
            AddressClass::Metadata,
            &["169.254.169.254", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"],
        );
        check(AddressClass::CarrierNat, &["100.64.0.0", "100.127.255.255"]);
        check(AddressClass::UniqueLocal, &["fc00::", "fdff:ffff::1"]);
        check(AddressClass::Multicast, &["224.0.0.1", "239.255.255.255", "ff00::", "ff02::1"]);
        check(AddressClass::Documentation, &["192.0.2.1", "198.51.100.255", "203.0.113.0", "2001:db8::1"]);
        check(AddressClass::Documentation, &["3fff::1", "3fff:fff::1"]);
        check(AddressClass::Benchmarking, &["198.18.0.0", "198.19.255.255", "2001:2::1"]);
        check(AddressClass::Reserved, &["192.0.0.8", "192.88.99.1", "240.0.0.1", "255.255.255.255"]);
        check(
            AddressClass::Reserved,
            &["100::1", "2001:10::1", "2001:1ff::1", "4000::1", "5f00::1", "fe00::1"],
        );
    }

    #[test]
    fn neighbours_of_a_forbidden_range_are_public() {
        check(
            AddressClass::Public,
            &["1.0.0.0", "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0"],
        );
        check(AddressClass::Public, &["100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"]);
        check(
            AddressClass::Public,
            &["169.253.255.255", "169.255.0.0", "192.0.1.0", "192.0.3.0", "192.167.0.1"],
        );
        check(AddressClass::Public, &["198.17.255.255", "198.20.0.0", "203.0.112.255", "223.255.255.255"]);
        check(
            AddressClass::Public,
            &["2000::1", "2001:200::1", "2606:4700::1111", "3ffe::1", "3fff:1000::1"],
        );
    }

    #[test]
    fn an_ipv4_address_in_an_ipv6_disguise_is_what_it_stands_for() {
        check(
            AddressClass::Loopback,
            &["::ffff:127.0.0.1", "::127.0.0.1", "2002:7f00:1::", "64:ff9b::127.0.0.1"],
        );
        check(AddressClass::Private, &["::ffff:10.0.0.1", "2002:a00:1::1", "64:ff9b::192.168.0.1"]);
        check(AddressClass::Metadata, &["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::"]);
        check(AddressClass::Translated, &["::ffff:8.8.8.8", "::8.8.8.8", "2002:808:808::1"]);
        check(AddressClass::Translated, &["2001::1", "64:ff9b:1::8.8.8.8"]);
    }

    #[test]
    fn a_public_address_behind_the_well_known_nat64_prefix_stays_reachable() {
        check(AddressClass::Public, &["64:ff9b::8.8.8.8"]);
    }
}
