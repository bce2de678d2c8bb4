//! The questions that are asked often find their answer by an index, however large the tables are.

use super::world::World;

/// The plan of a query must name the index, and must not read the table from end to end.
fn check(sql: &str, index: &str) {
    let world = World::new();
    let plan = world.store().reader().read("plan", |transaction| {
        let mut statement = transaction.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
        let count = statement.parameter_count();
        let parameters = rusqlite::params_from_iter(std::iter::repeat_n(0, count));
        let lines = statement.query_map(parameters, |row| row.get::<_, String>(3))?;
        Ok(lines.collect::<Result<Vec<_>, _>>()?)
    });
    let plan = plan.unwrap();
    assert!(plan.iter().any(|line| line.contains(index)), "{sql}: {plan:?}");
    // To read an index from end to end is fine where the index holds only what is asked for.
    let partial = ["to_route_pending", "incident_by_time"].contains(&index);
    let scans = plan.iter().any(|line| line.starts_with("SCAN") && !line.starts_with("SCAN json_each"));
    assert!(partial || !scans, "{sql}: {plan:?}");
}

#[test]
fn frequent_questions_use_an_index() {
    let due = "SELECT 1 FROM outbox WHERE state IN ('queued', 'sending', 'retry') AND due_at <= ?1 LIMIT 1";
    check(due, "outbox_open");
    check(crate::outbox::CANDIDATES, "outbox_open");
    check("SELECT id FROM to_route WHERE routed_at IS NULL ORDER BY id LIMIT ?1", "to_route_pending");
    check("SELECT body FROM finding WHERE run = ?1 AND id = ?2", "sqlite_autoindex_finding");
    check(
        "SELECT body FROM finding WHERE run = ?1 AND incident = ?2 ORDER BY seq DESC LIMIT ?3",
        "finding_by_incident",
    );
    check("SELECT body FROM finding WHERE run = ?1 AND time >= ?2 ORDER BY seq", "finding_by_time");
    check(
        "SELECT body FROM incident WHERE run = ?1 AND merged_into IS NULL ORDER BY last_event DESC, id LIMIT ?2",
        "incident_by_time",
    );
    check(
        "SELECT incident FROM incident_subject WHERE run = ?1 AND registry = ?2 AND kind = ?3 AND name = ?4",
        "incident_by_subject",
    );
    check("SELECT min(queued_at) FROM outbox WHERE receiver = ?1 AND state = 'dead'", "outbox_by_receiver");
}
