//! Two readings of the standard, held against each other: what a meter sends, the head-end's table of items must be
//! able to read, in the length it expects.

use hes_dlt645::items::{Name, Value, items};
use hes_dlt645::{Data, DataId, Dialect as Edition};
use hes_sim::LoadKind;
use hes_sim::meter::{Dialect, Measures, Meter, MeterSpec};

use crate::master::{SEED, at};

/// Reads a value with the table and returns what was found, as `name=value`.
fn read(edition: Edition, item: u32, value: &[u8]) -> Vec<String> {
    let id = match edition {
        Edition::V2007 => DataId::V2007(item),
        Edition::V1997 => DataId::V1997(u16::try_from(item).unwrap()),
    };
    let mut found = Vec::new();
    for reading in items(edition).read(id, Data::plain(value)) {
        if let Value::None(why) = reading.value {
            assert_ne!(why.to_string(), "malformed", "{item:08X}: {} in {value:02X?}", reading.name);
        }
        found.push(format!("{}={}", Name::to_string(&reading.name), reading.value));
    }
    assert!(!found.is_empty(), "{item:08X} says nothing: {value:02X?}");
    found
}

#[test]
fn everything_a_2007_meter_sends_can_be_read() {
    let now = at("2026-11-20T17:10:00");
    let builds = [
        MeterSpec { prepaid: true, measures: Measures::Active, ..MeterSpec::household(1) },
        MeterSpec { kind: LoadKind::Commercial, phases: 3, ..MeterSpec::household(2) },
        MeterSpec { kind: LoadKind::Solar, phases: 3, ..MeterSpec::household(3) },
    ];
    let mut asked: Vec<u32> = Vec::new();
    for di2 in 0..=0x0A_u32 {
        asked.extend([0x0000, 0xFF00, 0x0100, 0x0400, 0x0001, 0xFF0C, 0x00FF, 0x02FF].map(|low| di2 << 16 | low));
        asked.extend([0x0000, 0xFF00, 0x0400, 0xFF0C].map(|low| 0x0100_0000 | di2 << 16 | low));
    }
    asked.extend([0x0015_0000, 0x0029_0000, 0x0044_0000, 0x0090_0100, 0x0090_0200, 0x0090_0201]);
    for di2 in 1..=9_u32 {
        asked.extend([0x0000, 0x0100, 0x0300, 0xFF00].map(|low| 0x0200_0000 | di2 << 16 | low));
    }
    asked.extend((1..=0x0A).map(|di0| 0x0280_0000 | di0));
    asked.extend([0x0301_0000, 0x0311_0000, 0x0311_0001, 0x0330_0000, 0x0330_0D00, 0x0330_0400]);
    asked.extend([0x1D00_0001, 0x1D00_0101, 0x1E00_0001, 0x1E00_0101]);
    for parameters in [
        0x0400_0101..=0x0400_0107,
        0x0400_0201..=0x0400_0206,
        0x0400_0401..=0x0400_040D,
        0x0400_0501..=0x0400_0507,
        0x0400_0601..=0x0400_0603,
        0x0400_0B01..=0x0400_0B03,
        0x0400_1001..=0x0400_1003,
    ] {
        asked.extend(parameters);
    }
    asked.push(0x0400_05FF);
    for freeze in [0x0500_0001, 0x0506_0001, 0x0506_003E] {
        asked.extend((0..=0x0A).chain([0x10, 0xFF]).map(|di1| freeze | di1 << 8));
    }
    asked.extend([0x0504_0001, 0x0504_0101, 0x0504_0201]);
    asked.extend((0..=6).map(|di2| 0x0600_0002 | di2 << 16));
    let mut read_some = 0;
    for spec in builds {
        let meter = Meter::new(&spec, SEED, now);
        for item in &asked {
            if let Some(value) = meter.item(*item, now) {
                let found = read(Edition::V2007, *item, &value);
                assert!(!found[0].starts_with("unknown"), "{item:08X}: {found:?}");
                read_some += 1;
            }
        }
    }
    assert!(read_some > 600, "{read_some}");
}

#[test]
fn everything_a_1997_meter_sends_can_be_read() {
    let now = at("2026-11-20T17:10:00");
    let spec = MeterSpec { dialect: Dialect::Edition1997, phases: 3, ..MeterSpec::household(5) };
    let meter = Meter::new(&spec, SEED, now);
    for item in [
        0x9010, 0x9011, 0x901F, 0x9020, 0x9110, 0x9120, 0x9130, 0x9140, 0x9150, 0x9160, 0x9410, 0x941F, 0x9810, 0xA010,
        0xB010, 0xB611, 0xB613, 0xB621, 0xB630, 0xB640, 0xB650, 0xC010, 0xC011, 0xC020, 0xC032,
    ] {
        let value = meter.item(item, now).unwrap_or_else(|| panic!("{item:04X} is answered"));
        let found = read(Edition::V1997, item, &value);
        assert!(!found[0].starts_with("unknown"), "{item:04X}: {found:?}");
    }
}
