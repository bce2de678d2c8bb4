//! The loop over a real store, with a clock that stands still and receivers that misbehave.

mod beating;
mod crashes;
mod holding;
mod house;
mod reminding;
mod rhythm;
mod storm;
mod survival;
mod table;

use std::path::PathBuf;

use store::{Epoch, StoreError};

use super::*;

#[test]
fn trouble_that_may_pass_is_waited_out_and_any_other_ends_the_loop() {
    let path = || PathBuf::from("s.db");
    let mut trouble = Trouble::None;
    assert!(trouble.judge(Err(StoreError::Missing { path: path() })).is_ok());
    assert_eq!(trouble, Trouble::Store);
    assert!(trouble.judge(Ok(())).is_ok());
    assert_eq!(trouble, Trouble::None);
    let fenced = StoreError::Fenced { path: path(), mine: Epoch(1), current: Epoch(2) };
    for fatal in [fenced, StoreError::MustReopen { path: path() }] {
        assert!(matches!(trouble.judge(Err(fatal)), Err(DispatchError::Store { .. })));
    }
}
