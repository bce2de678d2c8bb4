//! Mute times by the clocks of real places, over the days on which those jump.

use super::*;

fn times(text: &str) -> Result<MuteTimes, MuteTimeError> {
    #[derive(Deserialize)]
    struct File {
        mute_time: Vec<MuteTimeConfig>,
    }
    MuteTimes::new(toml::from_str::<File>(text).unwrap().mute_time)
}

fn nanos(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text).unwrap().timestamp_nanos_opt().unwrap()
}

/// Until when somebody is left in peace at each moment; `-` where they are not.
fn check(config: &str, cases: &[(&str, &str)]) {
    let times = times(config).unwrap();
    let names: Vec<_> = times.0.iter().map(|time| time.name.clone()).collect();
    for (now, expected) in cases {
        let mute = times.holding(&names, Severity::High, nanos(now));
        let until = mute.map_or_else(|| "-".to_owned(), |mute| crate::shown_time(mute.until));
        assert_eq!(until, *expected, "at {now} of {config}");
    }
}

#[test]
fn a_night_in_berlin_is_an_hour_shorter_in_spring_and_longer_in_autumn() {
    let nights = "[[mute_time]]\nname = 'n'\ntime_zone = 'Europe/Berlin'\nfrom = '22:00'\nuntil = '07:00'";
    check(
        nights,
        &[
            ("2026-03-27T20:59:59Z", "-"),
            ("2026-03-27T21:00:00Z", "2026-03-28T06:00:00Z"),
            // Clocks go from 02:00 to 03:00 on the 29th: the night has eight hours.
            ("2026-03-28T21:00:00Z", "2026-03-29T05:00:00Z"),
            ("2026-03-29T01:30:00Z", "2026-03-29T05:00:00Z"),
            ("2026-03-29T05:00:00Z", "-"),
            ("2026-03-29T19:59:59Z", "-"),
            ("2026-03-29T20:00:00Z", "2026-03-30T05:00:00Z"),
            // Clocks go from 03:00 back to 02:00 on 25 October: the night has ten.
            ("2026-10-24T20:00:00Z", "2026-10-25T06:00:00Z"),
            ("2026-10-25T05:59:59Z", "2026-10-25T06:00:00Z"),
            ("2026-10-25T06:00:00Z", "-"),
        ],
    );
}

#[test]
fn a_time_that_is_skipped_is_the_jump_and_one_that_comes_twice_counts_twice() {
    let skipped = "[[mute_time]]\nname = 's'\ntime_zone = 'Europe/Berlin'\nfrom = '02:30'\nuntil = '04:00'";
    check(skipped, &[("2026-03-29T00:59:59Z", "-"), ("2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z")]);
    let twice = "[[mute_time]]\nname = 't'\ntime_zone = 'Europe/Berlin'\nfrom = '02:15'\nuntil = '02:45'";
    check(
        twice,
        &[
            ("2026-10-25T00:15:00Z", "2026-10-25T01:45:00Z"),
            ("2026-10-25T01:20:00Z", "2026-10-25T01:45:00Z"),
            ("2026-10-25T01:45:00Z", "-"),
        ],
    );
    // The whole of it is skipped: it never begins.
    let gone = "[[mute_time]]\nname = 'g'\ntime_zone = 'Europe/Berlin'\nfrom = '02:10'\nuntil = '02:50'";
    check(
        gone,
        &[("2026-03-29T00:59:59Z", "-"), ("2026-03-29T01:00:00Z", "-"), ("2026-03-29T01:10:00Z", "-")],
    );
}

#[test]
fn days_are_those_of_the_place_and_follow_on_each_other() {
    let weekend = "[[mute_time]]\nname = 'w'\ntime_zone = 'Australia/Sydney'\ndays = ['sat', 'sun']\nfrom = '00:00'\nuntil = '24:00'";
    check(
        weekend,
        &[
            // Sydney's Saturday begins while it is Friday in Greenwich, and clocks go back on Sunday.
            ("2026-04-03T12:59:59Z", "-"),
            ("2026-04-03T13:00:00Z", "2026-04-05T14:00:00Z"),
            ("2026-04-05T13:59:59Z", "2026-04-05T14:00:00Z"),
            ("2026-04-05T14:00:00Z", "-"),
        ],
    );
    let both = format!(
        "{weekend}\n[[mute_time]]\nname = 'm'\ntime_zone = 'Australia/Sydney'\ndays = ['mon']\nfrom = '00:00'\nuntil = '06:00'"
    );
    check(&both, &[("2026-04-03T13:00:00Z", "2026-04-05T20:00:00Z")]);
}

#[test]
fn nobody_is_left_in_peace_for_ever() {
    let halves = "[[mute_time]]\nname = 'a'\ntime_zone = 'UTC'\nfrom = '00:00'\nuntil = '12:00'\n[[mute_time]]\nname = 'b'\ntime_zone = 'UTC'\nfrom = '12:00'\nuntil = '24:00'";
    check(halves, &[("2026-04-03T13:00:00Z", "2026-04-11T13:00:00Z")]);
    let endless = "[[mute_time]]\nname = 'a'\ntime_zone = 'UTC'\nfrom = '00:00'\nuntil = '24:00'";
    assert_eq!(times(endless), Err(MuteTimeError::Endless("a".to_owned())));
    let empty = "[[mute_time]]\nname = 'a'\ntime_zone = 'UTC'\nfrom = '08:00'\nuntil = '08:00'";
    assert_eq!(times(empty), Err(MuteTimeError::Empty("a".to_owned())));
    let same = "[[mute_time]]\nname = 'a'\ntime_zone = 'UTC'\nfrom = '08:00'\nuntil = '09:00'\n";
    assert_eq!(times(&format!("{same}{same}")), Err(MuteTimeError::NamedTwice("a".to_owned())));
}

#[test]
fn what_is_loud_enough_is_told_in_the_night_too() {
    let nights = "[[mute_time]]\nname = 'n'\ntime_zone = 'UTC'\nfrom = '22:00'\nuntil = '07:00'";
    let (times, names) = (times(nights).unwrap(), ["n".to_owned()]);
    let now = nanos("2026-04-03T23:00:00Z");
    assert!(times.holding(&names, Severity::High, now).is_some());
    assert_eq!(times.holding(&names, Severity::Critical, now), None);
    assert_eq!(times.holding(&[], Severity::Low, now), None, "only who is muted by it");
}

proptest::proptest! {
    /// Whatever the moment, the end lies ahead, and at the end nobody is muted.
    #[test]
    fn a_mute_ends_and_then_is_over(seconds in 0_i64..4_000_000_000, from in 0_u16..1_440, length in 1_u16..1_439) {
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let (from, until) = (clock(from), clock((from + length) % 1_440));
        for zone in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"] {
            let config = format!("[[mute_time]]\nname = 'n'\ntime_zone = '{zone}'\nfrom = '{from}'\nuntil = '{until}'");
            let times = times(&config).unwrap();
            let now = seconds * 1_000_000_000;
            if let Some(mute) = times.holding(&["n".to_owned()], Severity::Low, now) {
                proptest::prop_assert!(mute.until > now);
                let after = times.holding(&["n".to_owned()], Severity::Low, mute.until);
                // A clock that is set back may show the beginning again right at the end; then it follows on at once.
                proptest::prop_assert_eq!(after, None, "{} after {}", config, mute.until);
            }
        }
    }
}
