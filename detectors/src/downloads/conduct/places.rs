//! Where countries are, roughly, and which networks say nothing about where a person is.
//!
//! Centres and radii are rounded to what the rule needs: a radius reaches the farthest inhabited corner, so the distance is
//! never overstated. A country that is not listed takes part in no distance.

use crate::event::Country;

/// Mean radius of the earth, in km.
const EARTH_KM: f64 = 6_371.0;

/// Country, latitude, longitude of its centre in degrees, radius in km.
const COUNTRIES: [(&str, i16, i16, u16); 84] = [
    ("AE", 24, 54, 300),
    ("AR", -35, -65, 2_200),
    ("AT", 47, 14, 350),
    ("AU", -25, 134, 2_300),
    ("AZ", 40, 48, 300),
    ("BD", 24, 90, 400),
    ("BE", 51, 5, 180),
    ("BG", 43, 25, 300),
    ("BO", -17, -65, 800),
    ("BR", -10, -53, 2_600),
    ("BY", 53, 28, 350),
    ("CA", 58, -98, 3_000),
    ("CH", 47, 8, 200),
    ("CL", -33, -71, 2_500),
    ("CM", 6, 12, 700),
    ("CN", 35, 103, 2_700),
    ("CO", 4, -73, 1_000),
    ("CR", 10, -84, 250),
    ("CU", 22, -79, 650),
    ("CY", 35, 33, 130),
    ("CZ", 50, 15, 280),
    ("DE", 51, 10, 500),
    ("DK", 56, 10, 350),
    ("DO", 19, -70, 220),
    ("DZ", 28, 3, 1_200),
    ("EC", -2, -79, 1_400),
    ("EE", 59, 26, 220),
    ("EG", 27, 30, 800),
    ("ES", 40, -4, 1_900),
    ("ET", 9, 40, 900),
    ("FI", 64, 26, 650),
    ("FR", 46, 2, 700),
    ("GB", 54, -2, 750),
    ("GE", 42, 43, 300),
    ("GH", 8, -1, 450),
    ("GR", 39, 22, 500),
    ("HK", 22, 114, 50),
    ("HR", 45, 16, 350),
    ("HU", 47, 20, 300),
    ("ID", -2, 118, 2_700),
    ("IE", 53, -8, 280),
    ("IL", 31, 35, 250),
    ("IN", 22, 79, 1_900),
    ("IQ", 33, 44, 600),
    ("IR", 32, 53, 1_200),
    ("IS", 65, -19, 300),
    ("IT", 42, 12, 750),
    ("JP", 36, 138, 2_000),
    ("KE", 0, 38, 700),
    ("KH", 13, 105, 350),
    ("KP", 40, 127, 450),
    ("KR", 36, 128, 350),
    ("KZ", 48, 67, 1_600),
    ("LT", 55, 24, 250),
    ("LV", 57, 25, 280),
    ("MA", 32, -6, 1_300),
    ("MX", 23, -102, 1_900),
    ("MY", 4, 109, 1_200),
    ("NG", 9, 8, 800),
    ("NL", 52, 5, 220),
    ("NO", 65, 13, 1_900),
    ("NZ", -41, 173, 1_000),
    ("PE", -9, -75, 1_200),
    ("PH", 12, 122, 1_100),
    ("PK", 30, 69, 1_000),
    ("PL", 52, 19, 450),
    ("PT", 39, -8, 1_600),
    ("RO", 46, 25, 450),
    ("RS", 44, 21, 300),
    ("RU", 60, 90, 4_300),
    ("SA", 24, 45, 1_100),
    ("SE", 62, 16, 900),
    ("SG", 1, 104, 40),
    ("SK", 49, 19, 250),
    ("TH", 15, 101, 1_000),
    ("TR", 39, 35, 850),
    ("TW", 24, 121, 300),
    ("UA", 49, 32, 750),
    ("US", 40, -100, 6_200),
    ("UY", -33, -56, 350),
    ("VE", 7, -66, 800),
    ("VN", 16, 107, 1_000),
    ("ZA", -29, 25, 1_000),
    ("ZW", -19, 30, 450),
];

/// Networks of clouds, content networks and large VPN providers: AWS, Google, Microsoft, Cloudflare, Akamai and Linode, Oracle,
/// `DigitalOcean`, OVH, Hetzner, Scaleway, Alibaba, Tencent, Fastly, M247, Datacamp, Leaseweb, Vultr, Zscaler, GitHub.
const CLOUDS: [u32; 24] = [
    8_075, 9_009, 9_312, 12_876, 13_335, 14_061, 14_618, 15_169, 16_276, 16_509, 16_625, 20_473, 20_940,
    22_616, 24_940, 31_898, 36_459, 45_102, 54_113, 60_068, 60_781, 63_949, 132_203, 396_982,
];

/// Whether a network says nothing about where a person is.
pub(super) fn is_cloud(asn: u32) -> bool {
    CLOUDS.binary_search(&asn).is_ok()
}

/// The least distance between two countries, in km; `None` where one is not listed.
pub(super) fn least_distance_km(a: Country, b: Country) -> Option<f64> {
    let place = |country: Country| {
        let letters = country.letters();
        let at =
            COUNTRIES.binary_search_by_key(&letters, |(code, ..)| [code.as_bytes()[0], code.as_bytes()[1]]);
        at.ok().map(|at| COUNTRIES[at])
    };
    let ((_, lat_a, lon_a, radius_a), (_, lat_b, lon_b, radius_b)) = (place(a)?, place(b)?);
    let angle = |degrees: i16| f64::from(degrees).to_radians();
    let half = |from: i16, to: i16| libm::sin(0.5 * (angle(to) - angle(from)));
    // The haversine formula.
    let share = half(lat_a, lat_b) * half(lat_a, lat_b)
        + libm::cos(angle(lat_a)) * libm::cos(angle(lat_b)) * half(lon_a, lon_b) * half(lon_a, lon_b);
    let centres = 2.0 * EARTH_KM * libm::asin(share.sqrt().min(1.0));
    Some((centres - f64::from(radius_a) - f64::from(radius_b)).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(a: &str, b: &str) -> Option<f64> {
        least_distance_km(Country::parse(a).unwrap(), Country::parse(b).unwrap())
    }

    #[test]
    fn tables_are_in_order() {
        assert!(COUNTRIES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(CLOUDS.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_distance_is_never_overstated() {
        // The nearest pairs of large cities across each border, in km.
        for (a, b, nearest) in [
            ("US", "CA", 0.0),
            ("FR", "DE", 0.0),
            ("US", "RU", 90.0),
            ("ES", "MA", 15.0),
            ("DE", "JP", 7_000.0),
            ("BR", "KR", 15_000.0),
        ] {
            assert!(distance(a, b).unwrap() <= nearest, "{a} {b}: {:?}", distance(a, b));
        }
        assert!(distance("DE", "SG").unwrap() > 8_000.0);
        assert_eq!(distance("DE", "XK"), None);
    }
}
