//! From frames to values without touching the heap, counted by the allocator itself.

use std::hint::black_box;

use hes_dlms::Obis;
use hes_dlms::apdu::{Apdu, DataNotification, GetResponse, GetResult, InvokeId};
use hes_dlms::axdr::{ClockStatus, Data, Date, DateTime, List, Time};
use hes_dlms::cosem::profile::{CaptureObject, Layout, NullData, RowOrder, Rows};
use hes_dlms::hdlc::{Frame, Llc};

/// The published frames, each on its own.
fn frames() -> Vec<Vec<u8>> {
    let vectors = include_str!("../vectors/dlms.jsonl").lines().filter(|line| line.contains("\"layer\":\"hdlc\""));
    let hex = vectors.filter_map(|line| line.split("\"hex\":\"").nth(1)?.split('"').next());
    let mut octets = vec![0; 4_096];
    hex.map(|hex| hes_wire::hex::read(hex, &mut octets).expect("vectors are hexadecimal").to_vec()).collect()
}

/// All values inside of a value.
fn values(data: &Data<'_>) -> usize {
    1 + data.list().into_iter().flatten().map(|member| values(&black_box(member))).sum::<usize>()
}

fn decode(frames: &[Vec<u8>]) -> (usize, usize) {
    let (mut decoded, mut found) = (0, 0);
    for frame in frames.iter().flat_map(|bytes| Frame::parse_all(bytes)).flatten() {
        decoded += 1;
        match Apdu::decode(Llc::strip(frame.information).1) {
            Ok(Apdu::DataNotification(DataNotification { body, .. })) => found += values(&body),
            Ok(Apdu::GetResponse(GetResponse::Normal { result: GetResult::Data(data), .. })) => found += values(&data),
            other => {
                black_box(&other);
            }
        }
    }
    (decoded, found)
}

#[test]
fn frames_and_their_values_are_decoded_without_one_allocation() {
    let frames = frames();
    let mut seen = (0, 0);
    let counted = allocation_counter::measure(|| seen = decode(&frames));
    assert!(seen.0 > 80 && seen.1 > 300, "{seen:?}");
    assert_eq!(counted.count_total, 0);
}

/// A GET response with a load profile of a thousand rows.
fn profile() -> Vec<u8> {
    let start = DateTime::new(Date::new(2026, 1, 1).expect("a day"), Time::MIDNIGHT, Some(0), ClockStatus(0));
    let times: Vec<DateTime> = (0..1_000).map(|row| start.plus_seconds(row * 900).expect("a moment")).collect();
    let cells: Vec<[Data<'_>; 4]> = times
        .iter()
        .zip(0_u32..)
        .map(|(time, row)| {
            let energy = Data::DoubleLongUnsigned(1_000_000 + row);
            [Data::OctetString(time.octets()), Data::Unsigned(0), energy, Data::DoubleLongUnsigned(row)]
        })
        .collect();
    let rows: Vec<Data<'_>> = cells.iter().map(|row| Data::Structure(List::from(row))).collect();
    let result = GetResult::Data(Data::Array(rows[..].into()));
    let mut out = Vec::new();
    let apdu = Apdu::GetResponse(GetResponse::Normal { invoke: InvokeId::confirmed(1), result });
    apdu.encode(&mut out).expect("an answer moves no relay");
    out
}

#[test]
fn a_thousand_rows_cost_the_memory_of_one() {
    let wire = profile();
    let energy = |d| CaptureObject::new(3, Obis::new(1, 0, d, 8, 0, 255), 2);
    let status = CaptureObject::new(1, Obis::new(0, 0, 96, 10, 1, 255), 2);
    let columns = [CaptureObject::CLOCK, status, energy(1), energy(2)];
    let layout = Layout {
        columns: &columns,
        capture_period_s: 900,
        null_data: NullData::AsBefore,
        order: RowOrder::OldestFirst,
    };
    let mut sum = 0_u64;
    let counted = allocation_counter::measure(|| {
        let Ok(Apdu::GetResponse(GetResponse::Normal { result: GetResult::Data(buffer), .. })) = Apdu::decode(&wire)
        else {
            panic!("a profile")
        };
        let mut rows = Rows::new(&buffer, &layout).expect("an array of rows");
        while let Some(row) = rows.next_row() {
            let row = row.expect("four columns");
            sum += row[3].value.number::<u64>().expect("a number");
        }
    });
    assert_eq!((sum, counted.count_total), (999 * 1_000 / 2, 1));
}
