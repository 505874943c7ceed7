//! No data makes a table panic, and no number has a digit that was not sent.
#![no_main]

use hes_dlt645::items::{Format, Value, items};
use hes_dlt645::{Data, DataId};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, u32, &[u8])| {
    let (old, di, bytes) = input;
    let id = if old { DataId::V1997(di as u16) } else { DataId::V2007(di) };
    let mut shown = 0;
    for reading in items(id.dialect()).read(id, Data::masked(bytes)) {
        shown += reading.bytes.len();
        let _ = format!("{} {} {:?}", reading.name, reading.value, reading.history);
        let number = match reading.field.format() {
            Format::Number(number) | Format::NumberAt(number) => number,
            _ => continue,
        };
        if let Value::Number(value) = reading.value {
            let mut out = vec![0; number.bytes];
            number.write(value.mantissa, &mut out).expect("what was read can be written");
            let mut sent: Vec<u8> = reading.bytes.iter().take(number.bytes).collect();
            if value.mantissa == 0 && *number == negative(*number) {
                // Minus zero is read as zero.
                *sent.last_mut().expect("a number has bytes") &= 0x7F;
            }
            assert_eq!(out, sent);
        }
    }
    assert!(shown <= bytes.len());
});

fn negative(number: hes_dlt645::items::NumberFormat) -> hes_dlt645::items::NumberFormat {
    hes_dlt645::items::NumberFormat { sign: hes_dlt645::items::Sign::TopBit, ..number }
}
