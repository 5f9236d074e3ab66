//! Metrics as TensorBoard events.
//!
//! A file is a list of records: length (u64), checksum of it, an `Event` message in protocol buffers, checksum of that;
//! checksums are CRC-32C, masked (TensorFlow, `core/lib/io/record_writer.h` and `core/util/event.proto`).

use crate::training::EpochRow;

/// Events of all rows, whose scores have a name; `now` is the time of the last row, in seconds since 1970.
pub(super) fn encode(rows: &[EpochRow], score: &str, now: f64) -> Vec<u8> {
    let mut file = Vec::new();
    let mut time = now - rows.iter().map(|row| row.seconds).sum::<f64>();
    let version = [double(1, time), bytes(3, b"brain.Event:2")].concat();
    record(&mut file, &version);
    let [train_score, test_score] = ["train", "test"].map(|split| format!("{score}/{split}"));
    for row in rows {
        time += row.seconds;
        let values = [
            ("loss/train", row.train_loss),
            ("loss/test", row.test_loss),
            (&train_score, row.train_score),
            (&test_score, row.test_score),
            ("learning_rate", row.learning_rate),
        ];
        let summary: Vec<u8> = values
            .iter()
            .flat_map(|(tag, value)| bytes(1, &[bytes(1, tag.as_bytes()), float(2, *value as f32)].concat()))
            .collect();
        record(&mut file, &[double(1, time), integer(2, row.step), bytes(5, &summary)].concat());
    }
    file
}

fn record(file: &mut Vec<u8>, event: &[u8]) {
    let length = (event.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(masked(&length).to_le_bytes());
    file.extend(event);
    file.extend(masked(event).to_le_bytes());
}

fn masked(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A base-128 integer, lowest seven bits first.
fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// Number of a field together with how it is encoded.
fn key(field: u64, wire: u64) -> Vec<u8> {
    varint(field << 3 | wire)
}

fn integer(field: u64, value: u64) -> Vec<u8> {
    [key(field, 0), varint(value)].concat()
}

fn double(field: u64, value: f64) -> Vec<u8> {
    [key(field, 1), value.to_le_bytes().to_vec()].concat()
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [key(field, 2), varint(value.len() as u64), value.to_vec()].concat()
}

fn float(field: u64, value: f32) -> Vec<u8> {
    [key(field, 5), value.to_le_bytes().to_vec()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_as_tensorflow_writes_them() {
        // The first record of any event file, from TensorFlow's own writer but for the time, which is 0 here.
        let file = encode(&[], "accuracy", 0.0);
        assert_eq!(file[..8], 24_u64.to_le_bytes());
        assert_eq!(file[8..12], [0xa3, 0x7f, 0x4b, 0x22]);
        assert_eq!(&file[12..36], b"\x09\0\0\0\0\0\0\0\0\x1a\x0dbrain.Event:2");
        assert_eq!(file.len(), 40);
        assert_eq!(varint(300), [0xac, 0x02]);
    }
}
