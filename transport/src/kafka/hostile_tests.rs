//! Records no honest producer sends, written to the socket byte by byte.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::test_cluster::{at, cluster, consumer, fill, until};
use super::*;

/// Kafka's variable-length number (zig-zag, little end first).
fn varint(number: usize) -> Vec<u8> {
    let mut left = number << 1;
    let mut bytes = Vec::new();
    while left >= 0x80 {
        bytes.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
        left >>= 7;
    }
    bytes.push(u8::try_from(left).unwrap());
    bytes
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    [varint(bytes.len()), bytes.to_vec()].concat()
}

fn string(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
}

/// The checksum of record batches (Castagnoli), bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 },
        )
    })
}

/// A batch of one record, with a header of this name. `codec` 0 is none; `spoil` is mixed into the checksum.
fn batch(header: &[u8], value: &[u8], codec: u16, spoil: u32) -> Vec<u8> {
    let headers = [varint(1), sized(header), sized(b"v")].concat();
    let body = [vec![0, 0, 0], sized(b"k"), sized(value), headers].concat();
    let records = sized(&body);
    let time = 1_700_000_000_000_i64.to_be_bytes();
    let checked = [
        &codec.to_be_bytes()[..],
        &0_i32.to_be_bytes(),
        &time,
        &time,
        &(-1_i64).to_be_bytes(),
        &(-1_i16).to_be_bytes(),
        &(-1_i32).to_be_bytes(),
        &1_i32.to_be_bytes(),
        &records,
    ]
    .concat();
    let crc = crc32c(&checked) ^ spoil;
    let length = i32::try_from(checked.len() + 9).unwrap();
    [
        &0_i64.to_be_bytes()[..],
        &length.to_be_bytes(),
        &(-1_i32).to_be_bytes(),
        &[2],
        &crc.to_be_bytes(),
        &checked,
    ]
    .concat()
}

/// Sends a produce request (version 3) and reads the broker's whole answer.
fn produce(broker: &MockBroker, topic: &str, batch: &[u8]) {
    let request = [
        &0_i16.to_be_bytes()[..],
        &3_i16.to_be_bytes(),
        &1_i32.to_be_bytes(),
        &string("hostile"),
        &(-1_i16).to_be_bytes(),
        &(-1_i16).to_be_bytes(),
        &5_000_i32.to_be_bytes(),
        &1_i32.to_be_bytes(),
        &string(topic),
        &1_i32.to_be_bytes(),
        &0_i32.to_be_bytes(),
        &i32::try_from(batch.len()).unwrap().to_be_bytes(),
        batch,
    ]
    .concat();
    let address = broker.bootstrap().split(',').next().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&i32::try_from(request.len()).unwrap().to_be_bytes()).unwrap();
    stream.write_all(&request).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).unwrap();
    // Correlation, number of topics, name, number of partitions, partition, then the error code.
    let place = 4 + 4 + 2 + topic.len() + 4 + 4;
    assert_eq!(answer[place..place + 2], [0, 0], "the broker took it");
}

#[test]
fn a_header_name_that_is_not_text_does_not_bring_the_process_down() {
    let broker = cluster(&[("t", 1)]);
    produce(&broker, "t", &batch(b"\xff\xfe", b"hostile", 0, 0));
    produce(&broker, "t", &batch(b"honest", b"honest", 0, 0));
    let consumer = consumer(&broker, "g");
    consumer.assign(&[(at("t", 0), StartAt::Offset(0))]).unwrap();
    let mut came = Vec::new();
    until(&consumer, |polled| {
        if let Polled::Record(record) = polled {
            let names: Vec<_> = record
                .headers()
                .map(|header| match header {
                    Header::Named { name, value: Some(b"v") } => name.to_owned(),
                    Header::Named { .. } => panic!("another value"),
                    Header::Unreadable => "?".to_owned(),
                })
                .collect();
            came.push((record.offset(), record.payload().unwrap().to_vec(), names.concat()));
        }
        (came.len() == 2).then_some(())
    });
    let expected = [(0, b"hostile".to_vec(), "?".to_owned()), (1, b"honest".to_vec(), "honest".to_owned())];
    assert_eq!(came, expected);
}

#[test]
fn a_damaged_batch_is_told_once_with_its_place_and_an_operator_can_step_over_it() {
    let broker = cluster(&[("t", 1), ("u", 1)]);
    fill(&broker, "t", 0, &[b"a"]);
    produce(&broker, "t", &batch(b"h", b"damaged", 0, 1));
    produce(&broker, "t", &batch(b"h", b"whole", 0, 0));
    let consumer = consumer(&broker, "g");
    consumer.assign(&[(at("t", 0), StartAt::Offset(0)), (at("u", 0), StartAt::Offset(0))]).unwrap();
    let mut values = Vec::new();
    let mut unreadable = Vec::new();
    let mut ends = 0;
    until(&consumer, |polled| {
        match polled {
            Polled::Record(record) => values.push((record.offset(), record.payload().unwrap().to_vec())),
            Polled::Unreadable { at, offset, reason } => {
                assert!(reason.contains("CRC32C"), "{reason}");
                unreadable.push((at, offset));
                // The client would ask for the same batch for ever.
                consumer.assign(&[(TopicPartition::new("t", 0), StartAt::Offset(2))]).unwrap();
            }
            Polled::PartitionEof { .. } => ends += 1,
            _ => {}
        }
        (values.len() == 2 && ends == 2).then_some(())
    });
    assert_eq!(values, [(0, b"a".to_vec()), (2, b"whole".to_vec())]);
    assert_eq!(unreadable, [(Some(at("t", 0)), Some(1))]);
}

#[test]
fn a_batch_in_an_unknown_compression_is_told() {
    let broker = cluster(&[("t", 1)]);
    produce(&broker, "t", &batch(b"h", b"x", 7, 0));
    let consumer = consumer(&broker, "g");
    consumer.assign(&[(at("t", 0), StartAt::Offset(0))]).unwrap();
    let found = until(&consumer, |polled| match polled {
        Polled::Unreadable { at, .. } => Some(at),
        Polled::Record(record) => panic!("{record:?}"),
        _ => None,
    });
    assert_eq!(found, Some(at("t", 0)));
}
