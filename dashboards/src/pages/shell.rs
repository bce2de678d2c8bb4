//! What stands around every page: the banner of the world, navigation, how the pipeline is, and the live stream.

use askama::Template;
use axum::response::{Html as HtmlResponse, IntoResponse, Response};
use store::RunId;

use crate::condition::{Condition, Life};
use crate::files;
use crate::foreign;
use crate::html::Html;
use crate::problem::Problem;
use crate::server::App;
use crate::show::moment::Now;
use crate::show::number::counted;
use crate::stream::Watched;

/// Where a page belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// Among the incidents.
    Incidents,
    /// At the pipeline.
    Pipeline,
    /// Nowhere.
    None,
}

/// Everything around a page.
pub(crate) struct Shell {
    pub(crate) title: String,
    pub(crate) section: Section,
    /// A sentence and its class, for what is not the live run.
    pub(crate) world: Option<(String, &'static str)>,
    pub(crate) notice: Option<String>,
    pub(crate) health: Health,
    /// The stream's address; a page without one is not live.
    pub(crate) stream: Option<String>,
    pub(crate) files: &'static str,
    pub(crate) release: &'static str,
}

/// How the pipeline is, in a few words.
pub(crate) struct Health {
    pub(crate) class: &'static str,
    pub(crate) words: Html,
}

impl Shell {
    /// The shell of a page.
    pub(crate) fn new(
        app: &App,
        title: &str,
        section: Section,
        condition: &Condition,
        now: Now,
        watched: &Watched,
    ) -> Self {
        Self {
            title: foreign::plain(title),
            section,
            world: world(app.run()),
            notice: app.notice().map(foreign::plain),
            health: Health::of(condition, now),
            stream: Some(watched.address()),
            files: files::version(),
            release: env!("CARGO_PKG_VERSION"),
        }
    }

    /// The shell of a page that knows nothing: of a failure.
    fn bare(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            section: Section::None,
            world: None,
            notice: None,
            health: Health { class: "unknown", words: Html::new() },
            stream: None,
            files: files::version(),
            release: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// What must be said of a run that is not the live one.
fn world(run: &RunId) -> Option<(String, &'static str)> {
    match run {
        RunId::Live => None,
        RunId::Exercise(name) => Some((format!("Exercise {name}: nothing here is real"), "exercise")),
        RunId::Shadow(name) => Some((format!("Shadow run {name}: nobody is told"), "other")),
        RunId::Backtest(name) => Some((format!("Backtest {name}: other settings on history"), "other")),
        RunId::Heartbeat => Some(("Heartbeats: nothing here is real".to_owned(), "other")),
        RunId::Learn(name) => Some((format!("Learning run {name}: nobody is told"), "other")),
    }
}

impl Health {
    /// The words for a condition, the worst first.
    pub(crate) fn of(condition: &Condition, now: Now) -> Self {
        let lost = condition.lost().count() as u64;
        if lost > 0 {
            let words =
                Html::new().text(&format!("data lost on {}", counted(lost, "partition", "partitions")));
            return Self { class: "bad", words };
        }
        match (condition.life(now.0), condition.watermark()) {
            (Life::Unheard, _) => {
                Self { class: "unknown", words: Html::new().markup("no pipeline has run yet") }
            }
            (Life::SilentSince(at), _) => Self {
                class: "bad",
                words: Html::new().markup("pipeline silent since ").html(&now.clock(at)),
            },
            (Life::Working, None) => {
                Self { class: "good", words: Html::new().markup("waiting for the first event") }
            }
            (Life::Working, Some(watermark)) => {
                Self { class: "good", words: Html::new().markup("seen up to ").html(&now.date(watermark)) }
            }
        }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    shell: Shell,
    status: u16,
    problem: &'a Problem,
}

/// A failure as a page.
pub(crate) fn problem_page(problem: &Problem) -> HtmlResponse<String> {
    let status = problem.status();
    let title = status.canonical_reason().unwrap_or("Problem");
    let page = ProblemPage { shell: Shell::bare(title), status: status.as_u16(), problem };
    HtmlResponse(page.render().unwrap_or_else(|_| Html::new().text(&problem.to_string()).to_string()))
}

/// A filled-in template as an answer.
///
/// # Errors
/// [`Problem::Internal`] if it cannot be filled in.
pub(crate) fn answer(page: &impl Template) -> Result<Response, Problem> {
    Ok(HtmlResponse(page.render()?).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_live_run_has_no_banner() {
        assert_eq!(world(&RunId::Live), None);
        for run in ["exercise:a", "shadow:a", "backtest:a", "learn:a"] {
            let (words, class) = world(&run.parse().unwrap()).unwrap();
            assert!(words.contains('a'));
            assert_eq!(class == "exercise", run.starts_with("exercise"));
        }
    }

    #[test]
    fn a_pipeline_that_never_spoke_is_not_healthy() {
        assert_eq!(Health::of(&Condition::default(), Now(0)).class, "unknown");
        let silent = Condition { spoke_at: Some(0), ..Condition::default() };
        assert_eq!(Health::of(&silent, Now(i64::MAX)).class, "bad");
        assert_eq!(Health::of(&silent, Now(1)).class, "good");
    }
}
