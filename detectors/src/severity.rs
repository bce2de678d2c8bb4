//! How loud a finding is: one function of surprise, family and consumption (DETECTORS.md, Severity).

use crate::finding::{Family, Severity};

/// Floors of low, medium, high and critical, in bits. Starting values of the catalogue; docs/detectors.md tells what
/// they were checked against.
pub const FLOORS_BITS: [f64; 4] = [8.0, 14.0, 20.0, 27.0];
/// Principals that consumed the version in question from which a finding is one step louder.
pub const MANY_CONSUMERS: u64 = 10;

/// Who consumed the version in question, as far as the engine's own state knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consumption {
    /// Not known: changes nothing.
    #[default]
    Unknown,
    /// So many principals.
    Principals(u64),
}

/// The severity of a surprise.
#[must_use]
pub fn of_surprise(bits: f64, family: Family, critical_subject: bool, consumption: Consumption) -> Severity {
    let level = FLOORS_BITS.iter().filter(|floor| bits >= **floor).count();
    let mut level = i32::try_from(level).unwrap_or(0);
    level += i32::from(critical_subject);
    level += match consumption {
        Consumption::Unknown => 0,
        Consumption::Principals(0) => -1,
        Consumption::Principals(count) => i32::from(count >= MANY_CONSUMERS),
    };
    let severity = match level {
        i32::MIN..=0 => Severity::Info,
        1 => Severity::Low,
        2 => Severity::Medium,
        3 => Severity::High,
        _ => Severity::Critical,
    };
    // Volume alone never pages, and neither does how much is published or taken back: that needs another family beside it,
    // in the incident.
    if family.is_volume() && !critical_subject { severity.min(Severity::Medium) } else { severity }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_decides_loudness() {
        let check = |bits, consumption, expected| {
            assert_eq!(
                of_surprise(bits, Family::Metadata, false, consumption),
                expected,
                "{bits} {consumption:?}"
            );
        };
        check(7.9, Consumption::Unknown, Severity::Info);
        check(8.0, Consumption::Unknown, Severity::Low);
        check(14.0, Consumption::Unknown, Severity::Medium);
        check(20.0, Consumption::Unknown, Severity::High);
        check(27.0, Consumption::Unknown, Severity::Critical);
        check(20.0, Consumption::Principals(0), Severity::Medium);
        check(20.0, Consumption::Principals(3), Severity::High);
        check(20.0, Consumption::Principals(10), Severity::Critical);
    }

    #[test]
    fn volume_alone_never_pages() {
        assert_eq!(
            of_surprise(90.0, Family::Downloads, false, Consumption::Principals(99)),
            Severity::Medium
        );
        assert_eq!(of_surprise(90.0, Family::Downloads, true, Consumption::Unknown), Severity::Critical);
    }
}
