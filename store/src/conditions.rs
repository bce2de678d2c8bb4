//! A filter's conditions: fixed text with its values beside it, only for what the filter asks, so that the
//! database can use an index for what is asked.

use rusqlite::ToSql;

/// Conditions joined by `AND`. The text is ours alone; whatever came from outside is bound.
pub(crate) struct Conditions<'a> {
    sql: String,
    bound: Vec<(&'static str, Box<dyn ToSql + 'a>)>,
}

impl<'a> Conditions<'a> {
    /// The condition that always holds, without a value.
    pub(crate) fn new(sql: &'static str) -> Self {
        Self { sql: sql.to_owned(), bound: Vec::new() }
    }

    /// One more condition.
    pub(crate) fn and(&mut self, sql: &'static str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
    }

    /// A value under the name that conditions use it by.
    pub(crate) fn bind(&mut self, name: &'static str, value: impl ToSql + 'a) {
        self.bound.push((name, Box::new(value)));
    }

    /// A condition with its one value, if there is a value.
    pub(crate) fn and_if(&mut self, sql: &'static str, name: &'static str, value: Option<impl ToSql + 'a>) {
        if let Some(value) = value {
            self.and(sql);
            self.bind(name, value);
        }
    }

    /// The text, to stand behind `WHERE`.
    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    /// The values by their names.
    pub(crate) fn bound(&self) -> Vec<(&'static str, &dyn ToSql)> {
        self.bound.iter().map(|(name, value)| (*name, &**value)).collect()
    }
}
