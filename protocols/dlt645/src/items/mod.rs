//! Data items: what the bytes behind an identification mean.
//!
//! The knowledge is data, `config/dlt645/items-2007.toml` and `items-1997.toml`; this module compiles it once into a table
//! that finds an item in four steps whatever its number, and reads answers without allocating. What the table does not
//! know comes out raw, and what has another length than it should comes out malformed: never a wrong number.
//!
//! A table names items by the standard's identifiers and carries OBIS codes; it knows nothing of registers or meters.

mod format;
mod reading;
mod source;
mod table;
mod word;

use std::sync::LazyLock;

pub use format::{Decimal, Digits, Format, NoValue, NumberFormat, Sign, Text, Value};
pub use reading::{Name, Reading, Readings};
pub use table::{Field, FreezeKind, History, Items, ItemsError, Place};
pub use word::{BitField, Word, WordTable};

use crate::Dialect;

/// The table of a dialect that ships with `hes`.
pub fn items(dialect: Dialect) -> &'static Items {
    static V2007: LazyLock<Items> = LazyLock::new(|| {
        Items::parse(Dialect::V2007, include_str!("../../../../config/dlt645/items-2007.toml"))
            .expect("config/dlt645/items-2007.toml is checked by a test")
    });
    static V1997: LazyLock<Items> = LazyLock::new(|| {
        Items::parse(Dialect::V1997, include_str!("../../../../config/dlt645/items-1997.toml"))
            .expect("config/dlt645/items-1997.toml is checked by a test")
    });
    match dialect {
        Dialect::V2007 => &V2007,
        Dialect::V1997 => &V1997,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Data, DataId};

    /// Each value as `name=value unit`, with what else is known of it.
    fn read(id: &str, bytes: &[u8]) -> Vec<String> {
        let id: DataId = id.parse().unwrap();
        let readings = items(id.dialect()).read(id, Data::plain(bytes));
        let show = |reading: Reading<'_>| {
            let mut text = format!("{}={}", reading.name, reading.value);
            if let Value::None(why) = reading.value {
                text += &format!("<{why}>");
            }
            if !reading.field.unit().is_empty() {
                text += &format!(" {}", reading.field.unit());
            }
            if reading.history != History::Now {
                text += &format!(" {:?}", reading.history);
            }
            for (what, at) in [("occurred", reading.occurred), ("latched", reading.latched)] {
                if let Some(at) = at {
                    text += &format!(" {what} {at}");
                }
            }
            if reading.sum_failed {
                text += " sum failed";
            }
            text
        };
        readings.map(show).collect()
    }

    #[test]
    fn the_shipped_tables_compile() {
        for dialect in [Dialect::V2007, Dialect::V1997] {
            assert_eq!(items(dialect).dialect(), dialect);
        }
    }

    #[test]
    fn a_block_has_as_many_tariffs_as_arrive() {
        let five = [[0x10, 0, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0], [3, 0, 0, 0], [4, 0, 0, 0]].concat();
        assert_eq!(read("0001FF00", &five)[4], "forward_active_energy_tariff4=0.04 kWh");
        assert_eq!(read("0001FF01", &five[..4]), ["forward_active_energy_total=0.10 kWh Settlement(1)"]);
        assert_eq!(read("00010300", &five[..4]), ["forward_active_energy_tariff3=0.10 kWh"]);
        assert_eq!(read("0001FF00", &five[..18]), ["forward_active_energy=<malformed>"]);
        assert_eq!(read("000100FF", &five[..8])[1], "forward_active_energy_total=0.01 kWh Settlement(1)");
        assert_eq!(read("00010000", &[]), ["forward_active_energy_total=<malformed> kWh"]);
    }

    #[test]
    fn what_is_unknown_comes_out_raw() {
        assert_eq!(read("04CC0001", &[0x11, 0xAA]), ["unknown=11AA"]);
        assert_eq!(read("0001FFFF", &[0; 52]), [format!("unknown={}", "00".repeat(52))]);
        assert_eq!(read("33343233", &[1]), ["unknown=01"]);
    }

    #[test]
    fn a_missing_phase_is_absent_in_a_block() {
        assert_eq!(
            read("0201FF00", &[0x19, 0x23, 0xFF, 0xFF, 0x1A, 0x23]),
            ["voltage_a=231.9 V", "voltage_b=<absent> V", "voltage_c=<not_bcd> V"]
        );
    }

    #[test]
    fn a_maximum_demand_says_when() {
        assert_eq!(
            read("01010000", &[0x34, 0x12, 0, 0x30, 0x18, 0x02, 0x03, 0x24]),
            ["forward_active_demand_total=0.1234 kW occurred 2024-03-02T18:30:00"]
        );
    }

    #[test]
    fn a_freeze_block_is_read_part_by_part_with_its_time() {
        let time = [0, 0, 9, 0x10, 0x15, 0xAA];
        let forward = [0x10, 0, 0, 0, 1, 0, 0, 0, 0xAA];
        let damaged = [1, 2, 3, 0xAA];
        assert_eq!(
            read("0506FF01", &[&time[..], &forward, &[0xAA], &damaged].concat()),
            [
                "freeze_time=2015-10-09T00:00 Freeze(Daily, 1)",
                "forward_active_energy_total=0.10 kWh Freeze(Daily, 1) latched 2015-10-09T00:00:00",
                "forward_active_energy_tariff1=0.01 kWh Freeze(Daily, 1) latched 2015-10-09T00:00:00",
                "combined_reactive_1_energy=<malformed> Freeze(Daily, 1) latched 2015-10-09T00:00:00",
            ]
        );
        assert_eq!(read("0504013E", &[1, 0, 0, 0]), ["forward_active_energy_total=0.01 kWh Freeze(Hourly, 62)"]);
    }

    #[test]
    fn all_run_status_words_are_read_bit_by_bit() {
        let words = [0, 0, 0, 0, 0x50, 0, 1, 0, 0, 0, 0, 0, 0x20, 0];
        assert_eq!(read("040005FF", &words)[2], "run_status_3=0050");
        let table = items(Dialect::V2007);
        let mut readings = table.read(DataId::V2007(0x0400_0503), Data::plain(&[0x50, 0x02]));
        let Some(Value::Word(word)) = readings.next().map(|reading| reading.value) else { panic!("not a word") };
        assert_eq!(
            (word.part("relay"), word.part("relay_command"), word.part("pre_trip_alarm")),
            (Some(1), Some(1), Some(0))
        );
        let kind = word.parts().find(|(field, _)| &*field.name == "meter_kind").unwrap();
        assert_eq!(kind.0.meaning(kind.1), Some("money_prepaid"));
    }

    /// A load-profile record of a quarter past ten or later, with what its length says too much.
    fn load_record(minute: u8, classes: &[u8], over: u8) -> Vec<u8> {
        summed_from(0, minute, classes, over)
    }

    /// The same, its sum without the bytes before `from`.
    fn summed_from(from: usize, minute: u8, classes: &[u8], over: u8) -> Vec<u8> {
        let body = [&[minute, 0x10, 9, 0x10, 0x15], classes].concat();
        let mut record = [&[0xA0, 0xA0, u8::try_from(body.len()).unwrap() + over], &body[..]].concat();
        record.extend([record[from..].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)), 0xE5]);
        record
    }

    /// Class 4 alone.
    fn energies() -> Vec<u8> {
        let values = [[1, 0, 0, 0], [2, 0, 0, 0], [3, 0, 0, 0x80], [4, 0, 0, 0]].concat();
        [&[0xAA; 3][..], &values, &[0xAA; 3]].concat()
    }

    /// Of a record that is not believed.
    const DISTRUSTED: &str = "unknown=<malformed> Load sum failed";

    #[test]
    fn load_profile_records_are_read_class_by_class() {
        let read_two = read("06040001", &load_record(0x15, &energies(), 0).repeat(2));
        assert_eq!(read_two.len(), 8);
        assert_eq!(read_two[6], "combined_reactive_1_energy_total=-0.03 kvarh Load latched 2015-10-09T10:15:00");
        assert_eq!(read("06040001", &[0; 9]), [DISTRUSTED]);
        assert_eq!(read("06040001", &[0xA0]), [DISTRUSTED]);
    }

    #[test]
    fn a_load_profile_record_of_another_length_is_never_read_nor_its_time() {
        let whole = load_record(0x15, &energies(), 0);
        for cut in 1..whole.len() {
            assert_eq!(read("06040001", &whole[..cut]), [DISTRUSTED], "{cut}");
        }
        // Its end mark where no time has room.
        assert_eq!(read("06040001", &[0xA0, 0xA0, 0, 0x40, 0xE5, 0xA0, 0xA0, 0x12]), [DISTRUSTED]);
    }

    #[test]
    fn the_length_of_a_load_profile_record_may_count_its_sum_and_its_end() {
        for over in 0..=2 {
            let records = [load_record(0x15, &energies(), over), load_record(0x30, &energies(), over)].concat();
            assert_eq!(read("06040001", &records).len(), 8, "{over}");
        }
        assert_eq!(read("06040001", &load_record(0x15, &energies(), 3)), [DISTRUSTED]);
        assert_eq!(read("06040001", &load_record(0x15, &energies(), 0xFF - 27)), [DISTRUSTED]);
    }

    #[test]
    fn a_load_profile_record_of_another_sum_is_not_read_among_right_ones_nor_its_time() {
        // The sum, a digit, the time.
        for damaged in [30, 12, 3] {
            for from in [0, 2, 3] {
                let next = summed_from(from, 0x30, &energies(), 0);
                let mut bad = summed_from(from, 0x15, &energies(), 0);
                bad[damaged] ^= 0x01;
                let values = read("06040001", &[&bad[..], &next].concat());
                assert_eq!(values[0], DISTRUSTED, "{damaged} {from}");
                assert_eq!(values[1], "forward_active_energy_total=0.01 kWh Load latched 2015-10-09T10:30:00");
                assert_eq!(values.len(), 5);
            }
        }
    }

    #[test]
    fn what_the_meter_marks_as_bad_has_a_time_where_its_sum_is_right() {
        let mut bad = summed_from(2, 0x15, &energies(), 0);
        (bad[0], bad[1]) = (0xE0, 0xE0);
        let values = read("06040001", &[&bad[..], &load_record(0x30, &energies(), 0)].concat());
        assert_eq!(values[0], DISTRUSTED, "the others sum up from the first mark on");
        let values = read("06040001", &[&bad[..], &summed_from(2, 0x30, &energies(), 0)].concat());
        assert_eq!(values[0], "unknown=<malformed> Load latched 2015-10-09T10:15:00");
        assert_eq!(values.len(), 5);
        bad[12] ^= 0x01;
        assert_eq!(read("06040001", &bad), [DISTRUSTED], "by itself neither");
    }

    #[test]
    fn load_profile_records_whose_sums_fit_no_rule_are_read_and_say_so() {
        let failing = |minute: u8| {
            let mut record = load_record(minute, &energies(), 0);
            let sum = record.len() - 2;
            record[sum] ^= 0x55;
            record
        };
        let (one, many) = (failing(0x15), [0x00, 0x15, 0x30].map(failing).concat());
        let values = read("06040001", &one);
        assert_eq!(values[0], "forward_active_energy_total=0.01 kWh Load latched 2015-10-09T10:15:00 sum failed");
        assert_eq!(values.len(), 4);
        assert_eq!(read("06040001", &many).len(), 12);
        // One that fits by chance does not speak against all the others.
        let by_chance = [&many[..], &load_record(0x45, &energies(), 0)].concat();
        let values = read("06040001", &by_chance);
        assert_eq!(values.len(), 16);
        assert!(values.iter().take(12).all(|value| value.ends_with("sum failed")), "{values:?}");
        assert!(values.iter().skip(12).all(|value| value.ends_with("T10:45:00")), "{values:?}");
        // What has no time of its own is nobody's.
        let mut timeless = one;
        timeless[6] = 0x13;
        assert_eq!(read("06040001", &timeless), [DISTRUSTED]);
    }

    #[test]
    fn a_class_of_another_length_costs_no_other_class() {
        let one_phase = [&[0x05, 0x22, 0x50, 0x01, 0x00][..], &energies()].concat();
        let values = read("06000001", &[load_record(0x15, &one_phase, 0), load_record(0x30, &energies(), 0)].concat());
        assert_eq!(values[0], "unknown=<malformed> Load latched 2015-10-09T10:15:00");
        assert_eq!(values[1], "forward_active_energy_total=0.01 kWh Load latched 2015-10-09T10:15:00");
        assert_eq!(values.len(), 9);
        // Seven ends are more than there are classes: nobody knows which is which.
        let values = read("06000001", &load_record(0x15, &[&[0xAA][..], &energies()].concat(), 0));
        assert_eq!(values, ["unknown=<malformed> Load latched 2015-10-09T10:15:00"]);
    }

    #[test]
    fn event_records_begin_with_what_is_known_of_them() {
        let record = [[1, 2, 3, 4, 5, 0x24], [2, 2, 3, 4, 5, 0x24]].concat();
        assert_eq!(
            read("03110001", &record),
            ["power_down_start=2024-05-04T03:02:01 Record(1)", "power_down_end=2024-05-04T03:02:02 Record(1)"]
        );
        assert_eq!(read("03300D02", &[&record[..], &[7, 8]].concat())[2], "cover_open_rest=0708 Record(2)");
        assert_eq!(read("03110001", &record[..11]), ["power_down=<malformed> Record(1)"]);
        assert_eq!(read("03010000", &[[1, 0, 0], [5, 0, 0]].concat().repeat(3))[5], "loss_of_voltage_minutes_c=5 min");
    }

    #[test]
    fn purchases_are_read_part_by_part_and_as_a_block() {
        let time = [0x15, 0x10, 0x09, 0x10, 0x24];
        let amounts = [[0x00, 0x50, 0, 0], [0x34, 0x12, 0, 0], [0x34, 0x62, 0, 0], [0x00, 0x99, 0x09, 0]].concat();
        assert_eq!(
            read("0333FF02", &[&time[..], &[0x17, 0x00], &amounts].concat()),
            [
                "money_purchase_time=2024-10-09T10:15 Record(2)",
                "money_purchase_count=17 times Record(2)",
                "money_purchase_amount=50.00 yuan Record(2)",
                "money_purchase_before=12.34 yuan Record(2)",
                "money_purchase_after=62.34 yuan Record(2)",
                "money_purchase_sum=999.00 yuan Record(2)",
            ]
        );
        assert_eq!(read("03320101", &time), ["energy_purchase_time=2024-10-09T10:15 Record(1)"]);
        assert_eq!(read("03320201", &[0x17, 0]), ["energy_purchase_count=17 times Record(1)"]);
        assert_eq!(read("0332060A", &amounts[..4]), ["energy_purchase_sum=50.00 kWh Record(10)"]);
        assert_eq!(read("0333FF02", &amounts), ["money_purchase=<malformed> Record(2)"]);
        assert_eq!(read("03330701", &[0; 4]), ["unknown=00000000"]);
    }

    #[test]
    fn prices_limits_and_consumption_are_read_in_their_units() {
        let four = [0x83, 0x52, 0, 0];
        assert_eq!(read("02800020", &four), ["price=0.5283 yuan/kWh"]);
        assert_eq!(read("02800021", &four), ["tariff_price=0.5283 yuan/kWh"]);
        assert_eq!(read("04050104", &four), ["prices_1_tariff4=0.5283 yuan/kWh"]);
        assert_eq!(read("040502FF", &four.repeat(2))[1], "prices_2_tariff2=0.5283 yuan/kWh");
        assert_eq!(read("04000F04", &four), ["overdraft_energy_limit=52.83 kWh"]);
        assert_eq!(read("04001005", &four), ["closing_money_limit=52.83 yuan"]);
        assert_eq!(read("000B0001", &four), ["last_settlement_consumption=52.83 kWh"]);
        assert_eq!(read("000C0000", &[0x83, 0x52, 0, 0x80]), ["month_consumption=-52.83 kWh"]);
        assert_eq!(read("04001501", &[&[0; 12][..], &[0xAA, 0xAA]].concat())[1], "rest=AAAA");
    }

    #[test]
    fn events_of_the_supplement_are_read_item_by_item() {
        let at = [1, 2, 3, 4, 5, 0x24];
        assert_eq!(read("10000001", &[0x12, 0, 0]), ["loss_of_voltage_count_total=12 times"]);
        assert_eq!(read("10000201", &at), ["loss_of_voltage_end_total=2024-05-04T03:02:01"]);
        assert_eq!(read("13020002", &[0x12, 0, 0]), ["phase_break_minutes_b=12 min"]);
        assert_eq!(read("1303010A", &at), ["phase_break_start_c=2024-05-04T03:02:01 Record(10)"]);
        assert_eq!(read("12012501", &at), ["over_voltage_end_a=2024-05-04T03:02:01 Record(1)"]);
        assert_eq!(read("1F000101", &at), ["power_factor_low_start=2024-05-04T03:02:01 Record(1)"]);
        // Where these end is not known.
        assert_eq!(read("18013101", &at), ["unknown=010203040524"]);
        let trip = [&at[..], &[0xAA, 9, 9, 9, 9, 0xAA]].concat();
        assert_eq!(read("1D00FF01", &trip), ["trip_time=2024-05-04T03:02:01 Record(1)", "rest=AA09090909AA Record(1)"]);
        assert_eq!(read("1E000301", &[0x10, 0, 0, 0]), ["close_forward_active_energy=0.10 kWh Record(1)"]);
    }

    #[test]
    fn quadrant_demands_of_1997_have_the_order_of_its_energies() {
        for (di, name) in [("A130", "q1"), ("A140", "q4"), ("A150", "q2"), ("A160", "q3")] {
            assert_eq!(read(di, &[0x34, 0x12, 0]), [format!("reactive_{name}_demand_total=0.1234 kvar")]);
        }
        assert_eq!(read("A9F1", &[0; 3]), ["unknown=000000"]);
        assert_eq!(
            read("A53F", &[0x34, 0x12, 0, 1, 0, 0, 0xAA])[1],
            "reactive_q1_demand_tariff1=0.0001 kvar Settlement(1)"
        );
        assert_eq!(read("B120", &[0x30, 0x18, 2, 3]), ["reverse_reactive_demand_time_total=03021830"]);
        let obis = [1, 0, 8, 6, 0, 255];
        let place = items(Dialect::V1997).place(obis, History::Settlement(2)).unwrap();
        assert_eq!(place.single.map(|id| id.to_string()), Some("A940".to_owned()));
    }

    #[test]
    fn counts_times_and_tables_of_1997_are_read() {
        assert_eq!(read("B212", &[0x17, 0]), ["programming_count=17 times"]);
        assert_eq!(read("B312", &[0x17, 0]), ["phase_break_count_b=17 times"]);
        assert_eq!(read("B32F", &[1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0, 0, 0xAA])[3], "phase_break_minutes_c=4 min");
        assert_eq!(read("B343", &[0x30, 0x18, 2, 3]), ["phase_break_end_c=03021830"]);
        assert_eq!(read("C117", &[0x00, 0x01]), ["reading_day=0100"]);
        assert_eq!(read("C33F", &[1, 0, 8, 2, 0, 0x22, 0xAA]), ["periods_1_1=080001", "periods_1_2=220002"]);
        assert_eq!(read("C112", &[5]), ["demand_slide=5"], "sources disagree on its unit");
    }

    #[test]
    fn a_record_of_voltage_of_its_full_length_is_read_to_its_end() {
        let times = [[1, 2, 3, 4, 5, 0x24], [2, 2, 3, 4, 5, 0x24]].concat();
        let energies = [[0x10, 0, 0, 0], [0x20, 0, 0, 0], [0x30, 0, 0, 0x80], [0x40, 0, 0, 0]].concat();
        let values = [0x05, 0x12, 0x50, 0x01, 0x80, 0x34, 0x12, 0x80, 0, 0, 0, 0x95, 0x09];
        let phase = [&energies[..], &values].concat();
        let record = [&times[..], &energies, &phase.repeat(3), &energies[..4].repeat(4)].concat();
        assert_eq!(record.len(), 131);
        let found = read("03010201", &record);
        assert_eq!(found.len(), 2 + 4 + 3 * 9 + 4);
        for expected in [
            "loss_of_voltage_end_b=2024-05-04T03:02:02 Record(1)",
            "loss_of_voltage_combined_reactive_1_energy_total=-0.30 kvarh Record(1)",
            "loss_of_voltage_voltage_b=120.5 V Record(1)",
            "loss_of_voltage_current_b=-0.150 A Record(1)",
            "loss_of_voltage_active_power_c=-0.1234 kW Record(1)",
            "loss_of_voltage_power_factor_c=0.995 Record(1)",
            "loss_of_voltage_charge_c=0.10 Ah Record(1)",
        ] {
            assert!(found.iter().any(|value| value == expected), "{expected} in {found:?}");
        }
        let longer = read("03010201", &[&record[..], &[0]].concat());
        assert_eq!((longer.len(), longer[2].len()), (3, "loss_of_voltage_rest_b= Record(1)".len() + 2 * 120));
        assert_eq!(read("03010201", &times).len(), 2);
    }

    #[test]
    fn requests_have_labels_too() {
        let label = |id: &str| items(Dialect::V2007).label(id.parse().unwrap());
        assert_eq!(label("0001FF00"), Some(("Forward active energy", "正向有功电能")));
        assert_eq!(label("04CC0001"), None);
    }

    #[test]
    fn a_register_is_found_where_it_is_asked_for() {
        let obis = [1, 0, 1, 8, 2, 255];
        let place = |dialect, obis, history| {
            items(dialect).place(obis, history).map(|place| {
                let show = |id: Option<DataId>| id.map(|id| id.to_string());
                (show(place.single), show(place.block), place.index)
            })
        };
        let found = |single: Option<&str>, block: Option<&str>, index| {
            Some((single.map(str::to_owned), block.map(str::to_owned), index))
        };
        let v2007 = |obis, history| place(Dialect::V2007, obis, history);
        assert_eq!(v2007(obis, History::Now), found(Some("00010200"), Some("0001FF00"), 2));
        assert_eq!(v2007(obis, History::Settlement(1)), found(Some("00010201"), Some("0001FF01"), 2));
        assert_eq!(v2007(obis, History::Settlement(13)), None);
        assert_eq!(v2007(obis, History::Freeze(FreezeKind::Daily, 1)), found(None, Some("05060101"), 2));
        assert_eq!(v2007([1, 0, 52, 7, 0, 255], History::Now), found(Some("02010200"), Some("0201FF00"), 1));
        assert_eq!(v2007([1, 0, 52, 7, 0, 255], History::Settlement(1)), None);
        assert_eq!(v2007([0, 0, 19, 10, 0, 255], History::Now), found(Some("00900200"), None, 0));
        assert_eq!(v2007([1, 0, 99, 7, 0, 255], History::Now), None);
        assert_eq!(place(Dialect::V1997, obis, History::Settlement(2)), found(Some("9812"), Some("981F"), 2));
        assert_eq!(items(Dialect::V2007).load_class([1, 0, 1, 8, 0, 255]), Some(4));
    }
}
