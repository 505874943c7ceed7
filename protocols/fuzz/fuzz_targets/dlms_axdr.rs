//! A value is as long as it says, inside too; what is written is read back; and reading costs no more than its octets.
#![no_main]

use hes_dlms::axdr::Data;
use hes_dlms::cosem::association::objects;
use hes_dlms::cosem::profile::{CaptureObject, Layout, NullData, RowOrder, Rows};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(data) = Data::decode(bytes) else { return };
    let mut left = 200_000;
    walk(&data, &mut left);
    let written = data.encode();
    let again = Data::decode(&written).expect("what was written is a value");
    assert_eq!(again.encode(), written);
    if let Ok(objects) = objects(&data) {
        let _read = objects.take_while(Result::is_ok).count();
    }
    let columns = [CaptureObject::CLOCK, CaptureObject::CLOCK];
    let layout = Layout {
        columns: &columns,
        capture_period_s: 900,
        null_data: NullData::AsBefore,
        order: RowOrder::OldestFirst,
    };
    if let Ok(mut rows) = Rows::new(&data, &layout) {
        while let Some(row) = rows.next_row() {
            assert!(row.is_err() || row.is_ok_and(|row| row.len() == columns.len()));
        }
    }
});

fn walk(data: &Data<'_>, left: &mut usize) {
    let Some(list) = data.list() else { return };
    let mut count = 0;
    for member in list {
        count += 1;
        let Some(fewer) = left.checked_sub(1) else { return };
        *left = fewer;
        walk(&member, left);
    }
    assert_eq!(count, list.len());
}
