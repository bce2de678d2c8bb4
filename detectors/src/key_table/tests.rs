//! The table keeps what it learned, whoever floods it, and comes back from what it saved.

use super::*;

fn read(view: &ChangesView<'_, u32>) -> Changes<u32> {
    postcard::from_bytes(&postcard::to_stdvec(view).unwrap()).unwrap()
}

fn touch<'a>(table: &'a mut KeyTable<u32>, name: &str, secs: i64) -> &'a mut Entry<u32> {
    let (registry, name): (Arc<str>, Arc<str>) = ("npm".into(), name.into());
    table.touch(hash_key(7, &registry, &name), &registry, &name, EventTime::from_secs(secs), false).1
}

#[test]
fn fake_names_never_displace_a_learned_key() {
    let mut table = KeyTable::new(100);
    for day in 0..60 {
        touch(&mut table, "learned", day * 86_400);
    }
    for fake in 0..10_000 {
        touch(&mut table, &format!("fake-{fake}"), 60 * 86_400 + fake);
    }
    assert!(table.len() <= 100, "{}", table.len());
    assert_eq!(table.protected(), 1);
    let learned = table.slots().find(|(_, entry)| &*entry.key.name == "learned");
    assert_eq!(learned.map(|(_, entry)| entry.touches), Some(60));
}

#[test]
fn eviction_depends_on_the_log_alone() {
    let names = |reload: bool| {
        let mut table = KeyTable::new(50);
        for step in 0..500_i64 {
            touch(&mut table, &format!("k{}", step * 7 % 130), step);
            if reload && step == 250 {
                let mut other = KeyTable::new(50);
                other.apply(7, read(&table.save_all()));
                table = other;
            }
        }
        read(&table.save_all()).kept.into_iter().map(|entry| entry.key.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(false), names(true));
}

#[test]
fn a_base_and_its_changes_restore_the_table() {
    let (mut table, mut copy) = (KeyTable::new(40), KeyTable::new(40));
    copy.apply(7, read(&table.save_all()));
    for step in 0..300 {
        touch(&mut table, &format!("k{}", step * 11 % 97), step).value += 1;
        if step % 37 == 0 {
            copy.apply(7, read(&table.save_changes()));
            assert_eq!(read(&table.save_all()), read(&copy.save_all()), "after {step}");
        }
    }
}
