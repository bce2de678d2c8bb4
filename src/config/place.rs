//! Where the walk through a configuration is: its name for people, and the least file that holds one value there.

use std::fmt;

/// A place in the configuration, from the top down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    outer: Option<&'a Self>,
    step: Step<'a>,
    about: &'a str,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Top,
    Key(&'a str),
    Item(usize),
    /// The table here is of the kind that this word at this key says.
    Tag(&'a str, &'a str),
}

impl<'a> Place<'a> {
    /// The file itself.
    pub(super) const TOP: Self = Self { outer: None, step: Step::Top, about: "" };

    /// A key of the table here, and what it is for.
    pub(super) fn key(&'a self, key: &'a str, about: &'a str) -> Self {
        Self { outer: Some(self), step: Step::Key(key), about }
    }

    /// An item of the list here.
    pub(super) fn item(&'a self, number: usize) -> Self {
        Self { outer: Some(self), step: Step::Item(number), about: self.about }
    }

    /// The table here, now that it is known what kind of table it is.
    pub(super) fn tagged(&'a self, key: &'a str, word: &'a str) -> Self {
        Self { outer: Some(self), step: Step::Tag(key, word), about: self.about }
    }

    pub(super) fn is_top(&self) -> bool {
        matches!(self.step, Step::Top)
    }

    /// The last key on the way here.
    pub(super) fn last_key(&self) -> &'a str {
        match (self.step, self.outer) {
            (Step::Key(key), _) => key,
            (_, Some(outer)) => outer.last_key(),
            (_, None) => "",
        }
    }

    /// What the last key on the way here is for.
    pub(super) fn about(&self) -> &'a str {
        self.about
    }

    /// The table here as its header is written: `` `[kafka]` ``, `` `[[source]]` ``.
    pub(super) fn table(&self) -> String {
        match (self.step, self.outer) {
            (Step::Top, _) | (_, None) => "the file".to_owned(),
            (Step::Tag(..), Some(outer)) => outer.table(),
            (Step::Item(_), Some(outer)) => format!("`[[{outer}]]`"),
            (Step::Key(_), Some(_)) => format!("`[{self}]`"),
        }
    }

    /// The least file that holds this value at this place, with the words that say what the tables on the way are.
    pub(super) fn least_file(&self, value: toml::Value) -> toml::Value {
        let holding = match self.step {
            Step::Top => value,
            Step::Key(key) => toml::Value::Table(std::iter::once((key.to_owned(), value)).collect()),
            Step::Item(_) => toml::Value::Array(vec![value]),
            Step::Tag(key, word) => {
                let mut holding = value;
                if let Some(table) = holding.as_table_mut() {
                    table.insert(key.to_owned(), toml::Value::String(word.to_owned()));
                }
                holding
            }
        };
        self.outer.map_or_else(|| holding.clone(), |outer| outer.least_file(holding.clone()))
    }
}

/// As `source[0].start`.
impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(outer) = self.outer else { return Ok(()) };
        outer.fmt(f)?;
        match self.step {
            Step::Top | Step::Tag(..) => Ok(()),
            Step::Item(number) => write!(f, "[{number}]"),
            Step::Key(key) if outer.is_top() => f.write_str(key),
            Step::Key(key) => write!(f, ".{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_named_as_people_write_it() {
        let top = Place::TOP;
        let sources = top.key("source", "");
        let source = sources.item(1);
        let start = source.key("start", "Where.");
        assert_eq!((start.to_string(), start.last_key()), ("source[1].start".to_owned(), "start"));
        assert_eq!((start.about(), start.item(0).about(), source.about()), ("Where.", "Where.", ""));
        assert_eq!((source.table(), source.last_key()), ("`[[source]]`".to_owned(), "source"));
        let (receivers, top_table) = (top.key("receivers", ""), top.table());
        let soc = receivers.key("soc", "");
        let webhook = soc.tagged("type", "webhook");
        assert_eq!(
            (webhook.table(), webhook.to_string()),
            ("`[receivers.soc]`".to_owned(), "receivers.soc".to_owned())
        );
        assert_eq!(top_table, "the file");
    }

    #[test]
    fn the_least_file_holds_the_value_and_the_words_that_give_it_meaning() {
        let top = Place::TOP;
        let receivers = top.key("receivers", "");
        let soc = receivers.key("soc", "");
        let webhook = soc.tagged("type", "webhook");
        let url = webhook.key("url", "");
        let file = url.least_file(toml::Value::String("env:U".to_owned()));
        assert_eq!(file.to_string(), r#"{ receivers = { soc = { type = "webhook", url = "env:U" } } }"#);
        let (sources, topics) = (top.key("source", ""), "topics");
        let source = sources.item(3);
        let list = source.key(topics, "");
        let file = list.item(1).least_file(toml::Value::Integer(1));
        assert_eq!(file.to_string(), "{ source = [{ topics = [1] }] }");
    }
}
