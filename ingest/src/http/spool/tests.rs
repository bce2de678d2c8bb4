//! Crashes, failing disks and bounds of the spool.

use super::*;

fn frame(number: u64) -> Frame {
    Frame {
        received_ms: 1_000 + i64::try_from(number).unwrap(),
        kind: Kind::Taken,
        bytes: number.to_string().into(),
    }
}

fn open(folder: &Path) -> Spool {
    Spool::open(folder, None, u64::MAX).unwrap()
}

/// What all files hold, in order.
fn held(folder: &Path) -> Vec<Frame> {
    let mut all = Vec::new();
    for (first, path) in segments(folder).unwrap() {
        assert_eq!(first, all.len() as u64, "{}", path.display());
        let mut reader = BufReader::new(File::open(path).unwrap());
        while let Read::Frame(frame) = read(&mut reader).unwrap() {
            all.push(frame);
        }
    }
    all
}

#[test]
fn frames_come_back_as_they_were_and_numbers_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<_> = (0..10).map(frame).collect();
    for pair in all.chunks(2) {
        open(folder.path()).append(pair).unwrap();
    }
    assert_eq!(held(folder.path()), all);
    assert_eq!(open(folder.path()).shared().next(), 10);
}

#[test]
fn a_frame_that_a_crash_tore_anywhere_is_cut_off_and_the_others_stay() {
    let whole = tempfile::tempdir().unwrap();
    let all: Vec<_> = (0..3).map(frame).collect();
    open(whole.path()).append(&all).unwrap();
    let name = segments(whole.path()).unwrap()[0].1.file_name().unwrap().to_owned();
    let bytes = std::fs::read(whole.path().join(&name)).unwrap();
    let size = usize::try_from(all[0].size()).unwrap();
    for length in 0..bytes.len() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(&name), &bytes[..length]).unwrap();
        let mut spool = open(folder.path());
        let kept = length / size;
        assert_eq!(spool.shared().next(), kept as u64, "{length}");
        spool.append(&[frame(9)]).unwrap();
        let expected: Vec<_> = all[..kept].iter().cloned().chain([frame(9)]).collect();
        assert_eq!(held(folder.path()), expected, "{length}");
    }
}

#[test]
fn a_frame_with_another_bit_is_none() {
    let mut bytes = Vec::new();
    frame(7).write(&mut bytes);
    for bit in 0..bytes.len() * 8 {
        let mut other = bytes.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(read(&mut &other[..]).unwrap(), Read::Torn, "{bit}");
    }
}

#[test]
fn a_write_that_fails_leaves_nothing_behind_and_the_next_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    spool.append(&[frame(0)]).unwrap();
    let good = spool.flush;
    // Half of it comes to disk, then the disk is full.
    spool.flush = |file, bytes| {
        file.write_all(&bytes[..bytes.len() / 2])?;
        Err(io::ErrorKind::StorageFull.into())
    };
    assert!(matches!(spool.append(&[frame(1), frame(2)]), Err(SpoolError::Unusable { .. })));
    assert_eq!(spool.shared().next(), 1);
    spool.flush = good;
    spool.append(&[frame(3)]).unwrap();
    assert_eq!(held(folder.path()), [frame(0), frame(3)]);
    assert_eq!(open(folder.path()).shared().next(), 2);
}

#[cfg(unix)]
#[test]
fn a_write_that_cannot_be_undone_stops_the_spool_until_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    // A device that is always full, and cannot be cut.
    let name = folder.path().join(format!("{:020}.{EXTENSION}", 0));
    std::os::unix::fs::symlink("/dev/full", &name).unwrap();
    assert!(spool.append(&[frame(0)]).is_err());
    std::fs::remove_file(&name).unwrap();
    assert!(spool.append(&[frame(0)]).is_err());
    assert_eq!(spool.shared().take_troubles().len(), 1);
    open(folder.path()).append(&[frame(0)]).unwrap();
    assert_eq!(held(folder.path()), [frame(0)]);
}

#[test]
fn what_is_saved_is_forgotten_in_whole_files_and_space_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let size = frame(0).size();
    let mut spool = Spool::open(folder.path(), None, 4 * size).unwrap();
    spool.segment = size;
    for number in 0..4 {
        spool.append(&[frame(number)]).unwrap();
    }
    assert!(matches!(spool.append(&[frame(4)]), Err(SpoolError::Full(_))));
    assert_eq!(segments(folder.path()).unwrap().len(), 4);
    let left = |saved| {
        forget(folder.path(), saved, &spool.shared).unwrap();
        segments(folder.path()).unwrap().iter().map(|(first, _)| *first).collect::<Vec<_>>()
    };
    assert_eq!(left(0), [0, 1, 2, 3]);
    assert_eq!(left(2), [2, 3]);
    // The last file is still written.
    assert_eq!(left(4), [3]);
    spool.append(&[frame(4)]).unwrap();
}

#[test]
fn numbers_that_were_read_are_never_given_again_even_if_the_files_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), Some(7), u64::MAX).unwrap();
    assert_eq!(spool.shared().take_troubles().len(), 1);
    spool.append(&[frame(0)]).unwrap();
    assert_eq!(spool.shared().next(), 8);
    assert_eq!(segments(folder.path()).unwrap()[0].0, 7);
}
