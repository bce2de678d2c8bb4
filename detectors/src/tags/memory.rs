//! What is kept of one artifact's tags and versions.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::class::TagClass;
use super::target::{Content, Target};
use crate::change_lane::{Acquaintance, Burst, Habits, Mark, Place, Places, keep_latest};
use crate::event::EventTime;

/// Tags kept of one artifact: who moves all of them in a row must meet most of them here (Trivy's action had 77).
pub const MAX_TAGS: usize = 128;
/// Versions kept of one artifact.
pub const MAX_VERSIONS: usize = 32;
/// An artifact whose versions were published again with other content so often has versions that move: the rule
/// gives way, and each further time is no news.
pub const RULE_GIVES_WAY_AFTER: u8 = 5;

/// What is kept of one artifact's tags and versions; 150 bytes, 60 a tag and 45 a version.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TagState {
    pub(super) places: Places,
    /// The one that was set longest ago stands first.
    tags: Vec<KnownTag>,
    versions: Vec<KnownVersion>,
    pub(super) rule: VersionRule,
    pub(super) habits: Habits,
    pub(super) burst: Burst,
    pub(super) acquaintance: Acquaintance,
}

/// Whether a version of this artifact stands for one content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum VersionRule {
    /// It does; so often it did not.
    Fixed(u8),
    /// It evidently does not.
    Moving,
}

impl Default for VersionRule {
    fn default() -> Self {
        Self::Fixed(0)
    }
}

impl VersionRule {
    /// The rule after it was broken once more.
    pub(super) const fn broken(self) -> Self {
        match self {
            Self::Fixed(times) if times + 1 < RULE_GIVES_WAY_AFTER => Self::Fixed(times + 1),
            Self::Fixed(_) | Self::Moving => Self::Moving,
        }
    }
}

/// A tag and what it points to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KnownTag {
    pub(super) name: Arc<str>,
    pub(super) class: TagClass,
    pub(super) target: Target,
    /// When it was set to that.
    pub(super) since: EventTime,
    /// The record that set it.
    pub(super) place: Place,
    /// What it pointed to before.
    pub(super) former: Option<Mark>,
}

/// A version (or one of its files) and its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KnownVersion {
    pub(super) mark: Mark,
    pub(super) content: Content,
    pub(super) since: EventTime,
    pub(super) place: Place,
}

impl TagState {
    pub(super) fn tags(&self) -> &[KnownTag] {
        &self.tags
    }

    pub(super) fn tag(&self, name: &str) -> Option<&KnownTag> {
        self.tags.iter().find(|tag| *tag.name == *name)
    }

    pub(super) fn version(&self, mark: Mark) -> Option<&KnownVersion> {
        self.versions.iter().find(|version| version.mark == mark)
    }

    /// Keeps a tag as it is now. When there are too many, the longest unchanged one of those that move anyway is
    /// dropped first: a flood of branch builds must not push out the names that never move.
    pub(super) fn keep_tag(&mut self, tag: KnownTag) {
        self.tags.retain(|other| other.name != tag.name);
        if self.tags.len() >= MAX_TAGS {
            let moving = self.tags.iter().position(|tag| !tag.class.is_fixed());
            self.tags.remove(moving.unwrap_or(0));
        }
        self.tags.push(tag);
    }

    /// Keeps a version's content; the oldest are dropped first.
    pub(super) fn keep_version(&mut self, version: KnownVersion) {
        self.versions.retain(|other| other.mark != version.mark);
        keep_latest(&mut self.versions, MAX_VERSIONS, version);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(name: &str, class: TagClass) -> KnownTag {
        let target = Target::read(1, &"1.0.0".into());
        let (since, place) = (EventTime::MIN, Place::Unknown);
        KnownTag { name: name.into(), class, target, since, place, former: None }
    }

    #[test]
    fn at_most_so_many_tags_are_kept_and_fixed_ones_longest() {
        let mut state = TagState::default();
        state.keep_tag(tag("v1.0.0", TagClass::Full));
        for build in 0..2 * MAX_TAGS {
            state.keep_tag(tag(&format!("pr-{build}"), TagClass::Branch));
        }
        assert_eq!(state.tags().len(), MAX_TAGS);
        assert!(
            state.tag("v1.0.0").is_some()
                && state.tag("pr-0").is_none()
                && state.tag(&format!("pr-{}", 2 * MAX_TAGS - 1)).is_some()
        );
    }

    #[test]
    fn at_most_so_many_versions_are_kept() {
        let mut state = TagState::default();
        let digest = crate::change_lane::story::digest("a");
        let version = |at: usize| KnownVersion {
            mark: Mark::of(1, &[&at.to_string()]),
            content: Content::of(1, &digest),
            since: EventTime::MIN,
            place: Place::Unknown,
        };
        for at in 0..=MAX_VERSIONS {
            state.keep_version(version(at));
        }
        assert!(state.version(version(0).mark).is_none() && state.version(version(1).mark).is_some());
    }

    #[test]
    fn the_rule_gives_way_after_five() {
        let mut rule = VersionRule::default();
        for times in 1..RULE_GIVES_WAY_AFTER {
            rule = rule.broken();
            assert_eq!(rule, VersionRule::Fixed(times));
        }
        assert_eq!([rule.broken(), rule.broken().broken()], [VersionRule::Moving; 2]);
    }

    #[test]
    fn an_empty_state_and_a_full_one_are_as_small_as_stated() {
        let size = |state: &TagState| postcard::to_stdvec(state).unwrap().len();
        let mut state = TagState::default();
        assert!(size(&state) <= 150, "{}", size(&state));
        let empty = size(&state);
        for at in 0..10 {
            state.keep_tag(tag(&format!("v1.{at}.0"), TagClass::Full));
        }
        assert!(size(&state) <= empty + 10 * 60, "{}", size(&state));
    }
}
